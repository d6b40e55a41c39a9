import { z } from "zod";
import type { TimeRange } from "@stack-2025/byok-core";
import { keyId, timeRange, usageEvent } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { usageStatsWire } from "./wire.ts";

export const usage = {
  record: permitted("usage:write")
    .input(z.strictObject({ events: z.array(usageEvent).min(1, "is empty").max(1_000, "at most 1,000 events go in one call") }))
    .output(z.null())
    .mutation(async ({ ctx, input }) => {
      await ctx.byok.recordUsage(input.events);
      return null;
    }),
  stats: permitted("usage:read")
    .input(z.strictObject({ keyId, range: timeRange.optional() }))
    .output(usageStatsWire)
    .query(({ ctx, input }) => ctx.byok.getUsageStats(input.keyId, input.range as TimeRange | undefined)),
};

import { z } from "zod";
import { leakedSecret, leakFound } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";

export const leaks = {
  // A mutation: each look is in the audit, and what is asked for stays out of URLs.
  identify: permitted("system")
    .input(z.strictObject({ secret: leakedSecret }))
    .output(leakFound.nullable())
    .mutation(({ ctx, input }) => ctx.byok.identifyLeak(input.secret)),
};

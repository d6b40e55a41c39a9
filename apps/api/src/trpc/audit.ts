import { z } from "zod";
import type { TimeRange } from "@stack-2025/byok-core";
import { auditProof, listAuditFilter } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { auditPageWire, ownerFields, ownerIn } from "./wire.ts";

export const audit = {
  list: permitted("audit:read")
    .input(z.strictObject({ ...ownerFields, ...listAuditFilter.shape }))
    .output(auditPageWire)
    .query(async ({ ctx, input: { userId, organizationId, system, timeRange, ...filter } }) => {
      const owner = ownerIn({ userId, organizationId, system }, ctx.boundTo);
      const { items, nextCursor } = await ctx.byok.listAuditEvents(owner, { ...filter, ...(timeRange !== undefined && { timeRange: timeRange as TimeRange }) });
      return { items, nextCursor };
    }),
  verify: permitted("audit:read")
    .input(z.strictObject(ownerFields))
    .output(auditProof)
    // Nobody named: the owner that the token is bound to, or every owner.
    .query(({ ctx, input }) => {
      const named = Object.values(input).some((one) => one !== undefined);
      return named || ctx.boundTo ? ctx.byok.verifyAudit(ownerIn(input, ctx.boundTo)) : ctx.byok.verifyAudit();
    }),
};

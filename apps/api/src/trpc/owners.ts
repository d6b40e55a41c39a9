import { z } from "zod";
import { ownerPolicy, ownerPolicyInput } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { ownerFields, ownerIn } from "./wire.ts";

export const owners = {
  delete: permitted("keys:write")
    .input(z.strictObject(ownerFields))
    .output(z.null())
    .mutation(async ({ ctx, input }) => {
      await ctx.byok.deleteOwner(ownerIn(input, ctx.boundTo));
      return null;
    }),
  policy: permitted("keys:read")
    .input(z.strictObject(ownerFields))
    .output(ownerPolicy)
    .query(({ ctx, input }) => ctx.byok.getOwnerPolicy(ownerIn(input, ctx.boundTo))),
  setPolicy: permitted("keys:write")
    .input(z.strictObject({ ...ownerFields, ...ownerPolicyInput.shape }))
    .output(ownerPolicy)
    .mutation(({ ctx, input: { userId, organizationId, system, ...policy } }) => ctx.byok.setOwnerPolicy(ownerIn({ userId, organizationId, system }, ctx.boundTo), policy)),
};

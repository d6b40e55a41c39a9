import { z } from "zod";
import { externalId } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { newTokenWire, ownerFields, ownerIn, tokenRecordWire } from "./wire.ts";

export const tokens = {
  create: permitted("tokens:write")
    // The scopes' names are checked where tokens are made.
    .input(
      z.strictObject({
        name: z.string(),
        scopes: z.array(z.string()).max(50),
        userId: externalId.optional(),
        organizationId: externalId.optional(),
        expiresInMs: z.number().optional(),
      }),
    )
    .output(newTokenWire)
    .mutation(({ ctx, input: { name, scopes, userId, organizationId, expiresInMs } }) => {
      const owner = ownerIn({ userId, organizationId }, ctx.boundTo);
      // Without an owner the token is service-wide.
      const bound = "userId" in owner || "organizationId" in owner ? { owner } : {};
      return ctx.tokens.create({ name, scopes, ...bound, ...(expiresInMs !== undefined && { expiresInMs }) });
    }),
  list: permitted("tokens:write")
    .input(z.strictObject(ownerFields))
    .output(z.array(tokenRecordWire))
    // A service-wide token that names nobody means the service-wide ones.
    .query(({ ctx, input }) => ctx.tokens.list(ownerIn(input, ctx.boundTo ?? { system: true }))),
  revoke: permitted("tokens:write")
    .input(z.strictObject({ id: z.string().max(1_000) }))
    .output(z.null())
    .mutation(async ({ ctx, input }) => {
      await ctx.tokens.revoke(input.id);
      return null;
    }),
};

import { z } from "zod";
import type { AddKey, KeyData } from "@stack-2025/byok-core";
import { addKeyInput, keyId, listKeysFilter, provider, rotateOptions, updateKeyInput, useOptions, validationResult } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { activeKeyWire, candidateWire, keyHealthWire, keyPageWire, keyRecordWire, ownerFields, ownerIn, providerConfigWire } from "./wire.ts";

const oneKey = z.strictObject({ keyId });
/** Nested, since `organizationId` means something else in them than among the owner's fields. */
const useInput = z.strictObject({ ...ownerFields, provider, options: useOptions.optional() });

export const keys = {
  add: permitted("keys:write")
    .input(addKeyInput)
    .output(keyRecordWire)
    .mutation(({ ctx, input }) => ctx.byok.addKey(input as AddKey)),
  get: permitted("keys:read")
    .input(oneKey)
    .output(keyRecordWire)
    .query(({ ctx, input }) => ctx.byok.getKey(input.keyId)),
  list: permitted("keys:read")
    .input(z.strictObject({ ...ownerFields, ...listKeysFilter.shape }))
    .output(keyPageWire)
    .query(async ({ ctx, input: { userId, organizationId, system, ...filter } }) => {
      const { items, nextCursor } = await ctx.byok.listKeys(ownerIn({ userId, organizationId, system }, ctx.boundTo), filter);
      return { items, nextCursor };
    }),
  update: permitted("keys:write")
    .input(z.strictObject({ ...oneKey.shape, ...updateKeyInput.shape }))
    .output(keyRecordWire)
    .mutation(({ ctx, input: { keyId: id, ...updates } }) => ctx.byok.updateKey(id, updates)),
  delete: permitted("keys:write")
    .input(oneKey)
    .output(z.null())
    .mutation(async ({ ctx, input }) => {
      await ctx.byok.deleteKey(input.keyId);
      return null;
    }),
  test: permitted("keys:write")
    .input(oneKey)
    .output(z.boolean())
    .mutation(({ ctx, input }) => ctx.byok.testKey(input.keyId)),
  rotate: permitted("keys:write")
    // As in `add`: exactly one of keyData and sealed.
    .input(
      z
        .strictObject({ ...oneKey.shape, ...rotateOptions.shape, keyData: z.unknown().optional(), sealed: z.string().max(65_536).optional() })
        .refine((value) => value.keyData === undefined || value.sealed === undefined, { path: ["sealed"], message: "give keyData or sealed, not both" }),
    )
    .output(keyRecordWire)
    .mutation(({ ctx, input: { keyId: id, keyData, sealed, ...options } }) => ctx.byok.rotateKey(id, (sealed === undefined ? keyData : { sealed }) as KeyData, options)),
  rollback: permitted("keys:write")
    .input(oneKey)
    .output(keyRecordWire)
    .mutation(({ ctx, input }) => ctx.byok.rollbackKey(input.keyId)),
  health: permitted("keys:read")
    .input(oneKey)
    .output(keyHealthWire)
    .query(({ ctx, input }) => ctx.byok.getKeyHealth(input.keyId)),
  validateAll: permitted("keys:write")
    .input(z.strictObject(ownerFields))
    .output(z.array(validationResult))
    .mutation(({ ctx, input }) => ctx.byok.validateAllKeys(ownerIn(input, ctx.boundTo))),
  explain: permitted("keys:read")
    .input(useInput)
    .output(z.array(candidateWire))
    .query(({ ctx, input }) => ctx.byok.explain(ownerIn(input, ctx.boundTo), input.provider, input.options)),
  // Mutations: each hand-out is written into the audit, and nothing on the way may keep an answer.
  active: permitted("keys:reveal")
    // `except`: the ids that a caller has tried, when it fails over by itself.
    .input(useInput.extend({ except: z.array(keyId).max(100).optional() }))
    .output(activeKeyWire)
    .mutation(({ ctx, input: { provider: type, options, except, ...named } }) => {
      const owner = ownerIn(named, ctx.boundTo);
      return except ? ctx.revealNext(owner, type, options ?? {}, except) : ctx.byok.getActiveKey(owner, type, options);
    }),
  providerConfig: permitted("keys:reveal")
    .input(useInput)
    .output(providerConfigWire)
    .mutation(({ ctx, input }) => ctx.byok.getProviderConfig(ownerIn(input, ctx.boundTo), input.provider, input.options)),
};

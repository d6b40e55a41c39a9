import { z } from "zod";
import type { AddKey } from "@stack-2025/byok-core";
import { addKeyInput, keyId, listKeysFilter, provider, updateKeyInput, useOptions } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { activeKeyWire, keyPageWire, keyRecordWire, ownerFields, ownerIn, providerConfigWire } from "./wire.ts";

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

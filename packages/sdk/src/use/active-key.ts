import { providerFor, type KeyData, type ProviderType } from "@stack-2025/byok-providers";
import type { ActiveKey, Environment, KeySource } from "../byok.ts";
import { guardPrinting } from "./guard-printing.ts";

/** The key as callers get it: frozen, shared between them, and silent when printed. */
export function activeKey<P extends ProviderType>(
  from: { keyId: string; source: KeySource; provider: P; environment: Environment; alias: string | null; version: number },
  keyData: KeyData<P>,
): ActiveKey<P> {
  const provider = providerFor(from.provider);
  const metadata = provider.metadata(keyData);
  const key = {
    ...from,
    decryptedKey: provider.principal(keyData),
    keyData: Object.freeze(guardPrinting({ ...(keyData as object) }, "KeyData", metadata as Record<string, unknown>)) as KeyData<P>,
    metadata: Object.freeze({ ...(metadata as object) }) as ActiveKey<P>["metadata"],
  };
  return Object.freeze(guardPrinting(key, "ActiveKey", { ...from, metadata }));
}

/**
 * One random key for each owner and version, never computed from the root key or from an id: deleting its wrapped form
 * shreds everything that was sealed under it (SECURITY S-02, S-25).
 */
import { contextOf } from "./context.ts";
import { engine, type SymmetricKey } from "./engine.ts";
import { doesNotOpen, envelopeSuite, envelopeVersion, openEnvelope, requireVersion, sealEnvelope } from "./envelope.ts";
import type { WrapKey } from "./installation-key.ts";
import { labels } from "./labels.ts";

export interface TenantKey {
  readonly ownerId: string;
  /** From 1, and it only rises. */
  readonly version: number;
  readonly key: SymmetricKey;
}

/** Whose key it is, and which one. A wrapped key unwraps for nobody else. */
export interface TenantKeyPlace {
  installationId: string;
  ownerId: string;
  version: number;
}

/**
 * A new tenant key and its wrapped form, which names the version of `wrapKey` (see `envelopeKeyVersion`).
 *
 * @throws RangeError on a version that is not a whole number from 1 to 2^32-1
 */
export function makeTenantKey(wrapKey: WrapKey, at: TenantKeyPlace): { tenantKey: TenantKey; wrapped: Uint8Array } {
  requireVersion(at.version);
  const context = tenantKeyContext(wrapKey, at);
  const bytes = engine.randomBytes(32);
  try {
    const wrapped = sealEnvelope(wrapKey.key, wrapKey.version, bytes, context);
    return { tenantKey: { ownerId: at.ownerId, version: at.version, key: engine.importKey(bytes) }, wrapped };
  } finally {
    engine.wipe(bytes);
  }
}

/** @throws EncryptionError where it was changed, moved to another owner or version, or wrapped by another key */
export function unwrapTenantKey(wrapKey: WrapKey, wrapped: Uint8Array, at: TenantKeyPlace): TenantKey {
  const bytes = openEnvelope(wrapKey.key, wrapKey.version, wrapped, tenantKeyContext(wrapKey, at));
  try {
    if (bytes.length !== 32) throw doesNotOpen();
    return { ownerId: at.ownerId, version: at.version, key: engine.importKey(bytes) };
  } finally {
    engine.wipe(bytes);
  }
}

/**
 * The same tenant key, wrapped by another version of the installation's wrapping key. The key and all sealed under it stay.
 *
 * @throws EncryptionError where `wrapped` is not `from`'s for this place
 */
export function rewrapTenantKey(from: WrapKey, to: WrapKey, wrapped: Uint8Array, at: TenantKeyPlace): Uint8Array {
  const bytes = openEnvelope(from.key, from.version, wrapped, tenantKeyContext(from, at));
  try {
    if (bytes.length !== 32) throw doesNotOpen();
    return sealEnvelope(to.key, to.version, bytes, tenantKeyContext(to, at));
  } finally {
    engine.wipe(bytes);
  }
}

function tenantKeyContext(wrapKey: WrapKey, at: TenantKeyPlace): Uint8Array {
  return contextOf(labels.tenantWrap, envelopeVersion, envelopeSuite, at.installationId, at.ownerId, at.version, wrapKey.version);
}

/**
 * Sealing and opening the secret fields of provider keys. The bytes are those of `envelope.ts`; here they get their key,
 * the owner's, and their place.
 */
import { doesNotOpen, openEnvelope, sealEnvelope } from "./envelope.ts";
import { placeContext, type Place } from "./place.ts";
import type { TenantKey } from "./tenant-key.ts";

/** A place without the tenant key's version, which the tenant key itself brings. */
export type RecordPlace = Omit<Place, "tenantKeyVersion">;

/**
 * @returns an envelope, 98 bytes longer than `plain`, which stays the caller's to wipe
 * @throws Error where the place is another owner's: nothing may ever be sealed under a foreign tenant key
 */
export function sealRecord(tenantKey: TenantKey, plain: Uint8Array, place: RecordPlace): Uint8Array {
  if (tenantKey.ownerId !== place.ownerId) throw new Error("The tenant key belongs to another owner than the place.");
  return sealEnvelope(tenantKey.key, tenantKey.version, plain, placeContext({ ...place, tenantKeyVersion: tenantKey.version }));
}

/**
 * @returns the secret, the caller's to wipe
 * @throws EncryptionError always the same one; `details.reason: "unsupported_envelope"` on a format of another release
 */
export function openRecord(tenantKey: TenantKey, envelope: Uint8Array, place: RecordPlace): Uint8Array {
  if (tenantKey.ownerId !== place.ownerId) throw doesNotOpen();
  return openEnvelope(tenantKey.key, tenantKey.version, envelope, placeContext({ ...place, tenantKeyVersion: tenantKey.version }));
}

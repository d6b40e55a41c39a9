import { EncryptionError, type TenantKey } from "@stack-2025/byok-crypto";
import type { KeyData } from "@stack-2025/byok-providers";
import type { Keyring } from "../custody/keyring.ts";

/** Where a key's record stands. Moved anywhere else, it does not open. */
export interface KeyPlace {
  ownerId: string;
  keyId: string;
  keyVersion: number;
  custody: "managed" | "sealed";
  provider: string;
  environment: string;
}

/** Seals key data, secrets and all, under its owner's key. */
export function sealKeyData(keyring: Keyring, tenantKey: TenantKey, keyData: KeyData, place: KeyPlace): Uint8Array {
  const plain = Buffer.from(JSON.stringify(keyData), "utf8");
  try {
    return keyring.seal(tenantKey, plain, { ...place, field: "keyData" });
  } finally {
    plain.fill(0);
  }
}

/** @throws EncryptionError the record does not open in this place */
export function openKeyData(keyring: Keyring, tenantKey: TenantKey, sealed: Uint8Array, place: KeyPlace): KeyData {
  const plain = keyring.open(tenantKey, sealed, { ...place, field: "keyData" });
  try {
    return JSON.parse(new TextDecoder().decode(plain)) as KeyData;
  } catch {
    // The parser's message quotes what it read.
    throw new EncryptionError("The record does not hold key data.");
  } finally {
    plain.fill(0);
  }
}

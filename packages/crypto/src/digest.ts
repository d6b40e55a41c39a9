/**
 * Values that recognise without revealing. All but token hashes and plain digests are keyed, and keyed by owner: two owners
 * who store the same secret leave nothing in the database that shows it (SECURITY S-12).
 */
import { lengthPrefixed } from "./context.ts";
import { base64url, hex } from "./encoding.ts";
import { engine, type SymmetricKey } from "./engine.ts";
import type { WrapKey } from "./installation-key.ts";
import { labels, type Label } from "./labels.ts";

/**
 * The same for one secret at one owner and provider, and unlike for any other; base64url, 43 characters.
 *
 * @param canonicalSecret the part of the credential that tells it from others, in the one form its provider gives it
 */
export function fingerprint(fingerprintKey: WrapKey, at: { ownerId: string; provider: string }, canonicalSecret: string): string {
  return fingerprinter(fingerprintKey, at.ownerId)(at.provider, canonicalSecret);
}

/** `fingerprint` for many secrets of one owner: the owner's key is made once. */
export function fingerprinter(fingerprintKey: WrapKey, ownerId: string): (provider: string, canonicalSecret: string) => string {
  const key = ownerKey(fingerprintKey, labels.fingerprintOwner, ownerId);
  return (provider, canonicalSecret) => {
    const message = lengthPrefixed(labels.fingerprint, provider, canonicalSecret);
    const mac = engine.hmac(key, message);
    engine.wipe(message);
    return base64url(mac);
  };
}

/** A link of an owner's audit chain over the event's canonical bytes, which hold the link before; base64url, 43 characters. */
export function auditMac(auditKey: WrapKey, ownerId: string, bytes: Uint8Array): string {
  return base64url(engine.hmac(ownerKey(auditKey, labels.auditOwner, ownerId), lengthPrefixed(labels.auditMac, bytes)));
}

/** How a service token or link is stored and looked up; base64url, 43 characters. Tokens are random, so it needs no key. */
export function tokenHash(token: string): string {
  const message = lengthPrefixed(labels.token, token);
  const digest = engine.sha256(message);
  engine.wipe(message);
  return base64url(digest);
}

/** SHA-256 of public bytes, lower-case hexadecimal. */
export function sha256Hex(bytes: Uint8Array): string {
  return hex(engine.sha256(bytes));
}

/** SHA-256 of public bytes, base64url. */
export function sha256Base64url(bytes: Uint8Array): string {
  return base64url(engine.sha256(bytes));
}

function ownerKey(installationKey: WrapKey, label: Label, ownerId: string): SymmetricKey {
  const bytes = engine.hmac(installationKey.key, lengthPrefixed(label, ownerId));
  const key = engine.importKey(bytes);
  engine.wipe(bytes);
  return key;
}

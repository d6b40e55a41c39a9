/**
 * The few keys of an installation: one for each purpose and version, random, wrapped by the root. Rotating the root rewraps
 * these rows and touches nothing below them.
 */
import { contextOf } from "./context.ts";
import { engine, type SymmetricKey } from "./engine.ts";
import { doesNotOpen, requireVersion } from "./envelope.ts";
import { labels } from "./labels.ts";
import { unwrapUnder, wrapUnder, type RootKey } from "./root-key.ts";

/** What an installation key is for: wrapping tenant keys, or making fingerprints, audit links or cursors. */
export type InstallationPurpose = "tenant-wrap" | "fingerprint" | "audit" | "cursor";

/** An installation key in use. */
export interface WrapKey {
  /** From 1, and it only rises. */
  readonly version: number;
  readonly key: SymmetricKey;
}

/** Which key of which installation. A wrapped key unwraps as nothing else. */
export interface InstallationKeyPlace {
  installationId: string;
  purpose: InstallationPurpose;
  version: number;
}

/**
 * @throws RangeError on a version that is not a whole number from 1 to 2^32-1
 * @throws EncryptionError where the root key's service cannot be reached
 */
export async function makeInstallationKey(root: RootKey, at: InstallationKeyPlace): Promise<{ key: WrapKey; wrapped: Uint8Array }> {
  requireVersion(at.version);
  const bytes = engine.randomBytes(32);
  try {
    const wrapped = await wrapUnder(root, bytes, installationKeyContext(at));
    return { key: { version: at.version, key: engine.importKey(bytes) }, wrapped };
  } finally {
    engine.wipe(bytes);
  }
}

/** @throws EncryptionError where it was changed, is that of another place, or was wrapped by another root */
export async function unwrapInstallationKey(root: RootKey, wrapped: Uint8Array, at: InstallationKeyPlace): Promise<WrapKey> {
  const bytes = await unwrapUnder(root, wrapped, installationKeyContext(at));
  try {
    if (bytes.length !== 32) throw doesNotOpen();
    return { version: at.version, key: engine.importKey(bytes) };
  } finally {
    engine.wipe(bytes);
  }
}

/**
 * The same key, wrapped by another root. What comes out was unwrapped again and compared: nothing that cannot be opened ever
 * takes the place of something that can.
 *
 * @throws EncryptionError where `wrapped` is not `from`'s for this place, or a root key's service cannot be reached
 */
export async function rewrapInstallationKey(from: RootKey, to: RootKey, wrapped: Uint8Array, at: InstallationKeyPlace): Promise<Uint8Array> {
  const context = installationKeyContext(at);
  const bytes = await unwrapUnder(from, wrapped, context);
  try {
    if (bytes.length !== 32) throw doesNotOpen();
    const again = await wrapUnder(to, bytes, context);
    const opened = await unwrapUnder(to, again, context);
    try {
      if (!engine.equalBytes(opened, bytes)) throw doesNotOpen();
    } finally {
      engine.wipe(opened);
    }
    return again;
  } finally {
    engine.wipe(bytes);
  }
}

function installationKeyContext(at: InstallationKeyPlace): Uint8Array {
  return contextOf(labels.installationWrap, at.installationId, at.purpose, at.version);
}

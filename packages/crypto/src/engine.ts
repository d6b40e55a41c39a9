/**
 * The primitives that everything in this package is made of, behind one synchronous interface with two engines that
 * give the same bytes: `node:crypto` in Node, @noble in browsers and edge runtimes and as the second opinion in tests.
 * Which one is chosen is settled by the `#engine` import of package.json, so that no bundle carries the other.
 */
import { engine as chosen } from "#engine";

/** A 32-byte key inside an engine. It has no readable bytes: it neither prints nor serialises. */
export interface SymmetricKey {
  readonly kind: "byok-key";
}

/** AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags, HKDF (RFC 5869), HMAC and SHA-256, PBKDF2 (RFC 8018). */
export interface Engine {
  readonly name: "node" | "portable";
  /** Takes a copy of exactly 32 bytes; the caller may wipe its own. @throws RangeError on another length */
  importKey(bytes: Uint8Array): SymmetricKey;
  /** Bytes of the platform's CSPRNG. @throws whatever a failing generator throws; there is no second source */
  randomBytes(length: number): Uint8Array;
  /** @returns ciphertext, then the 16-byte tag. @throws RangeError on a nonce that is not 12 bytes */
  sealGcm(key: SymmetricKey, nonce: Uint8Array, plain: Uint8Array, aad: Uint8Array): Uint8Array;
  /** @throws on any failure, a tag of less than 16 bytes included; gives out nothing that was not authenticated */
  openGcm(key: SymmetricKey, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array;
  /** HKDF-SHA256, extract and expand; `length` up to 8,160 bytes, `info` under 1,024 (Node's limit). */
  hkdf(key: SymmetricKey | Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** HMAC-SHA256 over the pieces one after another: the pieces' borders are not part of it. */
  hmac(key: SymmetricKey, ...data: Uint8Array[]): Uint8Array;
  sha256(data: Uint8Array): Uint8Array;
  /** PBKDF2-HMAC-SHA256, 32 bytes; the event loop goes on meanwhile. */
  pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array>;
  /** In constant time for equal lengths; different lengths are simply unequal. */
  equalBytes(a: Uint8Array, b: Uint8Array): boolean;
  /** Overwrites with zeros. */
  wipe(bytes: Uint8Array): void;
}

/** The engine of the platform that this runs on. */
export const engine: Engine = chosen;

/**
 * The engine of browsers and edge runtimes, in plain JavaScript: audited, synchronous, the same bytes as Node's. Its AES
 * reads tables, whose timing can leak on hardware shared with an attacker; a server takes the other one.
 */
import { gcm } from "@noble/ciphers/aes.js";
import { equalBytes } from "@noble/ciphers/utils.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { pbkdf2Async } from "@noble/hashes/pbkdf2.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Engine, SymmetricKey } from "./engine.ts";

class PortableKey implements SymmetricKey {
  readonly kind = "byok-key";
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
  }

  static bytes(key: SymmetricKey): Uint8Array {
    if (!(key instanceof PortableKey)) throw new TypeError("The key was made by another engine, or by another copy of byok-crypto.");
    return key.#bytes;
  }
}

export const portableEngine: Engine = {
  name: "portable",

  importKey(bytes) {
    if (bytes.length !== 32) throw new RangeError(`A key has 32 bytes, not ${bytes.length}.`);
    return new PortableKey(bytes);
  },

  randomBytes(length) {
    return crypto.getRandomValues(new Uint8Array(length));
  },

  sealGcm(key, nonce, plain, aad) {
    requireNonce(nonce);
    return gcm(PortableKey.bytes(key), nonce, aad).encrypt(plain);
  },

  openGcm(key, nonce, sealed, aad) {
    requireNonce(nonce);
    return gcm(PortableKey.bytes(key), nonce, aad).decrypt(sealed);
  },

  hkdf(key, salt, info, length) {
    return hkdf(sha256, key instanceof Uint8Array ? key : PortableKey.bytes(key), salt, info, length);
  },

  hmac(key, ...data) {
    const mac = hmac.create(sha256, PortableKey.bytes(key));
    for (const piece of data) mac.update(piece);
    return mac.digest();
  },

  sha256(data) {
    return sha256(data);
  },

  pbkdf2(password, salt, iterations) {
    return pbkdf2Async(sha256, password, salt, { c: iterations, dkLen: 32 });
  },

  equalBytes(a, b) {
    return equalBytes(a, b);
  },

  wipe(bytes) {
    bytes.fill(0);
  },
};

function requireNonce(nonce: Uint8Array): void {
  if (nonce.length !== 12) throw new RangeError(`A nonce has 12 bytes, not ${nonce.length}.`);
}

export { portableEngine as engine };

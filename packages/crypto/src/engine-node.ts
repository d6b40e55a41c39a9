/**
 * The engine of Node: OpenSSL through `node:crypto`, constant time and with AES-NI. Keys are `KeyObject`s, never Buffers:
 * on Node 24 a cipher made from a raw Buffer costs seven times as much, and a `KeyObject` does not print its bytes.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  pbkdf2 as pbkdf2WithCallback,
  randomFillSync,
  timingSafeEqual,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import type { Engine, SymmetricKey } from "./engine.ts";

const pbkdf2 = promisify(pbkdf2WithCallback);

const cipherName = "aes-256-gcm";
const tagBytes = 16;
/** Without it Node takes a tag of 4 bytes for a good one. */
const options = { authTagLength: tagBytes };

class NodeKey implements SymmetricKey {
  readonly kind = "byok-key";
  readonly #object: KeyObject;

  constructor(bytes: Uint8Array) {
    this.#object = createSecretKey(bytes);
  }

  static object(key: SymmetricKey): KeyObject {
    if (!(key instanceof NodeKey)) throw new TypeError("The key was made by another engine, or by another copy of byok-crypto.");
    return key.#object;
  }
}

/** A plain view: callers get no Buffer methods, and results of both engines compare equal. */
const viewOf = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);

export const nodeEngine: Engine = {
  name: "node",

  importKey(bytes) {
    if (bytes.length !== 32) throw new RangeError(`A key has 32 bytes, not ${bytes.length}.`);
    return new NodeKey(bytes);
  },

  randomBytes(length) {
    return randomFillSync(new Uint8Array(length));
  },

  sealGcm(key, nonce, plain, aad) {
    requireNonce(nonce);
    const cipher = createCipheriv(cipherName, NodeKey.object(key), nonce, options).setAAD(aad);
    const sealed = new Uint8Array(plain.length + tagBytes);
    sealed.set(cipher.update(plain));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  },

  openGcm(key, nonce, sealed, aad) {
    requireNonce(nonce);
    const end = sealed.length - tagBytes;
    if (end < 0) throw new RangeError(`Sealed bytes are at least ${tagBytes} long.`);
    const decipher = createDecipheriv(cipherName, NodeKey.object(key), nonce, options).setAAD(aad).setAuthTag(sealed.subarray(end));
    const plain = viewOf(decipher.update(sealed.subarray(0, end)));
    try {
      decipher.final();
    } catch (error) {
      plain.fill(0);
      throw error;
    }
    return plain;
  },

  hkdf(key, salt, info, length) {
    return new Uint8Array(hkdfSync("sha256", key instanceof Uint8Array ? key : NodeKey.object(key), salt, info, length));
  },

  hmac(key, ...data) {
    const mac = createHmac("sha256", NodeKey.object(key));
    for (const piece of data) mac.update(piece);
    return viewOf(mac.digest());
  },

  sha256(data) {
    return viewOf(hash("sha256", data, "buffer"));
  },

  async pbkdf2(password, salt, iterations) {
    return viewOf(await pbkdf2(password, salt, iterations, 32, "sha256"));
  },

  equalBytes(a, b) {
    return a.length === b.length && timingSafeEqual(a, b);
  },

  wipe(bytes) {
    bytes.fill(0);
  },
};

function requireNonce(nonce: Uint8Array): void {
  if (nonce.length !== 12) throw new RangeError(`A nonce has 12 bytes, not ${nonce.length}.`);
}

export { nodeEngine as engine };

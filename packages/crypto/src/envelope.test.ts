import { createCipheriv } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contextOf } from "./context.ts";
import { hex } from "./encoding.ts";
import { nodeEngine } from "./engine-node.ts";
import { portableEngine } from "./engine-portable.ts";
import type { Engine, SymmetricKey } from "./engine.ts";
import { envelopeKeyVersion, openEnvelope, sealEnvelope } from "./envelope.ts";
import { EncryptionError } from "./errors.ts";
import { labels } from "./labels.ts";

const secret = new TextEncoder().encode("sk-test-not-a-key");
const context = contextOf(labels.record, "here");
const elsewhere = contextOf(labels.record, "there");
const key = nodeEngine.importKey(nodeEngine.randomBytes(32));
const otherKey = nodeEngine.importKey(nodeEngine.randomBytes(32));
const saltAt = 6;
const commitmentAt = 38;
const nonceAt = 70;
const sealedAt = 82;

const unsupported = expect.objectContaining({ code: "ENCRYPTION", details: { reason: "unsupported_envelope" } });
const errorOf = (open: () => unknown): unknown => {
  try {
    open();
  } catch (error) {
    return error;
  }
  return "It opened.";
};
const changed = (envelope: Uint8Array, change: (copy: Uint8Array) => void) => {
  const copy = Uint8Array.from(envelope);
  change(copy);
  return copy;
};
/** The Node engine with a record of its cipher's calls. */
function watched(): { using: Engine; opened: SymmetricKey[]; sealed: SymmetricKey[]; passed: Uint8Array[] } {
  const opened: SymmetricKey[] = [];
  const sealed: SymmetricKey[] = [];
  const passed: Uint8Array[] = [];
  const using: Engine = {
    ...nodeEngine,
    importKey: (bytes) => (passed.push(bytes), nodeEngine.importKey(bytes)),
    hkdf: (...given) => {
      const bytes = nodeEngine.hkdf(...given);
      passed.push(bytes);
      return bytes;
    },
    sealGcm: (with_, ...given) => (sealed.push(with_), nodeEngine.sealGcm(with_, ...given)),
    openGcm: (with_, ...given) => (opened.push(with_), nodeEngine.openGcm(with_, ...given)),
  };
  return { using, opened, sealed, passed };
}

describe("an envelope", () => {
  it("opens to what was sealed, from 0 bytes to 64 kB", () => {
    for (const length of [0, 1, 15, 16, 17, 1000, 65_536]) {
      const plain = nodeEngine.randomBytes(length);
      const envelope = sealEnvelope(key, 7, plain, context);
      expect(envelope).toHaveLength(98 + length);
      expect(openEnvelope(key, 7, envelope, context)).toEqual(plain);
    }
  });

  it("is laid out as documented", () => {
    const envelope = sealEnvelope(key, 0x01020304, secret, context);
    const derived = nodeEngine.hkdf(key, envelope.subarray(saltAt, commitmentAt), context, 64);
    expect(hex(envelope.subarray(0, 6))).toBe("010101020304");
    expect(envelope.subarray(commitmentAt, nonceAt)).toEqual(derived.subarray(32));
    const cipherKey = nodeEngine.importKey(derived.subarray(0, 32));
    expect(nodeEngine.openGcm(cipherKey, envelope.subarray(nonceAt, sealedAt), envelope.subarray(sealedAt), context)).toEqual(secret);
  });

  it("opens where it lies inside a larger array", () => {
    const around = new Uint8Array(300);
    const envelope = sealEnvelope(key, 1, secret, context);
    around.set(envelope, 100);
    expect(openEnvelope(key, 1, around.subarray(100, 100 + envelope.length), context)).toEqual(secret);
  });

  it.each([0, -1, 1.5, 2 ** 32, Number.NaN])("is not made under key version %d", (version) => {
    expect(() => sealEnvelope(key, version, secret, context)).toThrow(RangeError);
  });
});

describe("S-03 an envelope commits to its key", () => {
  it("a ciphertext that raw GCM opens under two keys opens only under the one it commits to, and the cipher never sees the other", () => {
    const salt = nodeEngine.randomBytes(32);
    const nonce = nodeEngine.randomBytes(12);
    const derive = (from: SymmetricKey) => {
      const bytes = nodeEngine.hkdf(from, salt, context, 64);
      return { bytes: bytes.slice(0, 32), cipherKey: nodeEngine.importKey(bytes.subarray(0, 32)), commitment: bytes.slice(32) };
    };
    const [one, other] = [derive(key), derive(otherKey)];
    const sealed = openingUnderBoth(one.bytes, other.bytes, nonce, context);

    expect(nodeEngine.openGcm(one.cipherKey, nonce, sealed, context)).toHaveLength(32);
    expect(nodeEngine.openGcm(other.cipherKey, nonce, sealed, context)).toHaveLength(32);
    expect(portableEngine.openGcm(portableEngine.importKey(other.bytes), nonce, sealed, context)).toHaveLength(32);

    const envelope = Uint8Array.of(1, 1, 0, 0, 0, 1, ...salt, ...one.commitment, ...nonce, ...sealed);
    expect(openEnvelope(key, 1, envelope, context)).toHaveLength(32);
    const watch = watched();
    expect(() => openEnvelope(otherKey, 1, envelope, context, watch.using)).toThrow(EncryptionError);
    expect(watch.opened).toHaveLength(0);
  });

  it("any flipped bit of the commitment is refused before the cipher runs", () => {
    const envelope = sealEnvelope(key, 1, secret, context);
    const watch = watched();
    for (let bit = 0; bit < 256; bit++) {
      expect(() => openEnvelope(key, 1, changed(envelope, (copy) => void (copy[commitmentAt + (bit >> 3)]! ^= 1 << (bit & 7))), context, watch.using)).toThrow(EncryptionError);
    }
    expect(watch.opened).toHaveLength(0);
    expect(openEnvelope(key, 1, envelope, context, watch.using)).toEqual(secret);
    expect(watch.opened).toHaveLength(1);
  });
});

describe("S-05 version and suite", () => {
  it("come first, and an unknown one says so", () => {
    const envelope = sealEnvelope(key, 1, secret, context);
    for (const [at, value] of [[0, 0], [0, 2], [0, 255], [1, 0], [1, 2], [1, 255]] as const) {
      expect(() => openEnvelope(key, 1, changed(envelope, (copy) => void (copy[at] = value)), context)).toThrow(unsupported);
    }
  });
});

describe("S-06 salts and nonces", () => {
  it("never repeat in 10,000 seals", () => {
    const salts = new Set<string>();
    const nonces = new Set<string>();
    for (let round = 0; round < 10_000; round++) {
      const envelope = sealEnvelope(key, 1, secret, context);
      salts.add(hex(envelope.subarray(saltAt, commitmentAt)));
      nonces.add(hex(envelope.subarray(nonceAt, sealedAt)));
    }
    expect([salts.size, nonces.size]).toEqual([10_000, 10_000]);
  });

  it("are not made up where the generator fails: nothing is sealed", () => {
    const watch = watched();
    const using: Engine = {
      ...watch.using,
      randomBytes: () => {
        throw new Error("no entropy");
      },
    };
    expect(() => sealEnvelope(key, 1, secret, context, using)).toThrow("no entropy");
    expect(watch.sealed).toHaveLength(0);
  });
});

describe("S-07 the key of the cipher", () => {
  it("is a new one for every envelope, and never the key that was given", () => {
    const watch = watched();
    for (let round = 0; round < 50; round++) sealEnvelope(key, 1, secret, context, watch.using);
    expect(watch.sealed).not.toContain(key);
    expect(new Set(watch.sealed.map((each) => hex(nodeEngine.hmac(each, secret)))).size).toBe(50);
  });
});

describe("S-09 failing to open", () => {
  const envelope = sealEnvelope(key, 3, secret, context);
  const flip = (at: number) => () => openEnvelope(key, 3, changed(envelope, (copy) => void (copy[at]! ^= 1)), context);
  const kinds: [string, () => unknown][] = [
    ["another key", () => openEnvelope(otherKey, 3, envelope, context)],
    ["another context", () => openEnvelope(key, 3, envelope, elsewhere)],
    ["another key version asked for", () => openEnvelope(key, 4, envelope, context)],
    ["another key version in the header", flip(5)],
    ["a changed salt", flip(saltAt)],
    ["a changed commitment", flip(commitmentAt)],
    ["a changed nonce", flip(nonceAt)],
    ["a changed ciphertext", flip(sealedAt)],
    ["a changed tag", flip(envelope.length - 1)],
    ["a cut end", () => openEnvelope(key, 3, envelope.subarray(0, -1), context)],
    ["a cut header", () => openEnvelope(key, 3, envelope.subarray(0, 3), context)],
    ["nothing", () => openEnvelope(key, 3, new Uint8Array(), context)],
    ["a byte more", () => openEnvelope(key, 3, Uint8Array.of(...envelope, 0), context)],
  ];

  it.each(kinds)("is the same error for %s", (_, open) => {
    const error = errorOf(open);
    expect(error).toBeInstanceOf(EncryptionError);
    expect(error).toEqual(errorOf(flip(envelope.length - 1)));
    expect(error).toHaveProperty("details", {});
    expect(error).not.toHaveProperty("cause");
  });

  it("tries one key once, and none where the header names another version", () => {
    const watch = watched();
    expect(() => openEnvelope(key, 3, changed(envelope, (copy) => void (copy[sealedAt]! ^= 1)), context, watch.using)).toThrow(EncryptionError);
    expect(watch.opened).toHaveLength(1);
    expect(() => openEnvelope(key, 4, envelope, context, watch.using)).toThrow(EncryptionError);
    expect(watch.opened).toHaveLength(1);
  });
});

describe("S-10 the engines", () => {
  it("make the same envelope of the same random bytes, and open each other's", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 44, maxLength: 44 }),
        fc.uint8Array({ maxLength: 2000, size: "max" }),
        fc.string({ maxLength: 100 }),
        fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        (bytes, random, plain, place, version) => {
          const where = contextOf(labels.record, place);
          const [a, b] = [nodeEngine.importKey(bytes), portableEngine.importKey(bytes)];
          const fixed = (each: Engine): Engine => ({ ...each, randomBytes: () => random });
          const envelope = sealEnvelope(a, version, plain, where, fixed(nodeEngine));
          expect(sealEnvelope(b, version, plain, where, fixed(portableEngine))).toEqual(envelope);
          expect(openEnvelope(b, version, envelope, where, portableEngine)).toEqual(plain);
          expect(openEnvelope(a, version, envelope, where, nodeEngine)).toEqual(plain);
        },
      ),
    );
  });

  it("open each other's envelopes of 64 kB", () => {
    const bytes = nodeEngine.randomBytes(32);
    const plain = nodeEngine.randomBytes(65_536);
    const [a, b] = [nodeEngine.importKey(bytes), portableEngine.importKey(bytes)];
    expect(openEnvelope(b, 1, sealEnvelope(a, 1, plain, context, nodeEngine), context, portableEngine)).toEqual(plain);
    expect(openEnvelope(a, 1, sealEnvelope(b, 1, plain, context, portableEngine), context, nodeEngine)).toEqual(plain);
  });
});

describe("S-28 temporary bytes", () => {
  it("are zero after sealing and after opening", () => {
    const watch = watched();
    const envelope = sealEnvelope(key, 1, secret, context, watch.using);
    openEnvelope(key, 1, envelope, context, watch.using);
    // Twice: what HKDF gave, and the cipher key's half of it.
    expect(watch.passed).toHaveLength(4);
    for (const bytes of watch.passed) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});

describe.each([nodeEngine, portableEngine])("B-39 a damaged envelope, engine $name", (using) => {
  const own = using.importKey(new Uint8Array(32).fill(4));
  const envelope = sealEnvelope(own, 1, secret, context, using);

  it("with any byte flipped does not open", () => {
    for (let at = 0; at < envelope.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        expect(() => openEnvelope(own, 1, changed(envelope, (copy) => void (copy[at]! ^= flip)), context, using)).toThrow(EncryptionError);
      }
    }
    expect(openEnvelope(own, 1, envelope, context, using)).toEqual(secret);
  });

  it("cut at any length does not open, nor empty, nor with a byte more", () => {
    for (let length = 0; length < envelope.length; length++) {
      expect(() => openEnvelope(own, 1, envelope.subarray(0, length), context, using)).toThrow(EncryptionError);
    }
    for (const more of [0, 1, 255]) {
      expect(() => openEnvelope(own, 1, Uint8Array.of(...envelope, more), context, using)).toThrow(EncryptionError);
      expect(() => openEnvelope(own, 1, Uint8Array.of(more, ...envelope), context, using)).toThrow(EncryptionError);
    }
  });
});

describe("B-40 an envelope's header", () => {
  const envelope = sealEnvelope(key, 2, secret, context);
  const withVersion = (version: number) => changed(envelope, (copy) => new DataView(copy.buffer).setUint32(2, version));

  it.each([[0, 0], [0, 2], [0, 255], [1, 0], [1, 255]])("byte %i set to %i does not open", (at, value) => {
    expect(() => openEnvelope(key, 2, changed(envelope, (copy) => void (copy[at] = value)), context)).toThrow(EncryptionError);
    expect(() => envelopeKeyVersion(changed(envelope, (copy) => void (copy[at] = value)))).toThrow(EncryptionError);
  });

  it.each([0, 1, 3, 2 ** 32 - 1])("key version %d in place of 2 does not open", (version) => {
    expect(() => openEnvelope(key, 2, withVersion(version), context)).toThrow(EncryptionError);
  });

  it("names its key's version, the last one too, and never 0", () => {
    expect(envelopeKeyVersion(envelope)).toBe(2);
    expect(envelopeKeyVersion(sealEnvelope(key, 2 ** 32 - 1, secret, context))).toBe(2 ** 32 - 1);
    expect(() => envelopeKeyVersion(withVersion(0))).toThrow(EncryptionError);
    for (let length = 0; length < 6; length++) expect(() => envelopeKeyVersion(envelope.subarray(0, length))).toThrow(EncryptionError);
  });
});

describe("B-42 parts of another record", () => {
  const envelope = sealEnvelope(key, 1, secret, context);
  const other = sealEnvelope(key, 1, secret, context);

  it.each([
    ["salt", saltAt, commitmentAt],
    ["commitment", commitmentAt, nonceAt],
    ["nonce", nonceAt, sealedAt],
    ["ciphertext and tag", sealedAt, envelope.length],
  ])("a %s zeroed, or taken from another record of the same key, does not open", (_, from, to) => {
    expect(() => openEnvelope(key, 1, changed(envelope, (copy) => copy.fill(0, from, to)), context)).toThrow(EncryptionError);
    expect(() => openEnvelope(key, 1, changed(envelope, (copy) => copy.set(other.subarray(from, to), from)), context)).toThrow(EncryptionError);
  });
});

/**
 * Two blocks and a tag that GCM accepts under both keys. The tag is linear in the ciphertext (SP 800-38D section 7.1), so with
 * one block free there is one equation in GF(2^128): tag1(c) = tag2(c). After "Fast Message Franking", Dodis et al., 2018.
 */
function openingUnderBoth(one: Uint8Array, other: Uint8Array, nonce: Uint8Array, aad: Uint8Array): Uint8Array {
  const first = nodeEngine.randomBytes(16);
  const free = new Uint8Array(16);
  const tagOf = (bytes: Uint8Array) => ghash(blockCipher(bytes, 0n), aad, [first, free]) ^ blockCipher(bytes, (toNumber(nonce) << 32n) | 1n);
  // The free block is the last but one of what GHASH takes in, so it counts times H squared.
  const weightOf = (bytes: Uint8Array) => multiply(blockCipher(bytes, 0n), blockCipher(bytes, 0n));
  free.set(toBytes(multiply(tagOf(one) ^ tagOf(other), inverse(weightOf(one) ^ weightOf(other)))));
  return Uint8Array.of(...first, ...free, ...toBytes(tagOf(one)));
}

function ghash(h: bigint, aad: Uint8Array, blocks: Uint8Array[]): bigint {
  let y = 0n;
  for (let at = 0; at < aad.length; at += 16) {
    const block = new Uint8Array(16);
    block.set(aad.subarray(at, at + 16));
    y = multiply(y ^ toNumber(block), h);
  }
  for (const block of blocks) y = multiply(y ^ toNumber(block), h);
  return multiply(y ^ ((BigInt(aad.length * 8) << 64n) | BigInt(blocks.length * 128)), h);
}

function multiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= y;
    y = y & 1n ? (y >> 1n) ^ (0xe1n << 120n) : y >> 1n;
  }
  return product;
}

/** x^(2^128 - 2), which is 1/x. */
function inverse(x: bigint): bigint {
  let power = x;
  let result = 1n << 127n;
  for (let bit = 1; bit < 128; bit++) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

function blockCipher(bytes: Uint8Array, block: bigint): bigint {
  return toNumber(createCipheriv("aes-256-ecb", bytes, null).setAutoPadding(false).update(toBytes(block)));
}
const toNumber = (bytes: Uint8Array) => BigInt(`0x${hex(bytes)}`);
const toBytes = (number: bigint) => Uint8Array.from(Buffer.from(number.toString(16).padStart(32, "0"), "hex"));

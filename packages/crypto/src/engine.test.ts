import { syncBuiltinESMExports } from "node:module";
import nodeCrypto from "node:crypto";
import { inspect } from "node:util";
import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fromHex, hex } from "./encoding.ts";
import { nodeEngine } from "./engine-node.ts";
import { portableEngine } from "./engine-portable.ts";
import { engine } from "./engine.ts";
import { rfc7914, wycheproof } from "./vectors/read.ts";

const engines = [nodeEngine, portableEngine];
const none = new Uint8Array();
const utf8 = (text: string) => new TextEncoder().encode(text);
const bytesOf = (text: string) => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
};

it("Node gets the engine of node:crypto", () => {
  expect(engine).toBe(nodeEngine);
});

describe.each(engines)("published vectors, engine $name", (one) => {
  interface Gcm {
    key: string;
    iv: string;
    aad: string;
    msg: string;
    ct: string;
    tag: string;
  }
  const open = ({ key, iv, aad, ct, tag }: Gcm) => hex(one.openGcm(one.importKey(bytesOf(key)), bytesOf(iv), bytesOf(ct + tag), bytesOf(aad)));
  const seal = ({ key, iv, aad, msg }: Gcm) => hex(one.sealGcm(one.importKey(bytesOf(key)), bytesOf(iv), bytesOf(msg), bytesOf(aad)));

  it("S-01 AES-256-GCM: 66 of 66 with a 96-bit nonce", () => {
    const { valid, invalid } = wycheproof<Gcm>("aes_256_gcm.json");
    const good = valid.filter(({ ivSize }) => ivSize === 96);
    const bad = invalid.filter(({ ivSize }) => ivSize === 96);
    expect([good.length, bad.length]).toEqual([39, 27]);
    for (const vector of good) {
      expect(open(vector), `tcId ${vector.tcId}`).toBe(vector.msg);
      expect(seal(vector), `tcId ${vector.tcId}`).toBe(vector.ct + vector.tag);
    }
    for (const vector of bad) expect(() => open(vector), `tcId ${vector.tcId}`).toThrow(Error);
  });

  it("nonces of any other length are refused, the 39 published ones included", () => {
    const { valid, invalid } = wycheproof<Gcm>("aes_256_gcm.json");
    const others = [...valid, ...invalid].filter(({ ivSize }) => ivSize !== 96);
    expect(others).toHaveLength(39);
    for (const vector of others) {
      expect(() => open(vector), `tcId ${vector.tcId}`).toThrow(RangeError);
      expect(() => seal(vector), `tcId ${vector.tcId}`).toThrow(RangeError);
    }
  });

  it("HKDF-SHA256: 86 of 86, and from an imported key the same as from its bytes", () => {
    const { valid, invalid } = wycheproof<{ ikm: string; salt: string; info: string; size: number; okm: string }>("hkdf_sha256.json");
    expect([valid.length, invalid.length]).toEqual([83, 3]);
    for (const { tcId, ikm, salt, info, size, okm } of valid) {
      expect(hex(one.hkdf(bytesOf(ikm), bytesOf(salt), bytesOf(info), size)), `tcId ${tcId}`).toBe(okm);
    }
    for (const { tcId, ikm, salt, info, size, okm } of valid.filter((vector) => vector.ikm.length === 64)) {
      expect(hex(one.hkdf(one.importKey(bytesOf(ikm)), bytesOf(salt), bytesOf(info), size)), `tcId ${tcId}`).toBe(okm);
    }
    for (const { tcId, ikm, salt, info, size } of invalid) {
      expect(() => one.hkdf(bytesOf(ikm), bytesOf(salt), bytesOf(info), size), `tcId ${tcId}`).toThrow(Error);
    }
  });

  it("HMAC-SHA256: 168 of 168 (six have keys over a block, which RFC 2104 hashes first)", () => {
    const { valid, invalid } = wycheproof<{ key: string; msg: string; tag: string }>("hmac_sha256.json");
    expect([valid.length, invalid.length]).toEqual([60, 108]);
    for (const { tcId, result, tag, ...vector } of [...valid, ...invalid]) {
      const bytes = bytesOf(vector.key);
      const key = one.importKey(bytes.length > 64 ? one.sha256(bytes) : bytes);
      const mac = one.hmac(key, bytesOf(vector.msg)).subarray(0, tag.length / 2);
      expect(one.equalBytes(mac, bytesOf(tag)), `tcId ${tcId}`).toBe(result === "valid");
    }
  });

  // Blocks of PBKDF2 are independent (RFC 8018 section 5.2), so our 32 bytes are the beginning of a longer answer.
  it("PBKDF2-HMAC-SHA256: 60 of 60, up to the 32 bytes that we ask for", async () => {
    const { valid } = wycheproof<{ password: string; salt: string; iterationCount: number; dk: string }>("pbkdf2_hmac_sha256.json");
    expect(valid).toHaveLength(60);
    for (const { tcId, iterationCount, dk, ...vector } of valid) {
      const key = hex(await one.pbkdf2(bytesOf(vector.password), bytesOf(vector.salt), iterationCount));
      const length = Math.min(64, dk.length);
      expect(key.slice(0, length), `tcId ${tcId}`).toBe(dk.slice(0, length));
    }
  });

  it("PBKDF2 of RFC 7914: 2 of 2", async () => {
    const cases = rfc7914();
    expect(cases).toHaveLength(2);
    for (const { passwordUtf8, saltUtf8, iterationCount, dk } of cases) {
      expect(hex(await one.pbkdf2(utf8(passwordUtf8), utf8(saltUtf8), iterationCount))).toBe(dk.slice(0, 64));
    }
  });
});

describe.each(engines)("the engine's contract, engine $name", (one) => {
  const key = one.importKey(new Uint8Array(32).fill(9));
  const nonce = new Uint8Array(12).fill(3);

  it.each([0, 4, 8, 12, 15])("S-01 a tag cut to %i bytes is refused", (length) => {
    const sealed = one.sealGcm(key, nonce, utf8("a secret"), none);
    expect(() => one.openGcm(key, nonce, sealed.subarray(0, sealed.length - 16 + length), none)).toThrow(Error);
    expect(new TextDecoder().decode(one.openGcm(key, nonce, sealed, none))).toBe("a secret");
  });

  it.each([0, 4, 8, 12, 15])("S-01 nothing but a tag of %i bytes is refused", (length) => {
    const tag = one.sealGcm(key, nonce, none, none);
    expect(() => one.openGcm(key, nonce, tag.subarray(0, length), none)).toThrow(Error);
    expect(one.openGcm(key, nonce, tag, none)).toHaveLength(0);
  });

  it("S-14 equalBytes tells any difference, and takes different lengths for a difference", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, place, flip) => {
        const other = Uint8Array.from(bytes);
        expect(one.equalBytes(bytes, other)).toBe(true);
        expect(one.equalBytes(bytes, bytes.subarray(1))).toBe(false);
        expect(one.equalBytes(bytes, Uint8Array.of(...bytes, 0))).toBe(false);
        other[place % other.length]! ^= flip;
        expect(one.equalBytes(bytes, other)).toBe(false);
      }),
    );
    expect(one.equalBytes(none, none)).toBe(true);
  });

  it("importKey copies: the caller may wipe its bytes", () => {
    const bytes = new Uint8Array(32).fill(5);
    const imported = one.importKey(bytes);
    const before = one.hmac(imported, utf8("x"));
    one.wipe(bytes);
    expect(bytes).toEqual(new Uint8Array(32));
    expect(one.hmac(imported, utf8("x"))).toEqual(before);
  });

  it.each([0, 16, 31, 33, 64])("importKey refuses %i bytes", (length) => {
    expect(() => one.importKey(new Uint8Array(length))).toThrow(RangeError);
  });

  it("S-28 a key shows no byte, however it is looked at", () => {
    const secret = one.importKey(utf8("0123456789abcdefABCDEFGHIJKLMNOP"));
    const shown = [inspect(secret, { depth: 10, showHidden: true }), JSON.stringify(secret), JSON.stringify({ ...secret })];
    expect(Object.keys(secret)).toEqual(["kind"]);
    for (const text of shown) {
      expect(text).not.toContain("0123456789");
      expect(text).not.toContain("48, 49, 50");
      expect(text).not.toContain("30 31 32");
    }
  });

  it("a key of the other engine is refused", () => {
    const other = (one === nodeEngine ? portableEngine : nodeEngine).importKey(new Uint8Array(32));
    expect(() => one.hmac(other, none)).toThrow(TypeError);
    expect(() => one.hkdf(other, none, none, 32)).toThrow(TypeError);
  });

  it("hmac runs over its pieces as if they were one", () => {
    expect(one.hmac(key, utf8("ab"), none, utf8("c"))).toEqual(one.hmac(key, utf8("abc")));
  });

  it("results are plain arrays of their own: no Buffer, no memory shared with others", async () => {
    const sealed = one.sealGcm(key, nonce, utf8("a secret"), none);
    const results = [
      sealed,
      one.openGcm(key, nonce, sealed, none),
      one.hkdf(key, none, none, 32),
      one.hmac(key, none),
      one.sha256(none),
      one.randomBytes(32),
      await one.pbkdf2(none, none, 1),
    ];
    for (const bytes of results) {
      expect(bytes.constructor).toBe(Uint8Array);
      expect(bytes.buffer.byteLength).toBeLessThan(bytes.length + 64);
    }
  });

  it("S-15 the event loop goes on while a passphrase is derived", async () => {
    let turns = 0;
    let done = false;
    const turn = () => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    await one.pbkdf2(utf8("a passphrase of some length"), new Uint8Array(16), 100_000);
    done = true;
    expect(turns).toBeGreaterThan(2);
  });
});

describe("S-01 the Node engine", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });

  it("tells OpenSSL the length of the tag, without which Node 24 opens with 4 bytes of it", () => {
    const opened = vi.spyOn(nodeCrypto, "createDecipheriv");
    const sealing = vi.spyOn(nodeCrypto, "createCipheriv");
    syncBuiltinESMExports();
    const key = nodeEngine.importKey(new Uint8Array(32));
    const nonce = new Uint8Array(12);
    nodeEngine.openGcm(key, nonce, nodeEngine.sealGcm(key, nonce, none, none), none);
    for (const call of [...opened.mock.calls, ...sealing.mock.calls]) expect(call).toHaveProperty("3", { authTagLength: 16 });
    expect([opened.mock.calls.length, sealing.mock.calls.length]).toEqual([1, 1]);
  });
});

const broken = () => {
  throw new Error("no entropy");
};

describe("S-06 a generator of random bytes that fails", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
  it("throws out of the Node engine", () => {
    vi.spyOn(nodeCrypto, "randomFillSync").mockImplementation(broken);
    syncBuiltinESMExports();
    expect(() => nodeEngine.randomBytes(12)).toThrow("no entropy");
  });

  it("throws out of the portable engine", () => {
    vi.spyOn(globalThis.crypto, "getRandomValues").mockImplementation(broken);
    expect(() => portableEngine.randomBytes(12)).toThrow("no entropy");
  });
});

describe("S-10 the two engines agree byte for byte", () => {
  const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const short = fc.uint8Array({ maxLength: 300 });

  it("on AES-GCM, and each opens what the other sealed", () => {
    fc.assert(
      fc.property(key32, fc.uint8Array({ minLength: 12, maxLength: 12 }), short, short, (bytes, nonce, plain, aad) => {
        const [a, b] = [nodeEngine.importKey(bytes), portableEngine.importKey(bytes)];
        const sealed = nodeEngine.sealGcm(a, nonce, plain, aad);
        expect(portableEngine.sealGcm(b, nonce, plain, aad)).toEqual(sealed);
        expect(portableEngine.openGcm(b, nonce, sealed, aad)).toEqual(plain);
        expect(nodeEngine.openGcm(a, nonce, sealed, aad)).toEqual(plain);
      }),
      { numRuns: 200 },
    );
  });

  it("on HKDF, HMAC and SHA-256", () => {
    fc.assert(
      fc.property(key32, short, short, fc.integer({ min: 1, max: 200 }), (bytes, salt, data, length) => {
        const [a, b] = [nodeEngine.importKey(bytes), portableEngine.importKey(bytes)];
        expect(portableEngine.hkdf(b, salt, data, length)).toEqual(nodeEngine.hkdf(a, salt, data, length));
        expect(portableEngine.hkdf(data, salt, bytes, length)).toEqual(nodeEngine.hkdf(data, salt, bytes, length));
        expect(portableEngine.hmac(b, salt, data)).toEqual(nodeEngine.hmac(a, salt, data));
        expect(portableEngine.sha256(data)).toEqual(nodeEngine.sha256(data));
      }),
      { numRuns: 200 },
    );
  });

  it("on PBKDF2", async () => {
    await fc.assert(
      fc.asyncProperty(short, fc.uint8Array({ minLength: 16, maxLength: 64 }), fc.integer({ min: 1, max: 50 }), async (password, salt, iterations) => {
        expect(await portableEngine.pbkdf2(password, salt, iterations)).toEqual(await nodeEngine.pbkdf2(password, salt, iterations));
      }),
      { numRuns: 50 },
    );
  });
});

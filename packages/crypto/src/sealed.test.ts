import { inspect } from "node:util";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { base64url, fromBase64url, fromHex, hex } from "./encoding.ts";
import { EncryptionError, toWire } from "./errors.ts";
import { sealOnce } from "./hpke.ts";
import { createSealingKeyPair, sealingKeyId, sealKeyData, unsealKeyData, type SealingKeyPair } from "./sealed.ts";
import { agreedFor, sealedHeader, writeSealed } from "./sealed-text.ts";
import { x25519 } from "./vectors/read.ts";

const secret = "sk-proj-canary-6f1d2c";
const keyData = { apiKey: secret, organization: "org-1" };
const bytesOf = (text: string) => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
};
const prefix = "sealed_";
const read = (sealed: string) => {
  const bytes = fromBase64url(sealed.slice(prefix.length));
  if (bytes === undefined) throw new Error("not base64url");
  return bytes;
};
const write = (bytes: Uint8Array) => prefix + base64url(bytes);
/** Where things stand in what was sealed for `openai`, a name of 6 letters. */
const at = { version: 0, suite: 1, mode: 2, keyId: 3, id: 35, length: 51, provider: 52, enc: 58, sealed: 90 };
/** The EncryptionError with which the work fails, free of the secret; anything else fails the test. */
const failure = async (work: Promise<unknown>) => {
  const error: unknown = await work.then(
    () => "it opened",
    (reason: unknown) => reason,
  );
  if (!(error instanceof EncryptionError)) throw new Error(`no EncryptionError: ${inspect(error)}`);
  expect(inspect(error, { depth: 9 }) + JSON.stringify(toWire(error))).not.toContain(secret);
  return { message: error.message, details: error.details };
};
/** What callers without TypeScript give. */
const untyped = (value: unknown) => JSON.parse(JSON.stringify({ value })).value;

let mine: SealingKeyPair;
let theirs: SealingKeyPair;
let sealed: string;
beforeAll(async () => {
  [mine, theirs] = await Promise.all([createSealingKeyPair(), createSealingKeyPair()]);
  sealed = await sealKeyData(mine.publicKey, keyData, { provider: "openai" });
});
const changed = (change: (bytes: Uint8Array) => Uint8Array) => write(change(read(sealed)));
const set = (place: number, value: number) => changed((bytes) => bytes.fill(value, place, place + 1));
const withEnc = (enc: Uint8Array) => changed((bytes) => Uint8Array.of(...bytes.subarray(0, at.enc), ...enc, ...bytes.subarray(at.sealed)));
const rowOf = (text: string) => ({ provider: "openai", id: sealedHeader(text).id });
const expectedAt = (place: number) => {
  if (place < at.mode) return { details: { reason: "unsupported_envelope" } };
  return place >= at.keyId && place < at.id ? { details: { reason: "other_key" } } : doesNotOpen;
};
/** Seals whatever payload under a header of its own. */
const sealer = async (inside: object) => {
  const id = Uint8Array.from({ length: 16 }, (_, place) => place);
  const agreed = agreedFor(read(prefix + mine.keyId.slice("seal_".length)), id, "openai", false);
  const payload = JSON.stringify({ id: base64url(id), provider: "openai", keyData, ...inside }).padEnd(256);
  return writeSealed(agreed, await sealOnce(mine.publicKey, undefined, new TextEncoder().encode(payload), agreed));
};
const doesNotOpen = { message: expect.stringMatching(/^A sealed value does not open/), details: {} };

describe("a key pair", () => {
  it("is 32 and 32 bytes, and named by the fingerprint of its public key", () => {
    expect([mine.publicKey.length, mine.privateKey.length]).toEqual([32, 32]);
    expect(mine.keyId).toMatch(/^seal_[A-Za-z0-9_-]{43}$/);
    expect(sealingKeyId(mine.publicKey)).toBe(mine.keyId);
    expect(sealingKeyId(Uint8Array.from(mine.publicKey))).toBe(mine.keyId);
  });

  it("is another one each time, and its id too", () => {
    expect(hex(mine.publicKey)).not.toBe(hex(theirs.publicKey));
    expect(hex(mine.privateKey)).not.toBe(hex(theirs.privateKey));
    expect(mine.keyId).not.toBe(theirs.keyId);
  });
});

describe("what is sealed", () => {
  it("opens with the private key, as it was", async () => {
    expect(await unsealKeyData(mine.privateKey, sealed)).toEqual(keyData);
  });

  it("is one word of text, twice never the same, and shows neither key data nor the length of its secret", async () => {
    const again = await sealKeyData(mine.publicKey, keyData, { provider: "openai" });
    const longer = await sealKeyData(mine.publicKey, { apiKey: secret.repeat(4) }, { provider: "openai" });
    expect(new Set([sealed, again, longer]).size).toBe(3);
    for (const text of [sealed, again, longer]) {
      expect(text).toMatch(/^sealed_[A-Za-z0-9_-]+$/);
      expect(text).toHaveLength(sealed.length);
      expect(Buffer.from(read(text)).toString("latin1")).not.toContain("canary");
    }
  });

  it("is opened as any JSON that went in, whatever its size up to 64 KiB", async () => {
    const json = fc.dictionary(fc.string({ unit: "grapheme", maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(json, async (any) => {
        const given: Record<string, unknown> = untyped(any);
        expect(await unsealKeyData(mine.privateKey, await sealKeyData(mine.publicKey, given))).toEqual(given);
      }),
      { numRuns: 20 },
    );
    const account = { serviceAccount: "x".repeat(65_000) };
    expect(await unsealKeyData(mine.privateKey, await sealKeyData(mine.publicKey, account))).toEqual(account);
  });

  it("tells without a key whose it is and which one it is", async () => {
    const header = sealedHeader(sealed);
    expect(header).toEqual({ version: 1, keyId: mine.keyId, id: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/), provider: "openai", authenticated: false });
    const plain = sealedHeader(await sealKeyData(theirs.publicKey, keyData));
    expect(plain).toMatchObject({ keyId: theirs.keyId, provider: null });
    expect(plain.id).not.toBe(header.id);
  });
});

describe("S-29 a text belongs to its row", () => {
  it("opens where row and text agree", async () => {
    const { id } = sealedHeader(sealed);
    expect(await unsealKeyData(mine.privateKey, sealed, { provider: "openai", id })).toEqual(keyData);
  });

  it("two texts of one owner, swapped, do not open", async () => {
    const other = await sealKeyData(mine.publicKey, { apiKey: "sk-other" }, { provider: "openai" });
    expect(await failure(unsealKeyData(mine.privateKey, other, rowOf(sealed)))).toEqual(doesNotOpen);
    expect(await failure(unsealKeyData(mine.privateKey, sealed, rowOf(other)))).toEqual(doesNotOpen);
  });

  it("moved to another provider it does not open; one that names none is held by its id alone", async () => {
    expect(await failure(unsealKeyData(mine.privateKey, sealed, { provider: "anthropic" }))).toEqual(doesNotOpen);
    const unnamed = await sealKeyData(mine.publicKey, keyData);
    expect(await unsealKeyData(mine.privateKey, unnamed, { provider: "anthropic", id: sealedHeader(unnamed).id })).toEqual(keyData);
    expect(await failure(unsealKeyData(mine.privateKey, unnamed, { id: sealedHeader(sealed).id }))).toEqual(doesNotOpen);
  });

  it("an id or provider that was written over in the text does not open, whatever the row says", async () => {
    for (const from of [at.id, at.provider]) {
      const bytes = read(sealed);
      bytes[from] = from === at.provider ? "x".charCodeAt(0) : (bytes[from] ?? 0) ^ 1;
      const text = write(bytes);
      const { id, provider } = sealedHeader(text);
      expect(await failure(unsealKeyData(mine.privateKey, text, { id, ...(provider === null ? {} : { provider }) }))).toEqual(doesNotOpen);
    }
  });
});

describe("S-29 a sealer that says one thing outside and another inside", () => {
  it("is taken at its word where both agree", async () => {
    expect(await unsealKeyData(mine.privateKey, await sealer({}))).toEqual(keyData);
  });

  it.each([{ id: "AAAAAAAAAAAAAAAAAAAAAA" }, { provider: "anthropic" }, { provider: null }, { keyData: undefined }, { keyData: [secret] }, { keyData: secret }])(
    "is refused where the inside has %j",
    async (inside) => {
      expect(await failure(unsealKeyData(mine.privateKey, await sealer(inside)))).toEqual(doesNotOpen);
    },
  );
});

describe("S-31 sealed by the holder of the private key", () => {
  it("opens, and says so", async () => {
    const text = await sealKeyData(mine.publicKey, keyData, { provider: "openai", privateKey: mine.privateKey });
    expect(sealedHeader(text).authenticated).toBe(true);
    expect(await unsealKeyData(mine.privateKey, text, { authenticated: true })).toEqual(keyData);
    expect(await unsealKeyData(mine.privateKey, text)).toEqual(keyData);
  });

  it("is what an opener can insist on: a key that the operator planted does not open", async () => {
    const planted = await sealKeyData(mine.publicKey, { apiKey: "sk-operator" }, { provider: "openai" });
    expect(await failure(unsealKeyData(mine.privateKey, planted, { authenticated: true }))).toEqual(doesNotOpen);
    const bytes = read(planted);
    bytes[at.mode] = 2;
    expect(sealedHeader(write(bytes)).authenticated).toBe(true);
    expect(await failure(unsealKeyData(mine.privateKey, write(bytes), { authenticated: true }))).toEqual(doesNotOpen);
  });

  it("does not pass for one that was not", async () => {
    const bytes = read(await sealKeyData(mine.publicKey, keyData, { provider: "openai", privateKey: mine.privateKey }));
    bytes[at.mode] = 0;
    expect(await failure(unsealKeyData(mine.privateKey, write(bytes)))).toEqual(doesNotOpen);
  });

  it("a private key of another pair seals nothing", async () => {
    const wrong = sealKeyData(mine.publicKey, keyData, { privateKey: theirs.privateKey });
    expect(await failure(wrong)).toMatchObject({ details: { field: "privateKey" }, message: expect.stringContaining("does not belong to publicKey") });
  });

  it("a public key that the server swapped has another id than the pinned one", () => {
    expect(sealingKeyId(theirs.publicKey)).not.toBe(mine.keyId);
  });
});

describe("B-43 what does not open", () => {
  it("a damaged byte anywhere, always the same error but for version, suite and key id", async () => {
    const bytes = read(sealed);
    const step = 7;
    const places = [...bytes.keys()].filter((place) => place < at.sealed || place % step === 0 || place > bytes.length - 17);
    for (const place of places) {
      const text = changed((copy) => copy.fill((copy[place] ?? 0) ^ 0x10, place, place + 1));
      const found = await failure(unsealKeyData(mine.privateKey, text));
      expect(found, `byte ${place}`).toMatchObject(expectedAt(place));
    }
  });

  it("a text cut at any length, lengthened, or empty", async () => {
    for (let length = 0; length < sealed.length; length += 5) {
      await failure(unsealKeyData(mine.privateKey, sealed.slice(0, length)));
      expect(() => sealedHeader(sealed.slice(0, Math.min(length, 400)))).toThrow(EncryptionError);
    }
    expect(await failure(unsealKeyData(mine.privateKey, changed((bytes) => Uint8Array.of(...bytes, 0))))).toEqual(doesNotOpen);
    expect(await failure(unsealKeyData(mine.privateKey, prefix))).toEqual(doesNotOpen);
  });

  it("enc of low order, of zeros, above 2^255-19, or of 31 or 33 bytes", async () => {
    const { zeroSecret } = x25519();
    const bad = [new Uint8Array(32), new Uint8Array(31).fill(9), new Uint8Array(33).fill(9), new Uint8Array(32).fill(0xff)];
    for (const enc of [...bad, ...zeroSecret.map((vector) => bytesOf(vector.public))]) {
      const text = withEnc(enc);
      expect(await failure(unsealKeyData(mine.privateKey, text)), `enc ${hex(enc)}`).toEqual(doesNotOpen);
    }
  });

  it("another version, suite or mode", async () => {
    for (const text of [set(at.version, 0), set(at.version, 2), set(at.version, 255), set(at.suite, 0), set(at.suite, 2), set(at.suite, 255)]) {
      expect(await failure(unsealKeyData(mine.privateKey, text))).toMatchObject({ details: { reason: "unsupported_envelope" } });
      expect(() => sealedHeader(text)).toThrow(EncryptionError);
    }
    for (const mode of [1, 3, 255]) {
      expect(await failure(unsealKeyData(mine.privateKey, set(at.mode, mode)))).toEqual(doesNotOpen);
      expect(() => sealedHeader(set(at.mode, mode))).toThrow(EncryptionError);
    }
  });

  it("another recipient: the error names the key that opens it", async () => {
    const { message, details } = await failure(unsealKeyData(theirs.privateKey, sealed));
    expect(details).toEqual({ reason: "other_key", keyId: mine.keyId });
    expect(message).toContain(mine.keyId);
    const renamed = changed((bytes) => {
      bytes.set(read(`${prefix}${theirs.keyId.slice("seal_".length)}`), at.keyId);
      return bytes;
    });
    expect(await failure(unsealKeyData(theirs.privateKey, renamed))).toEqual(doesNotOpen);
  });

  it("a second spelling of the text, other text, or what is no text", async () => {
    const texts = [`${sealed}=`, `${sealed} `, sealed.replace(prefix, ""), sealed.replace(prefix, "SEALED_"), secret, "", "sealed_AQ", sealed + "A".repeat(1_000_000)];
    for (const text of texts) {
      expect(await failure(unsealKeyData(mine.privateKey, text))).toEqual(doesNotOpen);
      expect(() => sealedHeader(text)).toThrow(EncryptionError);
    }
    for (const value of [undefined, null, 1, {}, [sealed]]) {
      expect(await failure(unsealKeyData(mine.privateKey, untyped(value)))).toEqual(doesNotOpen);
    }
  });

  it("a private key of any length but 32, or of another kind", async () => {
    for (const wrong of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(), untyped(secret)]) {
      expect(await failure(unsealKeyData(wrong, sealed))).toMatchObject({ details: { field: "privateKey" } });
    }
  });
});

describe("what is not sealed at all", () => {
  it("S-29 to a public key of low order, above 2^255-19, or of another length or kind", async () => {
    const bad = [new Uint8Array(31).fill(9), new Uint8Array(33).fill(9), new Uint8Array(32).fill(0xff), new Uint8Array(), untyped(secret)];
    for (const publicKey of [...bad, ...x25519().zeroSecret.map((vector) => bytesOf(vector.public))]) {
      expect(await failure(sealKeyData(publicKey, keyData))).toMatchObject({ details: { field: "publicKey" } });
      expect(() => sealingKeyId(publicKey)).toThrow(EncryptionError);
    }
  });

  it("key data that is no object of JSON values, or has more than 64 KiB", async () => {
    const circle: Record<string, unknown> = { apiKey: secret };
    circle["self"] = circle;
    const noObjects = [secret, null, undefined].map((value) => untyped(value));
    for (const value of [...noObjects, [secret], circle, { apiKey: secret, count: 1n }, { apiKey: "x".repeat(65_600) }]) {
      expect(await failure(sealKeyData(mine.publicKey, value))).toMatchObject({ details: { field: "keyData" } });
    }
  });

  it("for what is no name of a provider", async () => {
    for (const provider of ["", "Open AI", "openai\n", "x".repeat(65), "ключ"]) {
      expect(await failure(sealKeyData(mine.publicKey, keyData, { provider }))).toMatchObject({ details: { field: "provider" } });
    }
  });
});

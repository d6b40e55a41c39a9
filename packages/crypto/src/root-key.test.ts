import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { base64, hex } from "./encoding.ts";
import { engine } from "./engine.ts";
import { nodeEngine } from "./engine-node.ts";
import { ConfigurationError, EncryptionError } from "./errors.ts";
import { makeRootCheck, newDerivation, proveRootKey, rootKeyFrom, type Derivation, type RootKey } from "./root-key.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const derivation = newDerivation();
const bytes = engine.randomBytes(32);
const root = await rootKeyFrom(bytes, derivation);
const otherRoot = await rootKeyFrom(engine.randomBytes(32), derivation);
const context = utf8("a context");

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a root key", () => {
  it("unwraps what it wrapped, in the same context, and no other way", async () => {
    const wrapped = await root.wrap(utf8("thirty-two bytes"), context);
    expect(await root.unwrap(wrapped, context)).toEqual(utf8("thirty-two bytes"));
    await expect(root.unwrap(wrapped, utf8("a conteXt"))).rejects.toThrow(EncryptionError);
    await expect(otherRoot.unwrap(wrapped, context)).rejects.toThrow(EncryptionError);
    await expect(root.unwrap(wrapped.subarray(0, -1), context)).rejects.toThrow(EncryptionError);
  });

  it("is one and the same, given as bytes, as hex: or as base64:", async () => {
    const wrapped = await root.wrap(utf8("x"), context);
    for (const form of [bytes, `hex:${hex(bytes)}`, `base64:${base64(bytes)}`, Buffer.from(bytes)]) {
      const again = await rootKeyFrom(form, newDerivation());
      expect(again.id).toBe(root.id);
      expect(await again.unwrap(wrapped, context)).toEqual(utf8("x"));
    }
  });

  it("has an id of 16 hexadecimal digits that another key does not have", () => {
    expect(root.id).toMatch(/^root_[0-9a-f]{16}$/);
    expect(otherRoot.id).not.toBe(root.id);
  });

  it("of the caller's own passes through", async () => {
    const own: RootKey = { id: "kms_1", wrap: async (plain) => plain, unwrap: async (wrapped) => wrapped };
    expect(await rootKeyFrom(own, derivation)).toBe(own);
  });

  it("S-28 shows none of its bytes", () => {
    const shown = inspect(root, { depth: 10, showHidden: true }) + JSON.stringify(root) + inspect(Object.entries(root), { depth: 10 });
    expect(shown).not.toContain(hex(bytes));
    expect(shown).not.toContain(Array.from(bytes.subarray(0, 4)).join(", "));
    expect(Object.keys(root)).toEqual(["id", "wrap", "unwrap"]);
  });

  it("leaves the caller's bytes alone", async () => {
    const own = Uint8Array.from(bytes);
    await rootKeyFrom(own, derivation);
    expect(own).toEqual(bytes);
  });

  it.each([undefined, "", "too short", new Uint8Array(31)])("is not made of %o", async (bad) => {
    await expect(rootKeyFrom(bad, derivation)).rejects.toThrow(ConfigurationError);
  });
});

describe("S-15 a passphrase", () => {
  it("becomes a root key by PBKDF2-HMAC-SHA256 with 600,000 iterations and a salt of 32 random bytes", async () => {
    expect(derivation.iterations).toBe(600_000);
    expect(derivation.salt).toHaveLength(32);
    expect(newDerivation().salt).not.toEqual(derivation.salt);

    const derived = await nodeEngine.pbkdf2(utf8("pl\u00e8nty of salt and pepper"), derivation.salt, 600_000);
    const expected = await rootKeyFrom(derived, derivation);
    const pbkdf2 = vi.spyOn(engine, "pbkdf2");
    expect((await rootKeyFrom("ple\u0300nty of salt and pepper\n", derivation)).id).toBe(expected.id);
    expect(pbkdf2).toHaveBeenCalledTimes(1);
    expect((await rootKeyFrom("pl\u00e8nty of salt and pepper", newDerivation())).id).not.toBe(expected.id);
  });

  it("alone is derived: raw keys cost no PBKDF2, nor does using a root key", async () => {
    const pbkdf2 = vi.spyOn(engine, "pbkdf2");
    const made = await rootKeyFrom(`hex:${hex(bytes)}`, derivation);
    await made.unwrap(await made.wrap(bytes, context), context);
    expect(pbkdf2).not.toHaveBeenCalled();
  });

  it("S-28 leaves no readable copy: its bytes, the key's and the decoded raw key's are zero afterwards", async () => {
    const pbkdf2 = vi.spyOn(engine, "pbkdf2");
    const imported = vi.spyOn(engine, "importKey");
    await rootKeyFrom("plenty of salt and pepper", derivation);
    await rootKeyFrom(`hex:${hex(bytes)}`, derivation);
    expect(pbkdf2.mock.calls[0]?.[0]).toEqual(new Uint8Array("plenty of salt and pepper".length));
    expect(imported).toHaveBeenCalledTimes(2);
    for (const [given] of imported.mock.calls) expect(given).toEqual(new Uint8Array(32));
  });
});

describe("S-16 a stored derivation that was tampered with", () => {
  const salt = derivation.salt;
  it.each<[string, Derivation]>([
    ["1 iteration", { salt, iterations: 1 }],
    ["1,000 iterations", { salt, iterations: 1000 }],
    ["599,999 iterations", { salt, iterations: 599_999 }],
    ["10,000,001 iterations", { salt, iterations: 10_000_001 }],
    ["2^31 iterations", { salt, iterations: 2 ** 31 }],
    ["no number of iterations", { salt, iterations: Number.NaN }],
    ["endless iterations", { salt, iterations: Number.POSITIVE_INFINITY }],
    ["half an iteration", { salt, iterations: 600_000.5 }],
    ["a salt of 15 bytes", { salt: salt.subarray(0, 15), iterations: 600_000 }],
    ["no salt", { salt: new Uint8Array(), iterations: 600_000 }],
  ])("%s: refused before anything is derived", async (_, bad) => {
    const pbkdf2 = vi.spyOn(engine, "pbkdf2");
    await expect(rootKeyFrom("plenty of salt and pepper", bad)).rejects.toThrow(ConfigurationError);
    await expect(rootKeyFrom(bytes, bad)).rejects.toThrow(ConfigurationError);
    expect(pbkdf2).not.toHaveBeenCalled();
  });

  it("16 bytes of salt are accepted", async () => {
    await expect(rootKeyFrom(bytes, { salt: salt.subarray(0, 16), iterations: 10_000_000 })).resolves.toHaveProperty("id", root.id);
  });
});

describe("S-18 the check record", () => {
  it("proves the root key that made it, and no other", async () => {
    const check = await makeRootCheck(root, "inst_1");
    expect(await proveRootKey(root, "inst_1", check)).toBe(true);
    expect(await proveRootKey(await rootKeyFrom(bytes, newDerivation()), "inst_1", check)).toBe(true);
    expect(await proveRootKey(otherRoot, "inst_1", check)).toBe(false);
  });

  it("proves nothing in another installation, and nothing once changed", async () => {
    const check = await makeRootCheck(root, "inst_1");
    expect(await proveRootKey(root, "inst_2", check)).toBe(false);
    for (let at = 2; at < check.length; at++) {
      const changed = Uint8Array.from(check);
      changed[at]! ^= 1;
      expect(await proveRootKey(root, "inst_1", changed)).toBe(false);
    }
    expect(await proveRootKey(root, "inst_1", new Uint8Array())).toBe(false);
  });

  it("does not take an unwrap of anything for a proof", async () => {
    const yes: RootKey = { ...root, unwrap: async () => new Uint8Array(32) };
    expect(await proveRootKey(yes, "inst_1", await makeRootCheck(root, "inst_1"))).toBe(false);
  });

  it("of an unknown release is an error of its own, not a wrong key", async () => {
    const check = await makeRootCheck(root, "inst_1");
    check[0] = 2;
    await expect(proveRootKey(root, "inst_1", check)).rejects.toMatchObject({ details: { reason: "unsupported_envelope" } });
  });

  it("cannot be judged while the root's service is away: that is an error, not a wrong key", async () => {
    const away: RootKey = { ...root, unwrap: () => Promise.reject(new Error("timed out")) };
    await expect(proveRootKey(away, "inst_1", new Uint8Array(98))).rejects.toMatchObject({ details: { reason: "root_unavailable" } });
  });
});

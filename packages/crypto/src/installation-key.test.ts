import { afterEach, describe, expect, it, vi } from "vitest";
import { hex } from "./encoding.ts";
import { engine } from "./engine.ts";
import { EncryptionError } from "./errors.ts";
import { makeInstallationKey, rewrapInstallationKey, unwrapInstallationKey, type InstallationPurpose, type WrapKey } from "./installation-key.ts";
import { newDerivation, rootKeyFrom, type RootKey } from "./root-key.ts";

const root = await rootKeyFrom(engine.randomBytes(32), newDerivation());
const otherRoot = await rootKeyFrom(engine.randomBytes(32), newDerivation());
const at = { installationId: "inst_1", purpose: "tenant-wrap", version: 1 } as const;
const trace = ({ key }: WrapKey) => hex(engine.hmac(key, new Uint8Array(1)));

afterEach(() => {
  vi.restoreAllMocks();
});

describe("an installation key", () => {
  it("unwraps to the key that was made", async () => {
    const { key, wrapped } = await makeInstallationKey(root, { ...at, version: 9 });
    const again = await unwrapInstallationKey(root, wrapped, { ...at, version: 9 });
    expect([key.version, again.version]).toEqual([9, 9]);
    expect(trace(again)).toBe(trace(key));
  });

  it("is random: two of one place differ", async () => {
    const [one, other] = [await makeInstallationKey(root, at), await makeInstallationKey(root, at)];
    expect(trace(one.key)).not.toBe(trace(other.key));
  });

  it.each(["fingerprint", "audit", "cursor"] satisfies InstallationPurpose[])("does not unwrap as the one for %s", async (purpose) => {
    const { wrapped } = await makeInstallationKey(root, at);
    await expect(unwrapInstallationKey(root, wrapped, { ...at, purpose })).rejects.toThrow(EncryptionError);
  });

  it("does not unwrap in another installation, at another version, or under another root", async () => {
    const { wrapped } = await makeInstallationKey(root, at);
    await expect(unwrapInstallationKey(root, wrapped, { ...at, installationId: "inst_2" })).rejects.toThrow(EncryptionError);
    await expect(unwrapInstallationKey(root, wrapped, { ...at, version: 2 })).rejects.toThrow(EncryptionError);
    await expect(unwrapInstallationKey(otherRoot, wrapped, at)).rejects.toThrow(EncryptionError);
    await expect(unwrapInstallationKey(root, wrapped.subarray(1), at)).rejects.toThrow(EncryptionError);
  });

  it("S-20 is the same key under another root, where the first then opens nothing", async () => {
    const { key, wrapped } = await makeInstallationKey(root, at);
    const again = await rewrapInstallationKey(root, otherRoot, wrapped, at);
    expect(trace(await unwrapInstallationKey(otherRoot, again, at))).toBe(trace(key));
    await expect(unwrapInstallationKey(root, again, at)).rejects.toThrow(EncryptionError);
  });

  it("is not rewrapped from another root or place, nor by a root that does not give back what it was given", async () => {
    const { wrapped } = await makeInstallationKey(root, at);
    await expect(rewrapInstallationKey(otherRoot, root, wrapped, at)).rejects.toThrow(EncryptionError);
    await expect(rewrapInstallationKey(root, otherRoot, wrapped, { ...at, version: 2 })).rejects.toThrow(EncryptionError);
    const broken: RootKey = { id: "kms_broken", wrap: async (plain) => Uint8Array.from(plain), unwrap: async () => new Uint8Array(32) };
    await expect(rewrapInstallationKey(root, broken, wrapped, at)).rejects.toThrow(EncryptionError);
  });

  it.each([0, 1.5, 2 ** 32])("is not made as version %d", async (version) => {
    await expect(makeInstallationKey(root, { ...at, version })).rejects.toThrow(RangeError);
  });
});

/** It hands its arguments back, the plainest service there is; what it is shown stays to be looked at. */
const echo = () => {
  const contexts: string[] = [];
  const service: RootKey = {
    id: "kms_1",
    wrap: async (plain, context) => (contexts.push(hex(context)), plain),
    unwrap: async (wrapped, context) => (contexts.push(hex(context)), wrapped),
  };
  return { service, contexts };
};

describe("a root key of another service", () => {
  it("S-26 gets the same context to wrap and to unwrap, and another for every place", async () => {
    const { service, contexts } = echo();
    const { wrapped } = await makeInstallationKey(service, at);
    await unwrapInstallationKey(service, wrapped, at);
    await makeInstallationKey(service, { ...at, purpose: "audit" });
    await makeInstallationKey(service, { ...at, version: 2 });
    await makeInstallationKey(service, { ...at, installationId: "inst_2" });
    expect(contexts[0]).toBe(contexts[1]);
    expect(new Set(contexts).size).toBe(4);
  });

  it("may hand back the array that it was given: wiping ours does not wipe what is stored", async () => {
    const { service } = echo();
    const { key, wrapped } = await makeInstallationKey(service, at);
    const again = await unwrapInstallationKey(service, wrapped, at);
    expect(wrapped.every((byte) => byte === 0)).toBe(false);
    expect(trace(again)).toBe(trace(key));
  });

  it.each([0, 31, 33])("that unwraps to %i bytes is refused", async (length) => {
    const service: RootKey = { ...echo().service, unwrap: async () => new Uint8Array(length) };
    await expect(unwrapInstallationKey(service, new Uint8Array(40), at)).rejects.toThrow(EncryptionError);
  });

  it("S-27 that fails or answers rubbish is root_unavailable, with the cause kept", async () => {
    const away = new Error("connect ECONNREFUSED");
    const failing: RootKey = { id: "kms_1", wrap: () => Promise.reject(away), unwrap: () => Promise.reject(away) };
    const unavailable = { code: "ENCRYPTION", details: { reason: "root_unavailable", rootKeyId: "kms_1" } };
    await expect(makeInstallationKey(failing, at)).rejects.toMatchObject({ ...unavailable, cause: away });
    await expect(unwrapInstallationKey(failing, new Uint8Array(40), at)).rejects.toMatchObject({ ...unavailable, cause: away });
    const rubbish: RootKey = { id: "kms_1", wrap: async () => JSON.parse('"text"'), unwrap: async () => JSON.parse("null") };
    await expect(makeInstallationKey(rubbish, at)).rejects.toMatchObject(unavailable);
    await expect(unwrapInstallationKey(rubbish, new Uint8Array(40), at)).rejects.toMatchObject(unavailable);
  });

  it("its own EncryptionError passes as it is", async () => {
    const own = new EncryptionError("The key is disabled.", { details: { reason: "root_unavailable" } });
    const service: RootKey = { ...echo().service, unwrap: () => Promise.reject(own) };
    await expect(unwrapInstallationKey(service, new Uint8Array(40), at)).rejects.toBe(own);
  });
});

describe("S-28 the bytes of an installation key", () => {
  it("are zero once it is made, once it is unwrapped, and where wrapping fails", async () => {
    const imported = vi.spyOn(engine, "importKey");
    const { wrapped } = await makeInstallationKey(root, at);
    await unwrapInstallationKey(root, wrapped, at);
    expect(imported.mock.calls.length).toBeGreaterThanOrEqual(4);
    for (const [bytes] of imported.mock.calls) expect(bytes).toEqual(new Uint8Array(32));

    const made = vi.spyOn(engine, "randomBytes");
    const failing: RootKey = { ...root, wrap: () => Promise.reject(new Error("away")) };
    await expect(makeInstallationKey(failing, at)).rejects.toThrow(EncryptionError);
    expect(made.mock.results[0]?.value).toEqual(new Uint8Array(32));
  });
});

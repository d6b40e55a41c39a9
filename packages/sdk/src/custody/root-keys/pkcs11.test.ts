import { createDecipheriv, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigurationError, makeInstallationKey, makeRootCheck, proveRootKey, unwrapInstallationKey, type RootKey } from "@stack-2025/byok-crypto";
import type { Mechanism, PKCS11 } from "pkcs11js";
import { pkcs11RootKeyWith, type Pkcs11Options } from "./pkcs11.ts";
import { openSoftHsm, type SoftHsm } from "./softhsm.fixture.ts";

const plain = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const context = new TextEncoder().encode("byok/1/installation-wrap | one place");
const elsewhere = new TextEncoder().encode("byok/1/installation-wrap | another place");
const value = randomBytes(32);
const notMine = { code: "ENCRYPTION", details: {} };
const unavailable = (problem: string) => ({ code: "ENCRYPTION", details: { reason: "root_unavailable", retryable: true, problem } });
const flip = (bytes: Uint8Array, place: number) => Uint8Array.from(bytes, (byte, at) => (at === place ? byte ^ 1 : byte));

let opened: SoftHsm | string;
let hsm: SoftHsm;
let slot: number;
let root: RootKey;
const open = (change: Partial<Pkcs11Options> = {}) =>
  pkcs11RootKeyWith(hsm.pkcs11js, { module: hsm.module, label: "byok", pin: hsm.userPin, keyLabel: "root key", ...change });

beforeAll(async () => {
  opened = await openSoftHsm();
  if (typeof opened === "string") return;
  hsm = opened;
  slot = hsm.addToken("byok");
  hsm.addKey("byok", "root key", value);
  hsm.addKey("byok", "generated");
  root = open();
}, 300_000);
afterAll(() => {
  if (typeof opened === "object") hsm[Symbol.dispose]();
});
beforeEach((test) => {
  if (typeof opened === "string") test.skip(opened);
});

describe("S-26 a root key in an HSM", () => {
  it("wraps and unwraps, and says in its id which key it is", async () => {
    const wrapped = await root.wrap(plain, context);
    expect(wrapped).toHaveLength(1 + 12 + 32 + 16);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
    expect(root.id).toBe("pkcs11:byok/root_key");
    expect(Buffer.from(await root.wrap(plain, context)).equals(wrapped)).toBe(false);
  });

  it("is AES-256-GCM with the context as additional data, as node:crypto says too", async () => {
    const wrapped = await root.wrap(plain, context);
    const decipher = createDecipheriv("aes-256-gcm", value, wrapped.subarray(1, 13), { authTagLength: 16 }).setAAD(context).setAuthTag(wrapped.subarray(-16));
    expect(Uint8Array.from(Buffer.concat([decipher.update(wrapped.subarray(13, -16)), decipher.final()]))).toEqual(plain);
  });

  it("carries an installation's keys and proves itself at a later start, the token found by its slot as well", async () => {
    const check = await makeRootCheck(root, "inst_1");
    const later = pkcs11RootKeyWith(hsm.pkcs11js, { module: hsm.module, slot, pin: hsm.userPin, keyLabel: "root key", id: root.id });
    expect(await proveRootKey(later, "inst_1", check)).toBe(true);
    expect(await proveRootKey(open({ keyLabel: "generated", id: root.id }), "inst_1", check)).toBe(false);
    const at = { installationId: "inst_1", purpose: "audit", version: 1 } as const;
    const { wrapped } = await makeInstallationKey(root, at);
    expect(await unwrapInstallationKey(later, wrapped, at)).toMatchObject({ version: 1 });
    await expect(unwrapInstallationKey(root, wrapped, { ...at, version: 2 })).rejects.toMatchObject(notMine);
  });

  it("unwraps in no other context, and nothing that was changed, cut or wrapped by another key", async () => {
    const wrapped = await root.wrap(plain, context);
    await expect(root.unwrap(wrapped, elsewhere)).rejects.toMatchObject(notMine);
    for (const place of [0, 1, 12, 13, 44, 45, 60]) await expect(root.unwrap(flip(wrapped, place), context)).rejects.toMatchObject(notMine);
    for (const length of [0, 1, 13, 28, 29, 60]) await expect(root.unwrap(wrapped.subarray(0, length), context)).rejects.toMatchObject(notMine);
    await expect(open({ keyLabel: "generated" }).unwrap(wrapped, context)).rejects.toMatchObject(notMine);
  });

  it("answers many at once, each in a session of its own", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, at) => root.wrap(Uint8Array.of(...plain, at), context)));
    const back = await Promise.all(all.map((wrapped) => root.unwrap(wrapped, context)));
    expect(back.map((bytes) => bytes.at(-1))).toEqual(Array.from({ length: 20 }, (_, at) => at));
  });

  it("is not shown by the token: its value stays where it is", () => {
    const session = hsm.session("byok");
    const { pkcs11js, raw } = hsm;
    raw.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_LABEL, value: "generated" }]);
    const key = raw.C_FindObjects(session);
    raw.C_FindObjectsFinal(session);
    if (key === null) throw new Error("the key is gone");
    expect(() => raw.C_GetAttributeValue(session, key, [{ type: pkcs11js.CKA_VALUE }])).toThrow("CKR_ATTRIBUTE_SENSITIVE");
    raw.C_CloseSession(session);
  });
});

describe("S-27 F-18 while the HSM is away", () => {
  it("a token that has forgotten its sessions is logged into again, and nothing is noticed", async () => {
    const wrapped = await root.wrap(plain, context);
    hsm.forgetSessions("byok");
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
  });

  it("a token or key that is not there, or there twice, is root_unavailable, and used as soon as it is there once", async () => {
    await expect(open({ label: "another" }).wrap(plain, context)).rejects.toMatchObject(unavailable("token_not_found"));
    const late = open({ keyLabel: "late" });
    await expect(late.wrap(plain, context)).rejects.toMatchObject(unavailable("key_not_found"));
    hsm.addKey("byok", "late");
    hsm.addKey("byok", "late");
    await expect(late.wrap(plain, context)).rejects.toMatchObject(unavailable("several_keys"));
    hsm.removeKeys("byok", "late");
    hsm.addKey("byok", "late");
    const wrapped = await late.wrap(plain, context);
    expect(await late.unwrap(wrapped, context)).toEqual(plain);
    hsm.removeKeys("byok", "late");
    await expect(late.unwrap(wrapped, context)).rejects.toMatchObject(unavailable("key_not_found"));
  });

  it("a PIN that was refused is not tried again: tokens lock", async () => {
    const { faulty, module } = openFaulty({ pin: "canary-wrong-pin" });
    const honest = module.C_Login.bind(module);
    let logins = 0;
    module.C_Login = (...words) => {
      logins += 1;
      honest(...words);
    };
    // A token where somebody is logged in does not look at the PIN.
    hsm.forgetSessions("byok");
    for (let time = 0; time < 3; time++) await expect(faulty.wrap(plain, context)).rejects.toMatchObject(unavailable("CKR_PIN_INCORRECT"));
    expect(logins).toBe(1);
    const error: unknown = await faulty.wrap(plain, context).catch((reason: unknown) => reason);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("canary");
  });

  it("one that hangs is root_unavailable in time, is not asked again meanwhile, and is used when it answers", async () => {
    const { faulty, module } = openFaulty({ timeoutMs: 100 });
    const wrapped = await faulty.wrap(plain, context);
    const honest = module.C_DecryptAsync.bind(module);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const answers: Promise<Buffer>[] = [];
    module.C_DecryptAsync = (...words) => {
      const answer = released.then(() => honest(...words));
      answers.push(answer);
      return answer;
    };
    for (let time = 0; time < 2; time++) await expect(faulty.unwrap(wrapped, context)).rejects.toMatchObject(unavailable("timeout"));
    await expect(faulty.wrap(plain, context)).rejects.toMatchObject(unavailable("timeout"));
    expect(answers).toHaveLength(1);
    release();
    await Promise.all(answers);
    module.C_DecryptAsync = honest;
    await vi.waitFor(async () => expect(await faulty.unwrap(wrapped, context)).toEqual(plain));
  });

  it("one whose device fails is tried three times", async () => {
    const { faulty, module } = openFaulty();
    const count = answerWith(module, "C_EncryptAsync", "CKR_DEVICE_ERROR", 0x30);
    await expect(faulty.wrap(plain, context)).rejects.toMatchObject(unavailable("CKR_DEVICE_ERROR"));
    expect(count()).toBe(3);
  });

  it("one that can open nothing, its own neither, does not say that the bytes are to blame; one that says so clearly does", async () => {
    const { faulty, module } = openFaulty();
    const wrapped = await faulty.wrap(plain, context);
    answerWith(module, "C_DecryptAsync", "CKR_GENERAL_ERROR", 0x05);
    await expect(faulty.unwrap(wrapped, context)).rejects.toMatchObject(unavailable("CKR_GENERAL_ERROR"));
    const count = answerWith(module, "C_DecryptAsync", "CKR_AEAD_DECRYPT_FAILED", 0x42);
    await expect(faulty.unwrap(wrapped, context)).rejects.toMatchObject(notMine);
    expect(count()).toBe(1);
  });

  it("one that uses nonces of its own is refused before anything is stored", async () => {
    const { faulty, module } = openFaulty();
    const honest = module.C_EncryptInit.bind(module);
    module.C_EncryptInit = (session, mechanism, key) => honest(session, withNonce(mechanism, randomBytes(12)), key);
    await expect(faulty.wrap(plain, context)).rejects.toMatchObject({ details: { reason: "root_unavailable" } });
    // Where the token says clearly what it does not open, so do we.
    const decrypt = module.C_DecryptAsync.bind(module);
    module.C_DecryptAsync = (...words) => decrypt(...words).catch(() => Promise.reject(new hsm.pkcs11js.Pkcs11Error("CKR_AEAD_DECRYPT_FAILED", 0x42, "")));
    await expect(faulty.wrap(plain, context)).rejects.toMatchObject(unavailable("nonce_ignored"));
  });
});

describe("what is set up wrongly is a ConfigurationError at once:", () => {
  it.each([
    { what: "a module that is not there", change: { module: "/nowhere/libsofthsm2.so" } },
    { what: "a module that is none", change: { module: import.meta.filename } },
    { what: "no PIN", change: { pin: "" } },
    { what: "no key label", change: { keyLabel: " " } },
    { what: "a token by label and slot", change: { slot: 0 } },
  ])("$what", ({ change }) => {
    expect(() => open(change)).toThrow(ConfigurationError);
  });

  it("no token at all", () => {
    expect(() => pkcs11RootKeyWith(hsm.pkcs11js, { module: hsm.module, pin: hsm.userPin, keyLabel: "root key" })).toThrow(ConfigurationError);
  });
});

/** A root key whose module a test may change: no HSM in software fails when it is told. */
function openFaulty(change: Partial<Pkcs11Options> = {}): { faulty: RootKey; module: PKCS11 } {
  const modules: PKCS11[] = [];
  class Changeable extends hsm.pkcs11js.PKCS11 {
    constructor() {
      super();
      modules.push(this);
    }
  }
  const options = { module: hsm.module, label: "byok", pin: hsm.userPin, keyLabel: "root key", ...change };
  const faulty = pkcs11RootKeyWith({ ...hsm.pkcs11js, PKCS11: Changeable }, options);
  const [module] = modules;
  if (!module) throw new Error("no module was opened");
  return { faulty, module };
}

function answerWith(module: PKCS11, name: "C_EncryptAsync" | "C_DecryptAsync", word: string, code: number): () => number {
  let count = 0;
  module[name] = () => {
    count += 1;
    return Promise.reject(new hsm.pkcs11js.Pkcs11Error(word, code, name));
  };
  return () => count;
}

function withNonce(mechanism: Mechanism, iv: Buffer): Mechanism {
  return { ...mechanism, parameter: Object.assign({}, mechanism.parameter, { iv }) };
}

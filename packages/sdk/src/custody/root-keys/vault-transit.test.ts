import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ConfigurationError, makeInstallationKey, makeRootCheck, proveRootKey, unwrapInstallationKey, type RootKey } from "@stack-2025/byok-crypto";
import { vaultTransitRootKey } from "./vault-transit.ts";
import { refusal, startTransit, type TransitHome } from "./vault-transit.fixture.ts";

const token = "hvs.canary-vault-token";
const timeoutMs = 200;
const plain = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const context = new TextEncoder().encode("byok/1/installation-wrap | one place");
const elsewhere = new TextEncoder().encode("byok/1/installation-wrap | another place");

let vault: TransitHome;
let root: RootKey;
beforeAll(async () => {
  vault = await startTransit(token);
  root = vaultTransitRootKey({ address: vault.address, token, key: "byok", timeoutMs });
});
afterAll(() => vault[Symbol.asyncDispose]());
beforeEach(() => {
  vault.keys.clear();
  vault.keys.set("transit/byok", randomBytes(32));
  vault.ignoresContext = false;
  vault.fail([]);
  vault.calls.length = 0;
});
const unavailable = (problem: unknown) => ({ code: "ENCRYPTION", details: { reason: "root_unavailable", retryable: true, rootKeyId: root.id, problem } });
const notMine = { code: "ENCRYPTION", details: {} };

describe("S-26 a root key in Vault or OpenBao", () => {
  it("wraps and unwraps, and says in its id which key it is", async () => {
    const wrapped = await root.wrap(plain, context);
    expect(new TextDecoder().decode(wrapped)).toMatch(/^vault:v1:/);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
    expect(root.id).toBe("vault-transit:transit/byok");
  });

  it("makes one call for each, and passes the context on as associated data", async () => {
    await root.unwrap(await root.wrap(plain, context), context);
    expect(vault.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /v1/transit/encrypt/byok", "POST /v1/transit/decrypt/byok"]);
    for (const { body } of vault.calls) expect(JSON.parse(body)).toMatchObject({ associated_data: Buffer.from(context).toString("base64") });
  });

  it("carries an installation's keys and proves itself at a later start", async () => {
    const check = await makeRootCheck(root, "inst_1");
    expect(await proveRootKey(root, "inst_1", check)).toBe(true);
    const at = { installationId: "inst_1", purpose: "audit", version: 1 } as const;
    const { wrapped } = await makeInstallationKey(root, at);
    expect(await unwrapInstallationKey(root, wrapped, at)).toMatchObject({ version: 1 });
    await expect(unwrapInstallationKey(root, wrapped, { ...at, version: 2 })).rejects.toMatchObject(notMine);
  });

  it("unwraps in no other context, and nothing that was changed, cut or wrapped by another key", async () => {
    const wrapped = await root.wrap(plain, context);
    const text = new TextDecoder().decode(wrapped);
    await expect(root.unwrap(wrapped, elsewhere)).rejects.toMatchObject(notMine);
    const swapped = text.slice(0, 30) + (text[30] === "A" ? "B" : "A") + text.slice(31);
    for (const changed of [swapped, text.slice(0, 20), text.replace("v1", "v2"), text.slice("vault:v1:".length), "", "vault:v1:\u0000", "ключ"]) {
      await expect(root.unwrap(new TextEncoder().encode(changed), context), `unwrap ${changed}`).rejects.toMatchObject(notMine);
    }
    vault.keys.set("transit/byok", randomBytes(32));
    await expect(root.unwrap(wrapped, context)).rejects.toMatchObject(notMine);
    expect(await proveRootKey(root, "inst_1", wrapped)).toBe(false);
  });

  it("unwraps in no other context even where Vault is too old to know of one", async () => {
    vault.ignoresContext = true;
    const wrapped = await root.wrap(plain, context);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
    await expect(root.unwrap(wrapped, elsewhere)).rejects.toMatchObject(notMine);
  });

  it("lies at another mount, in a namespace, and asks for its token each time", async () => {
    vault.keys.set("team/a/keys/byok", randomBytes(32));
    let asked = 0;
    const renewed = () => {
      asked += 1;
      return token;
    };
    const other = vaultTransitRootKey({ address: `${vault.address}/`, token: renewed, key: "byok", mount: "/team/a/keys/", namespace: "eu", id: "vault:eu" });
    expect(await other.unwrap(await other.wrap(plain, context), context)).toEqual(plain);
    expect([other.id, asked]).toEqual(["vault:eu", 2]);
    expect(vault.calls.map(({ headers }) => headers["x-vault-namespace"])).toEqual(["eu", "eu"]);
  });
});

describe("S-27 F-18 while Vault is away", () => {
  it("one failure, or two, are tried again and not noticed", async () => {
    const wrapped = await root.wrap(plain, context);
    vault.calls.length = 0;
    vault.fail([refusal(503, "Vault is sealed"), "reset"]);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
    expect(vault.calls).toHaveLength(3);
  });

  it.each([
    { what: "answers 500", fault: refusal(500, "internal error"), problem: "http_500", tries: 3 },
    { what: "is sealed", fault: refusal(503, "Vault is sealed"), problem: "http_503", tries: 3 },
    { what: "has not caught up", fault: refusal(412, "required index state not present"), problem: "http_412", tries: 3 },
    { what: "has had enough", fault: refusal(429, "rate limit quota exceeded"), problem: "http_429", tries: 3 },
    { what: "hangs", fault: "hang" as const, problem: "timeout", tries: 3 },
    { what: "cuts the connection", fault: "reset" as const, problem: "UND_ERR_SOCKET", tries: 3 },
    { what: "answers without end", fault: { status: 200, body: "x".repeat(100_000) }, problem: "UND_ERR_RES_EXCEEDED_MAX_SIZE", tries: 3 },
    { what: "answers garbage", fault: { status: 200, body: "<html>canary-answer" }, problem: "bad_answer", tries: 1 },
    { what: "answers an empty object", fault: { status: 200, body: "{}" }, problem: "bad_answer", tries: 1 },
    { what: "sends us elsewhere", fault: { status: 307, body: "" }, problem: "http_307", tries: 1 },
    { what: "has no such key any more", fault: refusal(400, "encryption key not found"), problem: "http_400", tries: 1 },
    { what: "has the key's version disallowed", fault: refusal(400, "ciphertext or signature version is disallowed by policy (too old)"), problem: "http_400", tries: 1 },
    { what: "does not let us", fault: refusal(403, "permission denied"), problem: "http_403", tries: 1 },
  ])("and $what, it is root_unavailable after $tries of 3 tries, whichever way", async ({ fault, problem, tries }) => {
    const wrapped = await root.wrap(plain, context);
    vault.fail([fault], true);
    vault.calls.length = 0;
    const failed = unavailable(problem);
    await Promise.all([
      expect(root.wrap(plain, context)).rejects.toMatchObject(failed),
      expect(root.unwrap(wrapped, context)).rejects.toMatchObject(failed),
      expect(proveRootKey(root, "inst_1", wrapped)).rejects.toMatchObject(failed),
    ]);
    expect(vault.calls).toHaveLength(3 * tries);
    vault.fail([]);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
  });

  it("and nobody listens, or there is no token, it is root_unavailable", async () => {
    await using gone = await startTransit(token);
    const lonely = vaultTransitRootKey({ address: gone.address, token, key: "byok", timeoutMs });
    await gone[Symbol.asyncDispose]();
    await expect(lonely.wrap(plain, context)).rejects.toMatchObject(unavailable("ECONNREFUSED"));
    for (const none of ["", "two\nlines"]) {
      const blank = vaultTransitRootKey({ address: vault.address, token: none, key: "byok" });
      await expect(blank.wrap(plain, context)).rejects.toMatchObject(unavailable("no_token"));
    }
  });

  it("the error quotes neither what Vault said, nor what was asked, nor the token", async () => {
    const wrapped = await root.wrap(plain, context);
    vault.fail([{ status: 200, body: "<html>canary-answer" }], true);
    const error: unknown = await root.unwrap(wrapped, context).catch((reason: unknown) => reason);
    const shown = inspect(error, { depth: 9, showHidden: true });
    for (const canary of ["canary", new TextDecoder().decode(wrapped), Buffer.from(plain).toString("base64")]) expect(shown).not.toContain(canary);
  });
});

describe("what is set up wrongly is a ConfigurationError at once:", () => {
  it.each([
    { what: "an address that is none", change: { address: "vault" } },
    { what: "plain HTTP to another machine", change: { address: "http://vault.example.com:8200" } },
    { what: "another protocol", change: { address: "ftp://127.0.0.1" } },
    { what: "a password in the address", change: { address: "https://root:canary@vault.example.com" } },
    { what: "no key", change: { key: "" } },
    { what: "a key that climbs", change: { key: "../../sys/seal" } },
    { what: "a key with a slash", change: { key: "a/b" } },
    { what: "a mount that climbs", change: { mount: "transit/.." } },
    { what: "an id that does not print", change: { id: "a b" } },
  ])("$what", ({ change }) => {
    const make = () => vaultTransitRootKey({ address: "https://vault.example.com:8200", token, key: "byok", ...change });
    expect(make).toThrow(ConfigurationError);
    expect(make).not.toThrow(/canary/);
  });
});

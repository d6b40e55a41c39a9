import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BYOKManager } from "@stack-2025/byok-core";
import { startWorker } from "@stack-2025/byok-core/worker";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";
import { run } from "./program.ts";

const rootKey = "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
const otherRootKey = "base64:Gxr3EQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
let database: TestDatabase;
let sandbox: Sandbox;
let place: string;

beforeAll(async () => {
  [database, sandbox] = await Promise.all([createTestDatabase(), startSandbox()]);
  place = mkdtempSync(path.join(tmpdir(), "byok-commands-"));
});
afterAll(async () => {
  await Promise.all([database.drop(), sandbox.close()]);
  rmSync(place, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({
  DATABASE_URL: database.connectionString,
  BYOK_ENCRYPTION_KEY: rootKey,
  BYOK_DATA_DIR: path.join(place, "data"),
  BYOK_PROVIDER_URL_OPENAI: sandbox.baseUrl("openai"),
});

async function byok(args: string[], options: { stdin?: string; env?: Record<string, string> } = {}): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  const capture = (name: "out" | "err"): PassThrough => new PassThrough().on("data", (chunk: Buffer) => (said[name] += chunk.toString()));
  const io = {
    env: options.env ?? environment(),
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: capture("out"),
    stderr: capture("err"),
    exitCode: 0,
  };
  return { code: await run(args, io), ...said };
}

async function json(args: string[], options: { stdin?: string } = {}): Promise<unknown> {
  const { code, out, err } = await byok([...args, "--json"], options);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out);
}

describe("keys", () => {
  test("a key from standard input is stored, listed masked, and tested", async () => {
    const added = (await json(["keys", "add", "--provider", "openai", "--user", "u_1", "--alias", "Mine"], { stdin: "sk-canary-of-the-tests-0001\n" })) as { id: string };
    expect(added).toMatchObject({ owner: { userId: "u_1" }, provider: "openai", environment: "production", alias: "Mine", status: "active", hint: "0001" });

    const listed = await byok(["keys", "list", "--user", "u_1"]);
    expect(listed.out).toMatch(new RegExp(`${added.id}  openai    production   active  Mine   …0001`));
    expect(listed.out).not.toContain("canary");
    expect(listed.out).not.toContain("\u001b");
    expect(await json(["keys", "list", "--user", "u_1", "--provider", "anthropic"])).toEqual({ items: [] });

    expect(await json(["keys", "test", added.id])).toMatchObject({ keyId: added.id, valid: true, status: "active" });
    sandbox.script("sk-canary-of-the-tests-0001", { kind: "revoked" });
    const refused = await byok(["keys", "test", added.id, "--json"]);
    expect(refused.code).toBe(5);
    expect(JSON.parse(refused.out)).toMatchObject({ valid: false, status: "invalid" });
  });

  test("a key is rotated from standard input, explained, disabled and deleted", async () => {
    const added = (await json(["keys", "add", "--provider", "openai", "--user", "u_life"], { stdin: "sk-canary-of-the-tests-0101" })) as { id: string };
    expect(await json(["keys", "rotate", added.id, "--grace", "1h"], { stdin: "sk-canary-of-the-tests-0102" })).toMatchObject({ id: added.id, version: 2, hint: "0102" });
    const rotated = await byok(["keys", "rotate", added.id, "--compromised"], { stdin: "sk-canary-of-the-tests-0103" });
    expect(rotated.out).toBe(`Rotated ${added.id} to version 3 (openai, active).\n`);
    expect((await byok(["keys", "rotate", added.id], { stdin: "sk-canary-of-the-tests-0103" })).code).not.toBe(0);
    expect((await byok(["keys", "rotate", added.id, "--grace", "soon"], { stdin: "x" })).code).toBe(2);
    expect(await json(["keys", "explain", "--user", "u_life", "--provider", "openai"])).toMatchObject({ items: [{ keyId: added.id, usable: true, reason: "usable" }] });
    expect(await json(["keys", "disable", added.id])).toMatchObject({ status: "disabled" });
    expect((await byok(["keys", "explain", "--user", "u_life", "--provider", "openai"])).out).toMatch(/no +disabled/);
    expect(await json(["keys", "delete", added.id])).toEqual({ keyId: added.id, deleted: true });
    expect((await byok(["keys", "delete", added.id])).code).not.toBe(0);
  });

  test("keys of several fields come as JSON; keys of an organization can be shared", async () => {
    const added = await json(["keys", "add", "--provider", "openai", "--org", "o_1", "--shared", "--environment", "development", "--validate", "skip"], {
      stdin: '{ "apiKey": "sk-canary-of-the-tests-0002", "organization": "org-1" }',
    });
    expect(added).toMatchObject({ owner: { organizationId: "o_1" }, sharedAccess: true, environment: "development", metadata: { organization: "org-1" } });
  });

  test("each class of error has its exit code, and its text neither stack nor secret", async () => {
    await json(["keys", "add", "--provider", "openai", "--user", "u_2"], { stdin: "sk-canary-of-the-tests-0003" });
    const add = ["keys", "add", "--provider", "openai", "--user", "u_2"];
    for (const [code, pattern, result] of [
      [8, /already/i, await byok(add, { stdin: "sk-canary-of-the-tests-0003" })],
      [5, /Anthropic/, await byok(add, { stdin: "sk-ant-canary" })],
      [2, /empty/, await byok(add)],
      [2, /binary/, await byok(add, { stdin: "sk-canary\0" })],
      [5, /JSON/, await byok(add, { stdin: '{"apiKey":"sk-canary' })],
      [2, /whose/, await byok(["keys", "add", "--provider", "openai"], { stdin: "sk-canary" })],
      [2, /argument 7/, await byok([...add, "sk-canary"])],
      [4, /no such key/i, await byok(["keys", "test", "key_00000000000000000000000000000000"])],
      [4, /no such service token/i, await byok(["token", "revoke", "tok_00000000000000000000000000000000"])],
    ] as const) {
      expect(result.err).toMatch(pattern);
      expect(result).toMatchObject({ code });
      expect(result.out + result.err).not.toMatch(/canary|\n {4}at /);
    }
  });

  test("errors are JSON where JSON was asked for", async () => {
    const { code, out, err } = await byok(["keys", "test", "key_00000000000000000000000000000000", "--json"]);
    expect({ code, out, error: JSON.parse(err) as unknown }).toMatchObject({ code: 4, out: "", error: { error: { code: "KEY_NOT_FOUND" } } });
  });
});

describe("tokens", () => {
  test("one is made, shown once, listed and revoked", async () => {
    const made = (await json(["token", "create", "--name", "app", "--scope", "keys:read, keys:use", "--user", "u_1", "--expires", "1h"])) as Record<string, string>;
    expect(Object.keys(made).sort()).toEqual(["expiresAt", "id", "scopes", "token"]);
    expect(made).toMatchObject({ id: expect.stringMatching(/^tok_/), token: expect.stringMatching(/^byok_/), scopes: ["keys:read", "keys:use"] });
    expect(Date.parse(made["expiresAt"] ?? "") - Date.now()).toBeGreaterThan(3_500_000);

    const id = made["id"] ?? "";
    expect(await json(["token", "list", "--user", "u_1"])).toMatchObject({ items: [{ id, name: "app", revokedAt: null }] });
    expect((await byok(["token", "list", "--user", "u_1"])).out).not.toContain(made["token"]);
    expect(await json(["token", "revoke", id])).toEqual({ id, revoked: true });
    expect(await json(["token", "list", "--user", "u_1"])).toMatchObject({ items: [{ id, revokedAt: expect.any(String) }] });
  });

  test("a service-wide one does not expire by itself", async () => {
    expect(await json(["token", "create", "--name", "ops", "--scope", "act:any,keys:read"])).toMatchObject({ expiresAt: null });
  });

  test.each([
    [["--scope", "keys:everything"], /Scopes are: keys:read/],
    [["--scope", ","], /Scopes are/],
    [["--scope", "keys:read", "--expires", "soon"], /such as 1h/],
    [["--scope", "system", "--user", "u_1"], /service-wide/],
  ])("%j is refused, and told what there is", async (args, pattern) => {
    const { code, err } = await byok(["token", "create", "--name", "x", ...args]);
    expect(err).toMatch(pattern);
    expect(code).toBe(2);
  });
});

describe("the installation", () => {
  test("migrate can be run again", async () => {
    expect(await json(["migrate"])).toMatchObject({ migrated: true });
  });

  test("doctor finds everything in order, and names what is not", async () => {
    expect(await byok(["doctor"])).toMatchObject({ code: 1, out: expect.stringMatching(/ok {5}root key:.*\n[^]*WRONG {2}worker: none has ever run.*byok worker/) });
    await using manager = new BYOKManager({ encryptionKey: rootKey, database: database.connectionString });
    await using _worker = await startWorker(manager);
    expect(await json(["doctor"])).toMatchObject({ ok: true, checks: ["database", "migrations", "root key", "row security", "roles", "audit trail", "rotation", "TLS", "clock", "worker", "files"].map((check) => ({ check, ok: true })) });
    const wrong = await byok(["doctor"], { env: { ...environment(), BYOK_ENCRYPTION_KEY: otherRootKey } });
    expect(wrong).toMatchObject({ code: 1, out: expect.stringMatching(/^WRONG {2}root key: .*root_[0-9a-f]{16}.*root_[0-9a-f]{16}/) });
  });

  test("S-18 a wrong root key stops the command; both keys are named by id", async () => {
    const { code, err } = await byok(["keys", "list", "--user", "u_1"], { env: { ...environment(), BYOK_ENCRYPTION_KEY: otherRootKey } });
    expect(code).toBe(3);
    expect(err).toMatch(/root_[0-9a-f]{16}.*root_[0-9a-f]{16}/s);
  });

  test("the root key may lie in a file, its final line break aside", async () => {
    const file = path.join(place, "key");
    writeFileSync(file, `${rootKey}\n`);
    const { BYOK_ENCRYPTION_KEY: _, ...rest } = environment();
    expect((await byok(["keys", "list", "--user", "u_1"], { env: { ...rest, BYOK_ENCRYPTION_KEY_FILE: file } })).code).toBe(0);
    const missing = await byok(["keys", "list", "--user", "u_1"], { env: { ...rest, BYOK_ENCRYPTION_KEY_FILE: path.join(place, "none") } });
    expect(missing).toMatchObject({ code: 3, err: expect.stringMatching(/BYOK_ENCRYPTION_KEY_FILE .*ENOENT/) });
  });

  test("B-62 a database that is away or refuses the password is named with the password masked", async () => {
    const away = await byok(["migrate"], { env: { ...environment(), DATABASE_URL: "postgres://byok:canary@127.0.0.1:1/byok" } });
    expect(away).toMatchObject({ code: 3, err: expect.stringMatching(/DATABASE_URL/) });
    expect(away.err).toContain("byok:***@127.0.0.1:1");
    expect(away.err).not.toContain("canary");
  });

  test("a missing root key and a misspelt setting stop every command before anything is opened", async () => {
    const { code, err } = await byok(["keys", "list", "--user", "u_1"], { env: { BYOK_DATA_DIR: path.join(place, "none"), BYOK_ENCRYPTON_KEY: rootKey } });
    expect(code).toBe(3);
    expect(err).toMatch(/did you mean BYOK_ENCRYPTION_KEY\?/);
    const missing = await byok(["keys", "list", "--user", "u_1"], { env: { BYOK_DATA_DIR: path.join(place, "none") } });
    expect(missing).toMatchObject({ code: 3, err: expect.stringMatching(/BYOK_ENCRYPTION_KEY: not set, and production needs it/) });
  });
});

describe("words", () => {
  test.each([
    [[], 2, /Commands:/],
    [["keys"], 2, /add \[options\]/],
    [["serv"], 2, /Did you mean serve.*There are: serve, worker, migrate, token, keys, doctor/],
    [["keys", "rename"], 2, /There are: add, list, test/],
    [["keys", "list", "--owner", "u"], 2, /There are: --user, --org, --system/],
    [["keys", "add", "--provider", "acme", "--user", "u"], 2, /openai, anthropic/],
    [["keys", "list", "--user", "u", "--org", "o"], 2, /cannot be used with/],
  ])("%j is answered with what there is", async (args, code, pattern) => {
    const result = await byok(args);
    expect(result.err).toMatch(pattern);
    expect(result).toMatchObject({ code, out: "" });
  });

  test("help is no error, and has the exit codes", async () => {
    expect(await byok(["--help"])).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/Exit codes:/) });
  });

  test("the settings are listed", async () => {
    expect(await json(["settings"])).toEqual(expect.arrayContaining([{ name: "PORT", sentence: expect.stringMatching(/8787/) }]));
  });
});

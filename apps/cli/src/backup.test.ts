import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BYOKManager } from "@stack-2025/byok-core";
import { coreOf, createServiceToken, revokeServiceToken, type Core } from "@stack-2025/byok-core/internal";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "@stack-2025/byok-db/embedded";
import { runCommand, type Ran } from "./testing-command.ts";

// A copy of the data folder's files, as a snapshot of the disk would be, and what is wrong with it.

const rootKey = "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
const secret = "sk-canary-of-the-tests-0001";
type Admin = Awaited<ReturnType<Core["database"]["dedicatedPool"]>>;

let place: string;
let copy: EmbeddedPostgres;
let manager: BYOKManager;
let admin: Admin;
const ids = { key: "", token: "", tokenId: "", file: "", refused: "" };

beforeAll(async () => {
  // Started by root, the server runs as another user, who has to pass: then the cluster lies in this folder.
  place = mkdtempSync(path.join(process.getuid?.() === 0 ? "/tmp" : tmpdir(), "byok-backup-"));
  if (process.getuid?.() === 0) chmodSync(place, 0o711);
  const original = await startEmbeddedPostgres({ dataDir: path.join(place, "original"), fsync: false });
  const first = new BYOKManager({ encryptionKey: rootKey, database: original.connectionString });
  await first.setMember({ organizationId: "acme", userId: "boss", role: "owner" });
  for (const owner of [{ userId: "alice" }, { organizationId: "acme" }]) {
    ids.key = (await first.as({ userId: "userId" in owner ? "alice" : "boss" }).addKey({ ...owner, provider: "openai", keyData: { apiKey: `${secret}-${"userId" in owner}` }, validate: "skip" })).id;
  }
  await first.recordUsage({ keyId: ids.key, inputTokens: 3 });
  const core = await coreOf(first);
  const made = await createServiceToken(core, "manager", { name: "x", scopes: ["keys:read"], owner: { userId: "alice" } });
  [ids.token, ids.tokenId] = [made.token, made.id];
  const pool = await core.database.dedicatedPool({ max: 1 });
  ids.file = (await pool.query("select pg_relation_filepath('byok.key_versions') as file")).rows[0].file as string;
  await pool.end();
  await first.close();
  await original.stop();
  copyFiles("original", "copy");
  // After the copy was made the token is revoked, where the copy does not see it.
  const later = await startEmbeddedPostgres({ dataDir: path.join(place, "original"), fsync: false });
  const second = new BYOKManager({ encryptionKey: rootKey, database: later.connectionString });
  await revokeServiceToken(await coreOf(second), ids.tokenId);
  ids.refused = await second.as({ serviceToken: ids.token }).listKeys("alice").then(() => "served", (error: { code?: string }) => error.code ?? "");
  await second.close();
  await later.stop();

  copy = await startEmbeddedPostgres({ dataDir: path.join(place, "copy"), fsync: false });
  manager = new BYOKManager({ encryptionKey: rootKey, database: copy.connectionString });
  admin = await (await coreOf(manager)).database.dedicatedPool({ max: 1 });
  await admin.query("set session_replication_role = replica");
}, 120_000);
afterAll(async () => {
  await admin.end();
  await manager.close();
  await copy.stop();
  rmSync(place, { recursive: true, force: true });
});

/** With owners and modes: the server runs as another user. */
const copyFiles = (from: string, to: string): void => {
  if (process.platform === "win32") cpSync(path.join(place, from), path.join(place, to), { recursive: true, preserveTimestamps: true });
  else execFileSync("cp", ["-a", path.join(place, from), path.join(place, to)]);
};

const check = (more: string[] = [], env: Record<string, string> = {}): Promise<Ran> =>
  runCommand(["backup", "check", ...more], { DATABASE_URL: copy.connectionString, BYOK_ENCRYPTION_KEY: rootKey, BYOK_DATA_DIR: path.join(place, "none"), ...env });
const report = async (): Promise<Record<string, unknown>> => {
  const { code, out, err } = await check(["--json"]);
  expect(err).toBe("");
  return { code, ...(JSON.parse(out) as object) };
};
async function withSql<T>(statements: string[], undo: string[], look: () => Promise<T>): Promise<T> {
  for (const statement of statements) await admin.query(statement);
  try {
    return await look();
  } finally {
    for (const statement of undo) await admin.query(statement);
  }
}

describe("S-99: byok backup check on a file-level copy", () => {
  test("a whole one: everything is opened and counted, and no secret is printed", async () => {
    const { code, out } = await check();
    expect(code).toBe(0);
    expect(out).toMatch(/2 owners, 2 tenant keys unwrap/);
    expect(out).toMatch(/2 records open\n {2}2 names open, \d+ audit events prove themselves, \d+ partitions are there\nEverything is there/);
    expect(await report()).toMatchObject({ code: 0, ok: true, counts: { owners: 2, tenantKeys: 2, records: 2, names: 2, events: 4 }, faults: 0, shown: [] });
    expect(out + JSON.stringify(await report())).not.toMatch(/canary|boss/);
  });

  const flipped = (table: string, column: string): string => `update byok.${table} set ${column} = set_byte(${column}, 90, get_byte(${column}, 90) # 1)`;
  test("a byte flipped in every record, tenant key or name: each is named", async () => {
    const twice = (table: string, column: string) => withSql([flipped(table, column)], [flipped(table, column)], report);
    expect(await twice("key_versions", "sealed")).toMatchObject({ code: 1, ok: false, counts: { records: 0 }, shown: expect.arrayContaining([{ check: "record", at: `${ids.key} version 1`, problem: "does not open" }]) });
    expect(await twice("tenant_keys", "wrapped")).toMatchObject({ code: 1, counts: { tenantKeys: 0, records: 0 }, shown: expect.arrayContaining([expect.objectContaining({ check: "tenant key" })]) });
    expect(await twice("audit_names", "sealed")).toMatchObject({ code: 1, counts: { names: 0 }, faults: 2 });
    expect(await report()).toMatchObject({ ok: true });
  });

  test("an event changed", async () => {
    const change = (to: string): string[] => [`update byok.audit_events set action = '${to}' where seq = 1 and action like '%key.added'`];
    expect(await withSql(change("not.key.added"), change("key.added"), report)).toMatchObject({ code: 1, shown: [{ check: "trail", at: "user:alice#1" }] });
  });

  test("a partition is missing", async () => {
    const { rows } = await admin.query("select partition from byok.partitions where partition ~ '^usage_events_2' limit 1");
    const name = rows[0].partition as string;
    const found = await withSql([`alter table byok.usage_events detach partition byok.${name}`, `alter table byok.${name} rename to was_there`], [], report);
    expect(found).toMatchObject({ code: 1, faults: 1, shown: [{ check: "partition", at: name }] });
    await admin.query(`alter table byok.was_there rename to ${name}`);
    const day = `${name.slice(-8, -4)}-${name.slice(-4, -2)}-${name.slice(-2)}`;
    await admin.query(`alter table byok.usage_events attach partition byok.${name} for values from ('${day}') to ('${day}'::date + 1)`);
    expect(await report()).toMatchObject({ ok: true });
  });

  test("S-18: a wrong root key, and an older schema", async () => {
    const wrong = await check([], { BYOK_ENCRYPTION_KEY: "base64:Gxr3EQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=" });
    expect(wrong).toMatchObject({ code: 3, out: "", err: expect.stringMatching(/root_[0-9a-f]{16}.*root_[0-9a-f]{16}/s) });
    const older = await withSql(["update byok.installation set version = 1"], ["update byok.installation set version = 9"], check);
    expect(older).toMatchObject({ code: 3, err: expect.stringMatching(/byok migrate/) });
  });

  test("a byte flipped in the file itself", async () => {
    copyFiles("original", "damaged");
    const file = path.join(place, "damaged/database/data", ids.file);
    const bytes = readFileSync(file);
    const at = bytes.findLastIndex((byte) => byte !== 0) - 40;
    const handle = openSync(file, "r+");
    writeSync(handle, Buffer.from([bytes[at]! ^ 1]), 0, 1, at);
    closeSync(handle);
    const damaged = await startEmbeddedPostgres({ dataDir: path.join(place, "damaged"), fsync: false });
    try {
      const { code, out } = await check(["--json"], { DATABASE_URL: damaged.connectionString });
      expect(code).toBe(1);
      expect(JSON.parse(out)).toMatchObject({ ok: false, shown: expect.arrayContaining([expect.objectContaining({ check: expect.stringMatching(/rows|record/) })]) });
      expect(out).not.toContain("canary");
    } finally {
      await damaged.stop();
    }
  }, 60_000);
});

describe("S-101: after an older copy was restored", () => {
  const read = () => manager.as({ serviceToken: ids.token }).listKeys("alice");
  test("a token that was revoked since lives again, until doctor --after-restore ends all of them", async () => {
    expect(ids.refused).toBe("UNAUTHENTICATED");
    // This is what the copy does not know.
    expect((await read()).items).toHaveLength(1);
    const { out } = await runCommand(["doctor", "--after-restore", "--json"], { DATABASE_URL: copy.connectionString, BYOK_ENCRYPTION_KEY: rootKey, BYOK_DATA_DIR: path.join(place, "none") });
    expect((JSON.parse(out) as { afterRestore: unknown }).afterRestore).toEqual({ epoch: 1, tokensEnded: 1, keysToCheck: 2 });
    await expect.poll(() => read().then(() => "served", (error: { code?: string }) => error.code), { timeout: 2_000 }).toBe("UNAUTHENTICATED");

    const core = await coreOf(manager);
    const { token } = await createServiceToken(core, "manager", { name: "new", scopes: ["keys:read"], owner: { userId: "alice" } });
    expect((await manager.as({ serviceToken: token }).listKeys("alice")).items).toHaveLength(1);
    const { rows } = await admin.query("select count(*)::integer as due from byok.keys where next_check_at <= now()");
    expect(rows).toEqual([{ due: 2 }]);
    expect((await manager.listAuditEvents({ system: true })).items).toMatchObject([{ action: "installation.restored", actor: "command" }]);
    expect(await report()).toMatchObject({ ok: true });
  });
});

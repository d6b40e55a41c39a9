import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BYOKManager } from "@stack-2025/byok-core";
import { coreOf, type Core } from "@stack-2025/byok-core/internal";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { clockCheck } from "./doctor.ts";
import { runCommand } from "./testing-command.ts";

const rootKey = "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
let database: TestDatabase;
let manager: BYOKManager;
type Pool = Awaited<ReturnType<Core["database"]["dedicatedPool"]>>;
let pool: Pool;
/** One session: a transaction survives a statement that is refused. */
let admin: Pick<Pool, "query"> & { release(): void };
let place: string;
let id: string;

beforeAll(async () => {
  database = await createTestDatabase();
  place = mkdtempSync(path.join(tmpdir(), "byok-doctor-"));
  manager = new BYOKManager({ encryptionKey: rootKey, database: database.connectionString });
  const core = await coreOf(manager);
  id = core.database.installation.id;
  pool = await core.database.dedicatedPool({ max: 1 });
  admin = await pool.connect();
  await manager.addKey({ userId: "alice", provider: "openai", keyData: { apiKey: "sk-canary-of-the-tests-0001" }, validate: "skip" });
});
afterAll(async () => {
  admin.release();
  await pool.end();
  await manager.close();
  await database.drop();
  rmSync(place, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({ DATABASE_URL: database.connectionString, BYOK_ENCRYPTION_KEY: rootKey, BYOK_DATA_DIR: path.join(place, "data") });
async function wrong(env: Record<string, string> = environment()): Promise<Record<string, string>> {
  const { out } = await runCommand(["doctor", "--json"], env);
  const { checks } = JSON.parse(out) as { checks: { check: string; ok: boolean; detail: string }[] };
  return Object.fromEntries(checks.filter(({ ok, check }) => !ok && check !== "worker").map(({ check, detail }) => [check, detail]));
}

describe("S-102: doctor names what was broken, and what to do", () => {
  test("nothing is wrong", async () => {
    expect(await wrong()).toEqual({});
  });

  const breaks: [check: string, says: RegExp, break_: string, mend: string][] = [
    ["row security", /byok\.keys is not shut.*enable row level security/, "alter table byok.keys disable row level security", "alter table byok.keys enable row level security"],
    ["row security", /byok\.members is not shut/, "alter table byok.members no force row level security", "alter table byok.members force row level security"],
    ["row security", /policy mine .*drop policy mine on byok\.keys/, "create policy mine on byok.keys using (true)", "drop policy mine on byok.keys"],
    ["roles", /byok_app_ID may log in.*alter role byok_app_ID nologin/, 'alter role "byok_app_ID" login', 'alter role "byok_app_ID" nologin'],
    ["roles", /byok_app_ID may log in, or more/, 'alter role "byok_app_ID" bypassrls', 'alter role "byok_app_ID" nobypassrls'],
    ["roles", /everybody has rights on byok\.keys/, "grant select on byok.keys to public", "revoke select on byok.keys from public"],
    ["roles", /byok_app_ID lacks insert on byok\.audit_events; run: grant insert/, 'revoke insert on byok.audit_events from "byok_app_ID"', 'grant insert on byok.audit_events to "byok_app_ID"'],
    ["audit trail", /may delete audit events; run: revoke delete/, 'grant delete on byok.audit_events to "byok_app_ID"', 'revoke delete on byok.audit_events from "byok_app_ID"'],
    ["audit trail", /append_only.*enable trigger/, "alter table byok.audit_events disable trigger append_only", "alter table byok.audit_events enable trigger append_only"],
    ["rotation", /root_next was proposed.*byok root rotate/, "insert into byok.root_keys (root_key_id, check_record, state) values ('root_next', '', 'candidate')", "delete from byok.root_keys where root_key_id = 'root_next'"],
  ];
  test.each(breaks)("%s: %s", async (check, says, break_, mend) => {
    await admin.query(break_.replaceAll("ID", id));
    const found = await wrong();
    await admin.query(mend.replaceAll("ID", id));
    expect(Object.keys(found)).toEqual([check]);
    expect(found[check]?.replaceAll(id, "ID")).toMatch(says);
  });

  test("clocks that differ by more than five seconds", () => {
    expect(clockCheck(4_900, 0).ok).toBe(true);
    expect(clockCheck(-5_200, 300).ok).toBe(true);
    expect(clockCheck(6_000, 0)).toMatchObject({ ok: false, detail: expect.stringMatching(/6\.0 s behind .*NTP/) });
    expect(clockCheck(-61_000, 10)).toMatchObject({ ok: false, detail: expect.stringMatching(/61\.0 s ahead of/) });
  });

  test("a key file and a data folder that others may read", async (context) => {
    if (process.platform === "win32") return context.skip("files have no such modes there");
    const file = path.join(place, "key");
    writeFileSync(file, `${rootKey}\n`);
    chmodSync(file, 0o644);
    mkdirSync(path.join(place, "open"), { mode: 0o700 });
    chmodSync(path.join(place, "open"), 0o777);
    const { BYOK_ENCRYPTION_KEY: _, ...rest } = environment();
    const found = await wrong({ ...rest, BYOK_ENCRYPTION_KEY_FILE: file, BYOK_DATA_DIR: path.join(place, "open") });
    expect(found["files"]).toMatch(/chmod o= .*key; .*open is open to others \(mode 777\)\. Run: chmod 7/);
  });
});

/** A pg_dump that is new enough for the server, where this machine has one. */
const dumper = ((): string | undefined => {
  try {
    return Number(/ (\d+)\./.exec(execFileSync("pg_dump", ["--version"]).toString())?.[1]) >= 18 ? "pg_dump" : undefined;
  } catch {
    return undefined;
  }
})();

describe("S-100: the backup role", () => {
  let statements: string[];
  beforeAll(async () => {
    const { out } = await runCommand(["migrate"], environment());
    statements = out.split("\n").filter((line) => /^ {2}\w.*;$/.test(line));
    for (const statement of statements) await admin.query(statement);
  });
  afterAll(async () => {
    await admin.query("rollback");
    await admin.query(`drop owned by "byok_backup_${id}"; drop role "byok_backup_${id}"`);
  });

  test("migrate prints its statements until it is there, and doctor takes it for one of ours", async () => {
    expect(statements[0]).toContain(`create role "byok_backup_${id}" nologin nosuperuser nocreatedb nocreaterole bypassrls`);
    expect((await runCommand(["migrate"], environment())).out).not.toContain("create role");
    expect(await wrong()).toEqual({});
  });

  test("as it everything is read, and nothing is written", async () => {
    await admin.query(`begin; set local role "byok_backup_${id}"`);
    const { rows: tables } = await admin.query<{ name: string }>("select oid::regclass::text as name from pg_class where relnamespace in ('byok'::regnamespace, 'byok_worker'::regnamespace) and relkind in ('r', 'p')");
    expect(tables.length).toBeGreaterThan(30);
    for (const { name } of tables) await admin.query(`select count(*) from ${name}`);
    expect((await admin.query("select count(*)::integer as count from byok.keys")).rows).toEqual([{ count: 1 }]);
    for (const statement of ["update byok.keys set alias = 'x'", "delete from byok.keys", "insert into byok.changes (owner_id) values (gen_random_uuid())", "create table byok.mine ()"]) {
      await admin.query("savepoint here");
      await expect(admin.query(statement)).rejects.toMatchObject({ code: "42501" });
      await admin.query("rollback to here");
    }
    await admin.query("rollback");
  });

  test("a dump as it holds every row, and neither the root key nor a secret", (context) => {
    if (dumper === undefined) return context.skip("this machine has no pg_dump that is new enough for the server");
    const dump = execFileSync(dumper, [`--role=byok_backup_${id}`, "--schema=byok", "--schema=byok_worker", database.connectionString], { maxBuffer: 1 << 28 }).toString("utf8");
    expect(dump).toContain("COPY byok.key_versions");
    for (const text of ["canary", rootKey, rootKey.slice(7)]) expect(dump).not.toContain(text);
  });
});

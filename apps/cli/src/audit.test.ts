import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BYOKManager } from "@stack-2025/byok-core";
import { coreOf, type Core } from "@stack-2025/byok-core/internal";
import { startWorker } from "@stack-2025/byok-core/worker";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { makeLogger } from "./log.ts";
import { runCommand, type Ran } from "./testing-command.ts";

const rootKey = "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
let database: TestDatabase;
let manager: BYOKManager;
let admin: Awaited<ReturnType<Core["database"]["dedicatedPool"]>>;
let place: string;
let keyId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  place = mkdtempSync(path.join(tmpdir(), "byok-audit-"));
  manager = new BYOKManager({ encryptionKey: rootKey, database: database.connectionString });
  admin = await (await coreOf(manager)).database.dedicatedPool({ max: 1 });
  await admin.query("set session_replication_role = replica");
  await manager.setMember({ organizationId: "acme", userId: "boss@example.com", role: "owner" });
  const byok = manager.as({ userId: "boss@example.com" });
  keyId = (await byok.addKey({ organizationId: "acme", provider: "openai", keyData: { apiKey: "sk-canary-of-the-tests-0001" }, validate: "skip" })).id;
  await byok.updateKey(keyId, { priority: 7 });
});
afterAll(async () => {
  await admin.end();
  await manager.close();
  await database.drop();
  rmSync(place, { recursive: true, force: true });
});

const byok = (...args: string[]): Promise<Ran> => runCommand(args, { DATABASE_URL: database.connectionString, BYOK_ENCRYPTION_KEY: rootKey, BYOK_DATA_DIR: path.join(place, "data") });
const lines = (text: string): Record<string, unknown>[] => text.trim().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Record<string, unknown>);

describe("byok audit", () => {
  test("S-88: verify says what it cannot know without an anchor, and takes one", async () => {
    const alone = await byok("audit", "verify");
    expect(alone).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^3 events of 1 owners prove themselves\.\nWithout an anchor nobody can tell/) });
    const file = path.join(place, "anchors");
    const anchor = await byok("audit", "anchor");
    expect(anchor.code).toBe(0);
    writeFileSync(file, anchor.out);
    const { code, out } = await byok("audit", "verify", "--org", "acme", "--anchor", file, "--json");
    expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({ code: 0, ok: true, events: 3, brokenAt: null, anchored: true, unknown: null });

    // The newest event goes, and the head steps back: the database alone contradicts nothing.
    await admin.query("create temporary table kept as select * from byok.audit_events");
    await admin.query("delete from byok.audit_events where seq = 3");
    await admin.query("update byok.audit_heads h set seq = 2, hash = e.hash, mac = e.mac from byok.audit_events e where e.seq = 2");
    expect((await byok("audit", "verify")).code).toBe(0);
    const cut = await byok("audit", "verify", "--anchor", file);
    expect(cut).toMatchObject({ code: 1, out: expect.stringMatching(/organization:acme#3: the tail was cut: an anchor tells of 3 events/) });
    await admin.query("insert into byok.audit_events select * from kept where seq = 3");
    await admin.query("update byok.audit_heads h set seq = 3, hash = e.hash, mac = e.mac from byok.audit_events e where e.seq = 3");
    expect((await byok("audit", "verify", "--anchor", file)).code).toBe(0);
  });

  test("S-87: a changed event is named, for people and as JSON, and the shell is told", async () => {
    await admin.query("update byok.audit_events set action = 'key.viewed' where seq = 2");
    expect(await byok("audit", "verify")).toMatchObject({ code: 1, out: expect.stringMatching(/^ {2}organization:acme#2: the event was changed/m) });
    const { code, out } = await byok("audit", "verify", "--json");
    expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({ code: 1, ok: false, brokenAt: expect.stringMatching(/^organization:acme#2: /), faults: [{ owner: "organization:acme", seq: "2" }] });
    await admin.query("update byok.audit_events set action = 'key.added' where seq = 2");
  });

  test("S-88: the worker's hourly job writes anchors into its log, and the log is an anchor", async () => {
    const file = path.join(place, "worker.log");
    const log: string[] = [];
    const worker = new BYOKManager({ encryptionKey: rootKey, database: database.connectionString, logger: makeLogger("info", { write: (line: string) => void log.push(line) }) });
    await using running = await startWorker(worker);
    await admin.query("select byok_worker.add_job('anchor_audit', '{}'::json)");
    await expect.poll(() => log.filter((line) => line.includes("byok.audit.anchor")).length, { timeout: 10_000 }).toBe(1);
    await running.stop();
    await worker.close();
    writeFileSync(file, log.join(""));
    expect((await byok("audit", "verify", "--anchor", file)).code).toBe(0);
  });

  test("a file that is no anchor, and one that is not there, are refused", async () => {
    const file = path.join(place, "none");
    writeFileSync(file, "hello\n");
    expect(await byok("audit", "verify", "--anchor", file)).toMatchObject({ code: 2, err: expect.stringMatching(/holds no anchor/) });
    expect(await byok("audit", "verify", "--anchor", path.join(place, "missing"))).toMatchObject({ code: 3, err: expect.stringMatching(/ENOENT/) });
  });

  test("tail writes each event as a line of JSON, goes on from a position, and names nobody", async () => {
    const first = await byok("audit", "tail", "--once", "--json");
    expect(first.code).toBe(0);
    const seen = lines(first.out);
    expect(seen.map(({ seq, action, target }) => [seq, action, target])).toEqual([["1", "member.set", expect.stringMatching(/^user:nam_/)], ["2", "key.added", keyId], ["3", "key.updated", keyId]]);
    expect(first.out).not.toMatch(/boss|example\.com|canary/);
    expect(seen[0]).toMatchObject({ kind: "byok.audit.event", position: "0", hash: expect.any(String), mac: expect.any(String), previous_hash: expect.any(String) });

    // What commits while others are still writing comes with a later look, and nothing is passed over.
    const open = await (await coreOf(manager)).database.dedicatedPool({ max: 1 });
    await open.query("begin; select pg_current_xact_id()");
    await manager.updateKey(keyId, { priority: 8 });
    const withheld = lines((await byok("audit", "tail", "--once")).out).map(({ seq }) => seq);
    expect(withheld).toEqual(["1", "2", "3"]);
    await open.query("commit");
    await open.end();
    const position = String((await admin.query("select min(xid::text::bigint) as at from byok.audit_events where seq = 4")).rows[0].at);
    const rest = lines((await byok("audit", "tail", "--once", "--after", position)).out);
    expect(rest.map(({ seq, position: at }) => [seq, at])).toEqual([["4", position]]);
    expect((await byok("audit", "tail", "--after", "x")).code).toBe(2);
  });
});

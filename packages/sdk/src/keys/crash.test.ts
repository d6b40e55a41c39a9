import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BYOKError } from "@stack-2025/byok-crypto";
import { openaiKey, openInstallation, rootKey, type Installation } from "../installation.fixture.ts";
import { coreOf, type BYOKManager } from "../manager.ts";
import { make, type Crash } from "./crash.fixture.ts";

let at: Installation;
let manager: BYOKManager;
beforeAll(async () => {
  at = await openInstallation();
  manager = at.manager;
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

/** Runs the call in a process that is killed before its n-th statement; true where it had none. */
function crash(n: number, call: Crash["call"]): Promise<boolean> {
  const setting: Crash = { connectionString: at.connectionString, encryptionKey: rootKey, baseUrl: at.sandbox.baseUrl("openai"), at: n, call };
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ["--conditions=byok-source", fileURLToPath(new URL("./crash.fixture.ts", import.meta.url))],
      { env: { PATH: process.env["PATH"], TEST_CRASH: JSON.stringify(setting) } },
      (error, stdout, stderr) => {
        if (stdout === "done") resolve(true);
        else if (error?.signal === "SIGKILL") resolve(false);
        else reject(new Error(`the process ended in another way: ${error?.code ?? ""} ${stderr}`));
      },
    );
  });
}

/** Every row of the owner, so that half of a change shows. */
async function rows(userId: string): Promise<Record<string, unknown[]>> {
  const core = await coreOf(manager);
  return core.database.inTenant({ owners: [core.ownerRef(userId).id] }, async (trx) => ({
    keys: await trx.selectFrom("keys").select(["key_id", "live_version", "fingerprint"]).execute(),
    versions: await trx.selectFrom("key_versions").select(["key_id", "version", "sealed", "usable_until"]).orderBy("version").execute(),
    health: await trx.selectFrom("key_health").select(["key_id", "reasons"]).execute(),
    tenantKeys: await trx.selectFrom("tenant_keys").select("version").execute(),
    audit: await trx.selectFrom("audit_events").select(["seq", "action", "target"]).orderBy("seq").execute(),
  }));
}

const mostStatements = 60;
/** Every third one: each is a process of its own, which takes seconds to start on a busy machine. */
const stride = 3;

describe("F-01: a process killed at any statement leaves all of a change or nothing, and the same call again succeeds", () => {
  const cases: [name: Crash["call"]["name"], prepare: (userId: string, apiKey: string) => Promise<Crash["call"]>][] = [
    ["add", async (userId, apiKey) => ({ name: "add", userId, apiKey })],
    ["rotate", async (userId, apiKey) => ({ name: "rotate", keyId: (await manager.addKey({ userId, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" })).id, apiKey })],
    ["delete", async (userId) => ({ name: "delete", keyId: (await manager.addKey({ userId, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" })).id })],
  ];
  it.each(cases)("%s", async (name, prepare) => {
    let finished = false;
    let kills = 0;
    let untouched = 0;
    for (let n = 1; !finished; n += 3 * stride) {
      expect(n).toBeLessThan(mostStatements);
      await Promise.all(
        [n, n + stride, n + 2 * stride].map(async (statement) => {
          const userId = `crash-${name}-${statement}`;
          const apiKey = openaiKey();
          const call = await prepare(userId, apiKey);
          const before = await rows(userId);
          const done = await crash(statement, call);
          if (done) finished = true;
          else kills += 1;
          const after = await rows(userId);
          const nothing = JSON.stringify(after) === JSON.stringify(before);
          if (nothing) untouched += 1;
          const whole = { add: [1, 1], rotate: [1, 2], delete: [0, 0] }[name];
          const audited = (before["audit"]?.length ?? 0) + 1;
          const all = JSON.stringify([after["keys"]?.length, after["versions"]?.length, after["audit"]?.length]) === JSON.stringify([...whole, audited]);
          expect({ nothing, all, done }).toEqual({ nothing, all: !nothing, done: done && all });

          // Again: what was done already says so, and stays done.
          const again = await make(manager, call).then(() => "done", (error: unknown) => (error as BYOKError).code);
          expect(again).toBe(nothing ? "done" : { add: "done", rotate: "CONFLICT", delete: "KEY_NOT_FOUND" }[name]);
          const end = await rows(userId);
          expect([end["keys"]?.length, end["versions"]?.length]).toEqual(whole);
          expect(end["audit"]?.length).toBe(audited);
          const inUse = await manager.getActiveKey(userId, "openai").then((key) => key.decryptedKey, () => null);
          expect(inUse).toBe(name === "delete" ? null : apiKey);
        }),
      );
    }
    expect(untouched).toBeGreaterThan(1);
    // Those that read the record afterwards were killed on both sides of the commit.
    expect(kills - untouched).toBeGreaterThanOrEqual(name === "delete" ? 0 : 1);
  }, 240_000);
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import fc from "fast-check";
import { ConflictError, InvalidInputError, KeyNotFoundError, KeyValidationError } from "@stack-2025/byok-crypto";
import type { KeyRecord } from "../byok.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { endGraces } from "../jobs/end-graces.ts";
import { coreOf, type BYOKManager } from "../manager.ts";
import { ownerId } from "../owners.ts";

let at: Installation;
let manager: BYOKManager;
beforeAll(async () => {
  at = await openInstallation();
  manager = at.manager;
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

const hourMs = 3_600_000;
const add = (userId: string, more: object = {}): Promise<KeyRecord> => manager.addKey({ userId, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...more });
const live = async (userId: string): Promise<string> => (await manager.getActiveKey(userId, "openai")).decryptedKey;
const listModels = async (userId: string, by: BYOKManager = manager): Promise<Response> => by.fetchFor(userId, "openai")("https://api.openai.com/v1/models");

/** The same parts, at another time. */
async function coreAt(afterMs: number) {
  const core = await coreOf(manager);
  return { ...core, clock: { now: () => new Date(Date.now() + afterMs), monotonic: () => core.clock.monotonic() } };
}
async function versionsOf({ id, owner }: KeyRecord): Promise<number[]> {
  const { database } = await coreOf(manager);
  const ref = ownerId(database.installation.id, "user", (owner as { userId: string }).userId);
  const rows = await database.inTenant({ owners: [ref] }, (trx) => trx.selectFrom("key_versions").select("version").where("key_id", "=", id).orderBy("version").execute());
  return rows.map((row) => row.version);
}

describe("rotateKey", () => {
  it("goes live in one step, in every process within a second; limits, settings and usage stay with the key", async () => {
    const first = openaiKey();
    const second = openaiKey();
    const key = await manager.addKey({ userId: "rotate-1", provider: "openai", keyData: { apiKey: first }, alias: "Mine", limits: { requestsPerMinute: 50 }, tags: ["a"] });
    await manager.recordUsage({ keyId: key.id, inputTokens: 3 });
    const other = at.another();
    expect((await other.getActiveKey("rotate-1", "openai")).decryptedKey).toBe(first);

    const rotated = await manager.rotateKey(key.id, { apiKey: second });
    expect(rotated).toMatchObject({ id: key.id, alias: "Mine", limits: { requestsPerMinute: 50 }, tags: ["a"], version: 2, status: "active", hint: second.slice(-4) });
    expect(await live("rotate-1")).toBe(second);
    await expect.poll(() => other.getActiveKey("rotate-1", "openai").then((one) => one.decryptedKey), { timeout: 1_000, interval: 20 }).toBe(second);
    expect((await manager.getUsageStats(key.id)).inputTokens).toBe(3);
    // What the provider was asked, it was asked before the change.
    expect(at.sandbox.ledger.calls(second)).toBeGreaterThan(0);
  });

  it("B-27: the same secret is a ConflictError; an empty one, another provider's and a refused one are KeyValidationErrors; nothing changes", async () => {
    const apiKey = openaiKey();
    const { id } = await manager.addKey({ userId: "rotate-2", provider: "openai", keyData: { apiKey } });
    const elsewhere = openaiKey();
    const { id: other } = await manager.addKey({ userId: "rotate-2", provider: "openai", keyData: { apiKey: elsewhere }, validate: "skip", priority: 200 });
    await expect(manager.rotateKey(id, { apiKey })).rejects.toBeInstanceOf(ConflictError);
    await expect(manager.rotateKey(id, { apiKey: ` ${apiKey}\n` })).rejects.toBeInstanceOf(ConflictError);
    await expect(manager.rotateKey(id, { apiKey: elsewhere })).rejects.toBeInstanceOf(ConflictError);
    for (const keyData of [{ apiKey: "" }, { apiKey: "sk-ant-api03-looks-like-anthropic-0001" }, { apiKey: openaiKey("invalid") }, {}, undefined, null, "sk-x", { apiKey: 5 }]) {
      await expect(manager.rotateKey(id, keyData as never)).rejects.toBeInstanceOf(KeyValidationError);
    }
    expect(await manager.getKey(id)).toMatchObject({ version: 1, status: "active" });
    expect((await manager.getActiveKey("rotate-2", "openai", { keyId: id })).decryptedKey).toBe(apiKey);
    expect((await manager.getKey(other)).version).toBe(1);
  });

  it.each([-1, Number.NaN, 10 * 366 * 24 * hourMs, 0.5, "1h", Number.POSITIVE_INFINITY])("B-27: graceMs %s is an InvalidInputError naming it", async (graceMs) => {
    const { id } = await add("rotate-3");
    const error = await manager.rotateKey(id, { apiKey: openaiKey() }, { graceMs } as never).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).issues[0]?.path).toBe("graceMs");
  });

  it("B-27: a deleted key is a KeyNotFoundError, to rotate and to roll back", async () => {
    const { id } = await add("rotate-4");
    await manager.deleteKey(id);
    await expect(manager.rotateKey(id, { apiKey: openaiKey() })).rejects.toBeInstanceOf(KeyNotFoundError);
    await expect(manager.rollbackKey(id)).rejects.toBeInstanceOf(KeyNotFoundError);
  });

  it("a disabled key stays disabled; an expiry date that has passed goes with the old secret; a provider that is away leaves it unchecked", async () => {
    const disabled = await add("rotate-5");
    await manager.updateKey(disabled.id, { status: "disabled" });
    expect(await manager.rotateKey(disabled.id, { apiKey: openaiKey() })).toMatchObject({ status: "disabled", version: 2 });

    const expiring = await add("rotate-5", { expiresAt: new Date(Date.now() + 50) });
    await expect.poll(async () => (await manager.getKey(expiring.id)).status, { timeout: 2_000, interval: 20 }).toBe("expired");
    expect(await manager.rotateKey(expiring.id, { apiKey: openaiKey() })).toMatchObject({ status: "active", expiresAt: null });

    const away = openaiKey();
    at.sandbox.script(away, { kind: "server_error", status: 503 });
    expect(await manager.rotateKey(expiring.id, { apiKey: away })).toMatchObject({ status: "unchecked", version: 3, lastCheckedAt: null });
  });
});

describe("the grace of the old version", () => {
  it("is the last resort when the provider refuses the new one: behind the owner's other keys, before the system's", async () => {
    const [old, fresh, spare] = [openaiKey(), openaiKey(), openaiKey()];
    const system = await manager.addKey({ system: true, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" });
    const key = await manager.addKey({ userId: "grace-1", provider: "openai", keyData: { apiKey: old }, validate: "skip", priority: 1 });
    await manager.rotateKey(key.id, { apiKey: fresh }, { validate: "skip" });
    at.sandbox.script(fresh, { kind: "revoked" });
    const answer = await listModels("grace-1");
    expect([answer.status, answer.headers.get("byok-key-id"), answer.headers.get("byok-attempts")]).toEqual([200, key.id, "2"]);
    expect(at.sandbox.ledger.calls(old)).toBe(1);
    // Also while the probe is on its way, and when it has agreed.
    expect((await listModels("grace-1")).status).toBe(200);
    await expect.poll(async () => (await manager.getKey(key.id)).status, { timeout: 5_000, interval: 20 }).toBe("invalid");
    expect((await listModels("grace-1")).headers.get("byok-source")).toBe("user");
    expect(await live("grace-1")).toBe(old);
    expect(await manager.explain("grace-1", "openai")).toMatchObject([
      { keyId: key.id, reason: "invalid", usable: false }, { keyId: key.id, reason: "usable", usable: true }, { keyId: system.id, source: "system" },
    ]);

    await manager.addKey({ userId: "grace-1", provider: "openai", keyData: { apiKey: spare }, validate: "skip", priority: 900 });
    expect(await live("grace-1")).toBe(spare);
    await manager.deleteKey(system.id);
  });

  it("never speaks for a new version that does not open, nor for one that rests after a 429", async () => {
    const [old, fresh] = [openaiKey(), openaiKey()];
    const key = await manager.addKey({ userId: "grace-2", provider: "openai", keyData: { apiKey: old }, validate: "skip" });
    await manager.rotateKey(key.id, { apiKey: fresh }, { validate: "skip" });
    at.sandbox.script(fresh, { kind: "rate_limited" });
    expect((await listModels("grace-2")).status).toBe(429);
    expect(at.sandbox.ledger.calls(old)).toBe(0);
  });

  it("what a call still learns of the old version changes nothing of the new one", async () => {
    const [old, fresh] = [openaiKey(), openaiKey()];
    const key = await manager.addKey({ userId: "grace-3", provider: "openai", keyData: { apiKey: old }, validate: "skip" });
    const slow = at.another();
    await slow.getActiveKey("grace-3", "openai");
    at.sandbox.script(old, { kind: "revoked" });
    // It holds the old version until the news comes, and may meet its end.
    const [, answer] = await Promise.all([manager.rotateKey(key.id, { apiKey: fresh }), listModels("grace-3", slow)]);
    expect([200, 401]).toContain(answer.status);
    await slow.close();
    expect(await manager.getKey(key.id)).toMatchObject({ status: "active", version: 2 });
  });

  it("ends: then it is no resort and no way back, and the worker destroys the ciphertext, once", async () => {
    const [old, fresh] = [openaiKey(), openaiKey()];
    const key = await manager.addKey({ userId: "grace-4", provider: "openai", keyData: { apiKey: old }, validate: "skip" });
    await manager.rotateKey(key.id, { apiKey: fresh }, { graceMs: hourMs });
    expect(await versionsOf(key)).toEqual([1, 2]);
    expect(await endGraces(await coreAt(hourMs - 60_000))).toBe(0);
    const later = await coreAt(hourMs + 1);
    await expect(import("./rotate.ts").then(({ rollbackKey }) => rollbackKey({ core: later, access: { kind: "trusted" }, actor: "test" }, key.id))).rejects.toBeInstanceOf(ConflictError);
    const ended = await Promise.all([endGraces(later), endGraces(later)]);
    expect(ended.toSorted((one, other) => one - other)).toEqual([0, 1]);
    expect(await versionsOf(key)).toEqual([2]);
    await expect(manager.rollbackKey(key.id)).rejects.toBeInstanceOf(ConflictError);
    expect(await live("grace-4")).toBe(fresh);
  });

  it("of nothing destroys the old version at once", async () => {
    const key = await add("grace-5");
    await manager.rotateKey(key.id, { apiKey: openaiKey() }, { graceMs: 0, validate: "skip" });
    expect(await versionsOf(key)).toEqual([2]);
    await expect(manager.rollbackKey(key.id)).rejects.toMatchObject({ code: "CONFLICT", details: { reason: "no_earlier_version" } });
  });
});

describe("rollbackKey", () => {
  it("makes a further version of the earlier contents, once; the contents that were left are gone", async () => {
    const [first, second] = [openaiKey(), openaiKey()];
    const key = await manager.addKey({ userId: "back-1", provider: "openai", keyData: { apiKey: first, organization: "org-1" }, validate: "skip" });
    await manager.rotateKey(key.id, { apiKey: second }, { validate: "skip" });
    expect((await manager.getKey(key.id)).metadata).toEqual({});
    const back = await manager.rollbackKey(key.id);
    expect(back).toMatchObject({ id: key.id, version: 3, hint: first.slice(-4), metadata: { organization: "org-1" } });
    expect(await live("back-1")).toBe(first);
    expect(await versionsOf(key)).toEqual([3]);
    await expect(manager.rollbackKey(key.id)).rejects.toBeInstanceOf(ConflictError);
    // The secret that was left may come again.
    expect((await manager.rotateKey(key.id, { apiKey: second }, { validate: "skip" })).version).toBe(4);
  });
});

const lostBy = (results: readonly PromiseSettledResult<unknown>[]): unknown[] => results.flatMap((one) => (one.status === "rejected" ? [(one.reason as { code?: string }).code] : []));

describe("F-29: rotation raced by use, rollback, delete and a second rotation", () => {
  it("of two rotations at once one wins, the other is a ConflictError", async () => {
    for (let round = 0; round < 5; round += 1) {
      const key = await add("race-1", { priority: round });
      const secrets = [openaiKey(), openaiKey(), openaiKey()];
      const results = await Promise.allSettled(secrets.map((apiKey) => manager.rotateKey(key.id, { apiKey }, { validate: "skip" })));
      expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
      expect(lostBy(results)).toEqual(["CONFLICT", "CONFLICT"]);
      const winner = results.findIndex((one) => one.status === "fulfilled");
      expect((await manager.getActiveKey("race-1", "openai", { keyId: key.id })).decryptedKey).toBe(secrets[winner]);
      expect(await manager.getKey(key.id)).toMatchObject({ version: 2 });
    }
  });

  it("of rotation, rollback and delete at once one wins; the rest are ConflictErrors, or find the key gone", async () => {
    for (let round = 0; round < 8; round += 1) {
      const key = await add("race-2");
      await manager.rotateKey(key.id, { apiKey: openaiKey() }, { validate: "skip" });
      const results = await Promise.allSettled([
        manager.rotateKey(key.id, { apiKey: openaiKey() }, { validate: "skip" }), manager.rollbackKey(key.id), manager.deleteKey(key.id),
      ]);
      expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
      expect(lostBy(results).filter((code) => code !== "CONFLICT" && code !== "KEY_NOT_FOUND")).toEqual([]);
      const there = await manager.getKey(key.id).then(() => true, () => false);
      expect(there).toBe(results[2].status === "rejected");
      if (there) await manager.deleteKey(key.id);
    }
  });

  it("random interleavings of rotate, roll back and read over two processes: every reader sees a version whole, and versions only rise", async () => {
    const other = at.another();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom("rotate" as const, "rollback" as const, "read" as const, "read" as const), fc.boolean()), { minLength: 4, maxLength: 14 }), async (steps) => {
        run += 1;
        const userId = `random-${run}`;
        const hintOf = (apiKey: string): string => apiKey.slice(-4);
        const given = new Set<string>();
        const fresh = (): string => {
          const apiKey = `sk-proj-random-${run}-${given.size}-${"x".repeat(20)}${String(run * 100 + given.size).padStart(4, "0")}`;
          given.add(apiKey);
          return apiKey;
        };
        const key = await manager.addKey({ userId, provider: "openai", keyData: { apiKey: fresh() }, validate: "skip" });
        const results = await Promise.allSettled(
          steps.map(async ([step, here]) => {
            const by = here ? manager : other;
            if (step === "rotate") return { by: step, record: await by.rotateKey(key.id, { apiKey: fresh() }, { validate: "skip" }) };
            if (step === "rollback") return { by: step, record: await by.rollbackKey(key.id) };
            const active = await by.getActiveKey(userId, "openai");
            expect(given).toContain(active.decryptedKey);
            return { by: step, record: undefined };
          }),
        );
        const changes: number[] = [];
        for (const one of results) {
          if (one.status === "fulfilled" && one.value.record) changes.push(one.value.record.version);
        }
        expect(lostBy(results).filter((code) => code !== "CONFLICT")).toEqual([]);
        const end = await manager.getKey(key.id);
        // Each winner made one version of its own.
        expect(end.version).toBe(1 + changes.length);
        const active = await manager.getActiveKey(userId, "openai");
        expect([active.version, hintOf(active.decryptedKey)]).toEqual([end.version, end.hint]);
        expect((await versionsOf(key)).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 25 },
    );
  });
});

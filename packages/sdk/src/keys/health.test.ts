import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EncryptionError, KeyNotFoundError } from "@stack-2025/byok-crypto";
import type { Core } from "../core.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf, type BYOKManager } from "../manager.ts";
import { ownerId } from "../owners.ts";
import { ProbePace } from "./probe-pace.ts";
import { validateAllKeys } from "./validate-all.ts";

let at: Installation;
let manager: BYOKManager;
let core: Core;
const logged: string[] = [];
beforeAll(async () => {
  const say = (level: string) => (fields: object, message = "") => void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const logger = { trace: say("trace"), debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error"), child: () => logger };
  at = await openInstallation({ logger });
  manager = at.manager;
  core = await coreOf(manager);
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

const user = (userId: string): string => ownerId(core.database.installation.id, "user", userId);

describe("getKeyHealth", () => {
  it("tells the last outcome, and asks nobody", async () => {
    const apiKey = openaiKey();
    const { id } = await manager.addKey({ userId: "health-1", provider: "openai", keyData: { apiKey } });
    const calls = at.sandbox.ledger.calls(apiKey);
    expect(await manager.getKeyHealth(id)).toMatchObject({ keyId: id, status: "active", healthy: true, consecutiveFailures: 0, exhaustedUntil: null, expiresAt: null, checkedAt: expect.any(Date) as Date });
    at.sandbox.script(apiKey, { kind: "revoked" });
    expect((await manager.getKeyHealth(id)).healthy).toBe(true);
    expect(at.sandbox.ledger.calls(apiKey)).toBe(calls);
    await manager.testKey(id);
    await manager.testKey(id);
    const health = await manager.getKeyHealth(id);
    expect(health).toMatchObject({ status: "invalid", healthy: false, consecutiveFailures: 2 });
    expect(health.reasons.join()).toMatch(/\w+ \w+/);
    expect(JSON.stringify(health)).not.toContain(apiKey);
  });

  it("says in words why a key is not healthy", async () => {
    const { id } = await manager.addKey({ userId: "health-2", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" });
    expect(await manager.getKeyHealth(id)).toMatchObject({ status: "unchecked", healthy: false, reasons: [expect.stringMatching(/has not been asked/) as string] });
    await manager.updateKey(id, { status: "disabled" });
    expect(await manager.getKeyHealth(id)).toMatchObject({ status: "disabled", healthy: false, reasons: ["it is disabled"] });
    await expect(manager.getKeyHealth("key_none")).rejects.toBeInstanceOf(KeyNotFoundError);
  });
});

describe("S-11: a damaged record harms only itself", () => {
  it("of a hundred keys one does not open: lists and the others work, its status stays, its health says why, and it is announced once", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 100; index += 1) {
      ids.push((await manager.addKey({ userId: "damage-1", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", priority: index })).id);
    }
    const damaged = ids[42]!;
    const sealed = await core.database.inTenant({ owners: [user("damage-1")] }, async (trx) => {
      const row = await trx.selectFrom("key_versions").select("sealed").where("key_id", "=", damaged).executeTakeFirstOrThrow();
      const broken = Buffer.from(row.sealed);
      broken[broken.length - 1]! ^= 1;
      await trx.updateTable("key_versions").set({ sealed: broken }).where("key_id", "=", damaged).execute();
      return row.sealed;
    });
    core.resolver.drop(user("damage-1"));

    expect((await manager.listKeys("damage-1", { limit: 200 })).items).toHaveLength(100);
    for (let use = 0; use < 3; use += 1) await expect(manager.getActiveKey("damage-1", "openai", { keyId: damaged })).rejects.toBeInstanceOf(EncryptionError);
    await expect(manager.testKey(damaged)).rejects.toBeInstanceOf(EncryptionError);
    expect((await manager.getActiveKey("damage-1", "openai")).keyId).toBe(ids[0]);
    expect((await manager.getActiveKey("damage-1", "openai", { keyId: ids[43]! })).keyId).toBe(ids[43]);
    expect(await manager.getKey(damaged)).toMatchObject({ status: "unchecked" });
    const health = await manager.getKeyHealth(damaged);
    expect(health).toMatchObject({ status: "unchecked", healthy: false });
    expect(health.reasons[0]).toMatch(/does not open/);
    expect((await manager.getKeyHealth(ids[41]!)).reasons.join()).not.toMatch(/does not open/);

    const events = (): Promise<unknown[]> =>
      core.database.inTenant({ owners: [user("damage-1")] }, (trx) => trx.selectFrom("audit_events").select("details").where("action", "=", "key.unhealthy").execute());
    await expect.poll(events).toEqual([{ details: { reason: "unreadable", version: 1 } }]);
    await expect.poll(() => logged.filter((line) => line.startsWith("error") && line.includes(damaged))).toHaveLength(1);

    await core.database.inTenant({ owners: [user("damage-1")] }, (trx) => trx.updateTable("key_versions").set({ sealed }).where("key_id", "=", damaged).execute());
    core.resolver.drop(user("damage-1"));
    expect(await manager.testKey(damaged)).toBe(true);
    expect((await manager.getKeyHealth(damaged)).healthy).toBe(true);
    expect(await events()).toHaveLength(1);
  }, 60_000);
});

describe("validateAllKeys", () => {
  it("S-94: 500 keys are asked about eight at a time and 120 in an interval, each once, with a sentence for the customer", async () => {
    const dead = new Map<string, string>();
    for (let start = 0; start < 500; start += 5) {
      await Promise.all(
        Array.from({ length: 5 }, async (_, offset) => {
          const apiKey = openaiKey();
          const { id } = await manager.addKey({ userId: "all-1", provider: "openai", keyData: { apiKey }, validate: "skip" });
          if ((start + offset) % 100 === 0) dead.set(id, apiKey);
        }),
      );
    }
    for (const apiKey of dead.values()) at.sandbox.script(apiKey, { kind: "revoked" });
    // The pace of the product, with a shorter minute.
    const intervalMs = 1_000;
    const begun: number[] = [];
    let now = 0;
    let most = 0;
    const pace = new ProbePace({ atOnce: 8, perInterval: 120, intervalMs });
    const watched = Object.create(pace, {
      run: {
        value: <T>(owner: string, provider: string, probe: () => Promise<T>) =>
          pace.run(owner, provider, async () => {
            begun.push(performance.now());
            most = Math.max(most, (now += 1));
            try {
              return await probe();
            } finally {
              now -= 1;
            }
          }),
      },
    }) as ProbePace;
    const results = await validateAllKeys({ core: { ...core, probePace: watched }, access: { kind: "trusted" }, actor: "test" }, "all-1");
    expect(results).toHaveLength(500);
    expect(most).toBe(8);
    expect(begun).toHaveLength(500);
    // A timer may be a few milliseconds early by this clock.
    for (let index = 120; index < begun.length; index += 1) expect(begun[index]! - begun[index - 120]!).toBeGreaterThan(intervalMs - 20);
    expect(results.filter((one) => !one.valid).map((one) => one.keyId).toSorted()).toEqual([...dead.keys()].toSorted());
    for (const one of results.filter((result) => !result.valid)) {
      expect(one).toMatchObject({ status: "invalid", reason: expect.stringMatching(/^OpenAI does not accept this key.+\.$/) as string });
      expect(one.reason).not.toContain(dead.get(one.keyId));
    }
    expect(results.find((one) => one.valid)).toMatchObject({ status: "active", reason: null, latencyMs: expect.any(Number) as number });
    expect(await manager.getKey([...dead.keys()][0]!)).toMatchObject({ status: "invalid" });
  }, 120_000);

  it("the product's own pace is 8 at once and 120 a minute", async () => {
    const { defaultPace } = await import("./probe-pace.ts");
    expect(defaultPace).toEqual({ atOnce: 8, perInterval: 120, intervalMs: 60_000 });
  });

  it("one key's trouble is its own result", async () => {
    const [fine, away, empty] = [openaiKey(), openaiKey(), openaiKey("noquota")];
    for (const apiKey of [fine, away, empty]) await manager.addKey({ userId: "all-2", provider: "openai", keyData: { apiKey }, validate: "skip", alias: apiKey.slice(0, 20) });
    at.sandbox.script(away, { kind: "server_error", status: 503 });
    const results = await manager.validateAllKeys("all-2");
    expect(results.map((one) => [one.valid, one.status])).toEqual([[true, "active"], [false, "unchecked"], expect.anything()]);
    expect(results[1]?.reason).toMatch(/could not be asked/);
  });
});

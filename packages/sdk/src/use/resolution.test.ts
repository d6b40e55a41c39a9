import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EncryptionError, KeyNotFoundError, KeyValidationError } from "@stack-2025/byok-crypto";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf } from "../manager.ts";
import { ownerId } from "../owners.ts";

let at: Installation;
beforeAll(async () => {
  at = await openInstallation();
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

const add = (owner: { userId: string } | { organizationId: string } | { system: true }, more: object = {}) =>
  at.manager.addKey({ ...owner, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...more });

describe("getActiveKey", () => {
  it("takes the user's own keys by priority, then shared ones, then the system default", async () => {
    const system = await add({ system: true });
    expect(await at.manager.getActiveKey("order-1", "openai")).toMatchObject({ keyId: system.id, source: "system" });
    await at.manager.setMember({ organizationId: "order-org", userId: "order-1", role: "owner" });
    const shared = await add({ organizationId: "order-org" }, { sharedAccess: true });
    await add({ organizationId: "order-org" }, { priority: 1 });
    expect(await at.manager.getActiveKey("order-1", "openai")).toMatchObject({ keyId: shared.id, source: "organization" });
    const later = await add({ userId: "order-1" }, { priority: 200 });
    expect(await at.manager.getActiveKey("order-1", "openai")).toMatchObject({ keyId: later.id, source: "user" });
    const sooner = await add({ userId: "order-1" }, { priority: 5 });
    expect((await at.manager.getActiveKey("order-1", "openai")).keyId).toBe(sooner.id);
    await expect(at.manager.getActiveKey("order-2", "openai", { fallbackToSystem: false })).rejects.toBeInstanceOf(KeyNotFoundError);
    await at.manager.deleteKey(system.id);
  });

  it("hands out what an SDK needs, and prints without the secret", async () => {
    const apiKey = openaiKey();
    await at.manager.addKey({ userId: "print-1", provider: "openai", keyData: { apiKey, organization: "org-1" }, validate: "skip" });
    const key = await at.manager.getActiveKey("print-1", "openai");
    expect(key.decryptedKey).toBe(apiKey);
    expect(key.metadata.organization).toBe("org-1");
    const config = await at.manager.getProviderConfig("print-1", "openai");
    expect(config).toMatchObject({ apiKey, organization: "org-1" });
    for (const value of [key, key.keyData, config, at.manager]) {
      for (const text of [JSON.stringify(value), JSON.stringify({ value }), inspect(value, { depth: 10 }), inspect([value], { showHidden: false, depth: 10 }), `${value as unknown as string}`]) {
        expect(text).not.toContain(apiKey);
        expect(text).not.toContain(apiKey.slice(8));
      }
    }
    expect({ ...config }.apiKey).toBe(apiKey);
  });

  it("a cold read is one round trip, a warm one is none, and a thousand at once are one", async () => {
    await add({ userId: "trips-1" });
    const reader = at.another();
    await reader.getActiveKey("somebody-else", "openai").catch(() => undefined);
    const { database } = await coreOf(reader);
    const before = database.roundTrips;
    await Promise.all(Array.from({ length: 1_000 }, () => reader.getActiveKey("trips-1", "openai")));
    const cold = database.roundTrips;
    await reader.getActiveKey("trips-1", "openai");
    expect(cold - before).toBeLessThanOrEqual(2); // one, and perhaps a look at the log of changes meanwhile
    expect(database.roundTrips - cold).toBeLessThanOrEqual(1);
  });

  it("S-52: a change in one process is seen by another within a second", async () => {
    const { id } = await add({ userId: "change-1" });
    const other = at.another();
    expect((await other.getActiveKey("change-1", "openai")).keyId).toBe(id);
    await at.manager.updateKey(id, { status: "disabled" });
    await expect.poll(() => other.getActiveKey("change-1", "openai").then(() => "served", (error: unknown) => (error as Error).name), { timeout: 1_000, interval: 20 }).toBe("KeyValidationError");
    await at.manager.updateKey(id, { status: "active" });
    await expect.poll(() => other.getActiveKey("change-1", "openai").then((key) => key.keyId, () => "refused"), { timeout: 1_000, interval: 20 }).toBe(id);
  });

  it("a key is found by the very next call, also where there was none a moment ago", async () => {
    for (let round = 0; round < 5; round += 1) {
      await expect(at.manager.getActiveKey(`next-${round}`, "openai", { fallbackToSystem: false })).rejects.toBeInstanceOf(KeyNotFoundError);
      const { id } = await add({ userId: `next-${round}` });
      expect((await at.manager.getActiveKey(`next-${round}`, "openai")).keyId).toBe(id);
    }
  });

  it("a member who is removed loses the shared keys", async () => {
    await at.manager.setMember({ organizationId: "leave-org", userId: "leave-owner", role: "owner" });
    await at.manager.setMember({ organizationId: "leave-org", userId: "leave-1", role: "member" });
    await add({ organizationId: "leave-org" }, { sharedAccess: true });
    expect((await at.manager.getActiveKey("leave-1", "openai")).source).toBe("organization");
    await at.manager.removeMember({ organizationId: "leave-org", userId: "leave-1" });
    await expect(at.manager.getActiveKey("leave-1", "openai")).rejects.toBeInstanceOf(KeyNotFoundError);
  });

  it("B-41: a ciphertext that was moved to another row raises EncryptionError each time, and never the next key", async () => {
    const mine = await add({ userId: "swap-1" }, { priority: 1 });
    await add({ userId: "swap-1" }, { priority: 2 });
    const theirs = await add({ userId: "swap-2" });
    const core = await coreOf(at.manager);
    const installation = core.database.installation.id;
    const owners = [ownerId(installation, "user", "swap-1"), ownerId(installation, "user", "swap-2")];
    await core.database.inTenant({ owners }, async (trx) => {
      const sealed = await trx.selectFrom("key_versions").select("sealed").where("key_id", "=", theirs.id).executeTakeFirstOrThrow();
      await trx.updateTable("key_versions").set({ sealed: sealed.sealed }).where("key_id", "=", mine.id).execute();
    });
    const reader = at.another();
    for (let index = 0; index < 2; index += 1) await expect(reader.getActiveKey("swap-1", "openai")).rejects.toBeInstanceOf(EncryptionError);
    expect((await at.manager.getKey(mine.id)).status).toBe("unchecked");
    await expect(reader.fetchFor("swap-1", "openai")("https://api.openai.com/v1/models")).rejects.toBeInstanceOf(EncryptionError);
    expect((await reader.getActiveKey("swap-2", "openai")).keyId).toBe(theirs.id);
  });

  it("an expired key and a disabled one say why", async () => {
    const { id } = await add({ userId: "why-1" });
    await at.manager.updateKey(id, { status: "disabled" });
    const error = await at.manager.getActiveKey("why-1", "openai").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KeyValidationError);
    expect((error as KeyValidationError).candidates).toMatchObject([{ keyId: id, usable: false, reason: "disabled" }]);
  });
});

describe("withKey", () => {
  it("moves on where the SDK's error says that another key could help, and meters what it is told", async () => {
    const first = await add({ userId: "with-1" }, { priority: 1 });
    const second = await add({ userId: "with-1" }, { priority: 2 });
    const seen: string[] = [];
    const value = await at.manager.withKey("with-1", "openai", async (key, attempt) => {
      seen.push(key.keyId);
      if (attempt.number === 1) throw Object.assign(new Error("rate limited"), { status: 429, error: { code: "rate_limit_exceeded", message: "Please try again in 1s", type: "requests" } });
      attempt.meter({ inputTokens: 7, outputTokens: 3, model: "gpt-5" });
      return "done";
    });
    expect(value).toBe("done");
    expect(seen).toEqual([first.id, second.id]);
    expect(await at.manager.getUsageStats(second.id)).toMatchObject({ requests: 1, inputTokens: 7, outputTokens: 3, tokens: 10 });
    expect(await at.manager.getUsageStats(first.id)).toMatchObject({ requests: 0, errors: 1 });
  });

  it("rethrows what is none of a provider's, without trying again", async () => {
    await add({ userId: "with-2" });
    await add({ userId: "with-2" });
    let calls = 0;
    await expect(
      at.manager.withKey("with-2", "openai", async () => {
        calls += 1;
        throw new TypeError("mine");
      }),
    ).rejects.toThrow(TypeError);
    expect(calls).toBe(1);
  });
});

describe("limits", () => {
  it("a limit of the key is kept over parallel calls, and never moves spend to the system's key", async () => {
    await add({ system: true });
    const { id } = await add({ userId: "limit-1" }, { limits: { requestsPerMinute: 3 } });
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => at.manager.withKey("limit-1", "openai", async (key) => key.keyId)));
    // A minute may turn meanwhile: then three more pass.
    const passed = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect([3, 6]).toContain(passed.length);
    expect(new Set(passed)).toEqual(new Set([id]));
    const refused = results.flatMap((one) => (one.status === "rejected" ? [(one.reason as { code: unknown }).code] : []));
    expect(refused).toEqual(Array.from({ length: 10 - passed.length }, () => "RATE_LIMITED"));
  });
});

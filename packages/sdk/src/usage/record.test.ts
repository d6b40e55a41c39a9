import { randomUUID } from "node:crypto";
import { InvalidInputError, KeyNotFoundError } from "@stack-2025/byok-crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KeyRecord, Owner, UsageEvent } from "../byok.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf } from "../manager.ts";
import { foldHours } from "./fold-hours.ts";

let at: Installation;

beforeAll(async () => {
  at = await openInstallation();
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

const dayMs = 86_400_000;
const keyOf = (owner: Owner = { userId: randomUUID() }, settings: object = {}): Promise<KeyRecord> =>
  at.manager.addKey({ ...owner, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...settings });
const requests = async (keyId: string): Promise<number> => (await at.manager.getUsageStats(keyId, "60d")).requests;

describe("recordUsage", () => {
  test("what was recorded is shown at once, in every kind, and by model", async () => {
    const { id: keyId } = await keyOf();
    await at.manager.recordUsage([
      {
        keyId,
        model: "gpt-4o",
        inputTokens: 100,
        outputTokens: 50,
        cachedInputTokens: 40,
        cacheWriteTokens: 5,
        reasoningTokens: 20,
        audioInputTokens: 7,
        audioOutputTokens: 8,
        audioSeconds: 1.25,
        characters: 9,
        segments: 2,
        units: { cachedAudioTokens: 3 },
        cost: "0.0000000025",
      },
      { keyId, model: "gpt-4o", requests: 0, inputTokens: 1, outcome: "error", cost: 12.5 },
      { keyId, model: "__proto__", outputTokens: 3 },
      { keyId, at: new Date(Date.now() + 4 * 60_000), operation: "embeddings", label: "nightly", userId: "alice", latencyMs: 30 },
    ]);
    const stats = await at.manager.getUsageStats(keyId);
    const none = { cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, audioInputTokens: 0, audioOutputTokens: 0, audioSeconds: 0, characters: 0, segments: 0 };
    const gpt = {
      requests: 1, errors: 1, tokens: 151, inputTokens: 101, outputTokens: 50, cachedInputTokens: 40, cacheWriteTokens: 5, reasoningTokens: 20,
      audioInputTokens: 7, audioOutputTokens: 8, audioSeconds: 1.25, characters: 9, segments: 2, cost: "12.500000002", unpriced: 0,
    };
    expect(stats).toMatchObject({ ...gpt, keyId, requests: 3, tokens: 154, outputTokens: 53, unpriced: 2, limits: [] });
    expect(Object.entries(stats.byModel)).toEqual([
      ["", { ...none, requests: 1, errors: 0, tokens: 0, inputTokens: 0, outputTokens: 0, cost: "0", unpriced: 1 }],
      ["__proto__", { ...none, requests: 1, errors: 0, tokens: 3, inputTokens: 0, outputTokens: 3, cost: "0", unpriced: 1 }],
      ["gpt-4o", gpt],
    ]);
    expect(({} as Record<string, unknown>)["requests"]).toBeUndefined();
  });

  test("F-14 an id of the caller's own counts once per owner, whenever and with whatever body it is sent again", async () => {
    const { id: keyId } = await keyOf();
    const { id: other } = await keyOf();
    const another = at.another();
    const event = { id: "invoice 7", keyId, inputTokens: 5 };
    await Promise.all([...Array(5)].flatMap((_, day) => [at.manager, another].map((manager) => manager.recordUsage({ ...event, at: new Date(Date.now() - day * dayMs), inputTokens: 5 }))));
    await at.manager.recordUsage([{ ...event, inputTokens: 900 }, { ...event, keyId: other }]);
    expect((await at.manager.getUsageStats(keyId, "60d")).tokens).toBe(5);
    expect(await requests(other)).toBe(1);
  });

  test("events without an id count each time", async () => {
    const { id: keyId } = await keyOf();
    await at.manager.recordUsage({ keyId });
    await at.manager.recordUsage({ keyId });
    expect(await requests(keyId)).toBe(2);
  });

  test.each<[string, Partial<UsageEvent>, string]>([
    ["a negative count", { inputTokens: -1 }, "events.1.inputTokens"],
    ["a fraction of a token", { outputTokens: 0.5 }, "events.1.outputTokens"],
    ["no number", { characters: Number.NaN }, "events.1.characters"],
    ["2^53", { segments: 2 ** 53 }, "events.1.segments"],
    ["an hour ahead", { at: new Date(Date.now() + 3_600_000) }, "events.1.at"],
    ["two years old", { at: new Date(Date.now() - 730 * dayMs) }, "events.1.at"],
    ["a cost that is no amount", { cost: "-1" }, "events.1.cost"],
    ["an empty id", { id: "" }, "events.1.id"],
  ])("B-56 %s is refused by name, and the other events of the call are not counted either", async (_, fields, path) => {
    const { id: keyId } = await keyOf();
    const failure: unknown = await at.manager.recordUsage([{ keyId }, { keyId, ...fields }]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect((failure as InvalidInputError).issues.map((issue) => issue.path)).toContain(path);
    expect(await requests(keyId)).toBe(0);
    const alone: unknown = await at.manager.recordUsage({ keyId, ...fields }).catch((error: unknown) => error);
    expect((alone as InvalidInputError).issues.map((issue) => issue.path)).toContain(path.replace("events.1.", ""));
  });

  test("35 days back and 5 minutes ahead are taken", async () => {
    const { id: keyId } = await keyOf();
    await at.manager.recordUsage([{ keyId, at: new Date(Date.now() - 35 * dayMs + 60_000) }, { keyId, at: new Date(Date.now() + 4.9 * 60_000) }]);
    expect(await requests(keyId)).toBe(2);
  });

  test("B-56 an unknown key, or another tenant's, is answered alike, and nothing is counted", async () => {
    const mine = { userId: randomUUID() };
    const { id: keyId } = await keyOf(mine);
    const { id: foreign } = await keyOf();
    const view = at.manager.as(mine);
    for (const bad of ["key_0123456789abcdef0123456789abcdef", "no id", foreign]) {
      await expect(view.recordUsage([{ keyId }, { keyId: bad }])).rejects.toBeInstanceOf(KeyNotFoundError);
    }
    expect(await requests(keyId)).toBe(0);
    expect(await requests(foreign)).toBe(0);
  });

  test.each([
    ["none", []],
    ["1,001", Array.from({ length: 1_001 }, () => ({ keyId: "key_a" }))],
  ])("%s event(s) in one call are refused", async (_, events) => {
    await expect(at.manager.recordUsage(events)).rejects.toBeInstanceOf(InvalidInputError);
  });

  test("1,000 events go in one call", async () => {
    const { id: keyId } = await keyOf();
    await at.manager.recordUsage(Array.from({ length: 1_000 }, (_, index) => ({ keyId, model: `m${index % 7}`, inputTokens: index })));
    expect(await at.manager.getUsageStats(keyId, "1h")).toMatchObject({ requests: 1_000, inputTokens: 499_500 });
  });

  test("what is recorded counts against the key's limits, a duplicate does not", async () => {
    const { id: keyId } = await keyOf({ userId: randomUUID() }, { limits: { requestsPerDay: 10, tokensPerMinute: 100, costPerMonth: 2, concurrency: 3 } });
    const event = { id: "once", keyId, requests: 3, inputTokens: 30, outputTokens: 4, cost: "0.25" };
    await at.manager.recordUsage([event, { ...event, requests: 1 }]);
    await at.manager.recordUsage(event);
    const { limits } = await at.manager.getUsageStats(keyId);
    expect(limits.map(({ name, used, limit }) => ({ name, used, limit }))).toEqual([
      { name: "requestsPerDay", used: 3, limit: 10 },
      { name: "tokensPerMinute", used: 34, limit: 100 },
      { name: "costPerMonth", used: "0.25", limit: "2" },
    ]);
    for (const { resetsAt } of limits) expect(resetsAt.getTime()).toBeGreaterThan(Date.now());
  });
});

describe("getUsageStats", () => {
  test("given dates bound the answer to the moment, whole hours, parts of them and folded days alike", async () => {
    const { id: keyId } = await keyOf();
    const start = Math.floor((Date.now() - 20 * dayMs) / dayMs) * dayMs;
    const minutes = [0, 10, 59.9, 60, 119, 120, 121, 24 * 60, 25 * 60 + 30, 72 * 60];
    await at.manager.recordUsage(minutes.map((minute) => ({ keyId, at: new Date(start + minute * 60_000), inputTokens: 1 })));
    const between = async (from: number, to: number): Promise<number> =>
      (await at.manager.getUsageStats(keyId, { from: new Date(start + from * 60_000), to: new Date(start + to * 60_000) })).tokens;
    const expected = (from: number, to: number): number => minutes.filter((minute) => minute >= from && minute < to).length;
    const bounds = [0, 10, 10.5, 60, 61, 119, 120, 120.5, 24 * 60, 26 * 60, 73 * 60];
    for (let pass = 0; pass < 2; pass += 1) {
      for (const [index, from] of bounds.entries()) {
        for (const to of bounds.slice(index + 1)) expect([from, to, await between(from, to)]).toEqual([from, to, expected(from, to)]);
      }
      await foldHours((await coreOf(at.manager)).database);
    }
  });

  test("a day whose hours were dropped is read from the day", async () => {
    const { id: keyId } = await keyOf();
    const old = new Date(Date.now() - 20 * dayMs);
    await at.manager.recordUsage([{ keyId, at: old, inputTokens: 7, model: "gpt", cost: "0.5" }, { keyId, inputTokens: 1, model: "gpt" }]);
    const { database } = await coreOf(at.manager);
    await foldHours(database);
    const before = await at.manager.getUsageStats(keyId);
    const admin = await database.dedicatedPool({ max: 1 });
    await admin.query("delete from byok.usage_hourly where hour < now() - interval '10 days' and key_id = $1", [keyId]);
    await admin.end();
    const after = await at.manager.getUsageStats(keyId);
    expect(after).toMatchObject({ tokens: 8, requests: 2, cost: "0.5" });
    expect({ ...after, to: null }).toEqual({ ...before, to: null });
  });

  test("a sum that no number holds is refused, not rounded", async () => {
    const { id: keyId } = await keyOf();
    await at.manager.recordUsage([{ keyId, inputTokens: Number.MAX_SAFE_INTEGER }, { keyId, inputTokens: 2 }]);
    await expect(at.manager.getUsageStats(keyId)).rejects.toThrow(InvalidInputError);
  });

  test("a key of another tenant has no numbers to show", async () => {
    const { id: foreign } = await keyOf();
    await expect(at.manager.as({ userId: randomUUID() }).getUsageStats(foreign)).rejects.toBeInstanceOf(KeyNotFoundError);
    await expect(at.manager.getUsageStats(foreign, "30x" as never)).rejects.toBeInstanceOf(InvalidInputError);
  });
});

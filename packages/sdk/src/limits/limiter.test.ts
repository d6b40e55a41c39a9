import { randomUUID } from "node:crypto";
import { connectDatabase, type Database } from "@stack-2025/byok-db";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../clock.ts";
import type { Limits } from "../schema.ts";
import { silentLogger } from "../silent-logger.ts";
import { createLimiter, type Limiter, type Reservation, type Reserved } from "./limiter.ts";

let testDatabase: TestDatabase;
let database: Database;
let away: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = connectDatabase({ database: testDatabase.connectionString });
  await database.open();
  away = connectDatabase({ database: testDatabase.connectionString, poolSize: 1 });
  await away.open();
  await away.close();
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const noon = new Date("2026-11-24T12:00:30Z");

function limiterAt(start = noon, over = database): { limiter: Limiter; clock: Clock & { at: Date } } {
  const clock = { ...systemClock, at: start, now: () => clock.at };
  return { clock, limiter: createLimiter({ database: over, clock, logger: silentLogger }) };
}

function share(limits: Limits | null): { ownerId: string; keyId: string; limits: Limits | null } {
  return { ownerId: randomUUID(), keyId: "key_a", limits };
}

function granted(reserved: Reserved): Reservation {
  if ("refused" in reserved) throw new Error(`refused by ${reserved.refused.limit}`);
  return reserved.granted;
}

async function used(ownerId: string): Promise<Record<string, string>> {
  const rows = await database.read<{ limit_name: string; used: string }>(
    { owners: [ownerId] },
    { name: "used", text: "select limit_name, sum(used)::text as used from byok.limit_counters group by limit_name", values: [] },
  );
  return Object.fromEntries(rows.map((row) => [row.limit_name, row.used]));
}

describe("limits", () => {
  test("no interleaving of 50 reserves by two limiters passes a limit of requests, and each refusal has its reason", async () => {
    const limiters = [limiterAt().limiter, limiterAt().limiter];
    const call = fc.record({ limiter: fc.nat(1), end: fc.constantFrom("settle", "release", "hold") });
    const limits = fc.record({ requestsPerMinute: fc.integer({ min: 1, max: 60 }), requestsPerDay: fc.integer({ min: 1, max: 60 }) });
    await fc.assert(
      fc.asyncProperty(limits, fc.array(call, { minLength: 50, maxLength: 50 }), async (given, calls) => {
        const one = share(given);
        let taken = 0;
        let givenBack = 0;
        const refusals = new Set<string>();
        await Promise.all(
          calls.map(async ({ limiter, end }) => {
            const reserved = await limiters[limiter]!.reserve(one);
            if ("refused" in reserved) {
              refusals.add(`${reserved.refused.limit} ${reserved.refused.reason}`);
              return;
            }
            taken += 1;
            if (end === "settle") await reserved.granted.settle({ inputTokens: 1 }, 1n);
            if (end === "release") {
              await reserved.granted.release();
              givenBack += 1;
            }
          }),
        );
        const smallest = Math.min(given.requestsPerMinute, given.requestsPerDay);
        const counted = await used(one.ownerId);
        expect(taken - givenBack).toBeLessThanOrEqual(smallest);
        expect(taken).toBeGreaterThanOrEqual(Math.min(smallest, 50));
        // Where both are full, the day's is the one that lasts longer.
        const fullest = given.requestsPerDay <= given.requestsPerMinute ? "requestsPerDay" : "requestsPerMinute";
        expect([[], [`${fullest} rate_limited`]]).toContainEqual([...refusals]);
        expect(counted).toEqual({ requestsPerMinute: String(taken - givenBack), requestsPerDay: String(taken - givenBack) });
      }),
      { numRuns: 15 },
    );
  });

  test("a call that one limit refuses takes nothing of the others", async () => {
    const { limiter } = limiterAt();
    const one = share({ requestsPerMinute: 1, requestsPerDay: 5, tokensPerDay: 100 });
    granted(await limiter.reserve(one));
    expect(await limiter.reserve(one)).toEqual({ refused: { limit: "requestsPerMinute", reason: "rate_limited", until: new Date("2026-11-24T12:01:00Z") } });
    expect(await used(one.ownerId)).toEqual({ requestsPerMinute: "1", requestsPerDay: "1", tokensPerDay: "0" });
  });

  test("of several refusals the one that lasts longest is told", async () => {
    const { limiter } = limiterAt();
    const one = share({ requestsPerMinute: 1, costPerMonth: "0.000001" });
    await granted(await limiter.reserve(one)).settle(null, 1_000n);
    expect(await limiter.reserve(one)).toEqual({ refused: { limit: "costPerMonth", reason: "over_budget", until: new Date("2026-12-01T00:00:00Z") } });
  });

  test.each<[keyof Limits, Limits, string, "rate_limited" | "over_budget"]>([
    ["tokensPerMinute", { tokensPerMinute: 10 }, "2026-11-24T12:01:00Z", "rate_limited"],
    ["tokensPerDay", { tokensPerDay: 10 }, "2026-11-25T00:00:00Z", "rate_limited"],
    ["costPerDay", { costPerDay: 0.00001 }, "2026-11-25T00:00:00Z", "over_budget"],
    ["costPerMonth", { costPerMonth: "0.00001" }, "2026-12-01T00:00:00Z", "over_budget"],
  ])("%s lets calls in while it is not reached, counts what they really used, and opens with its next window", async (limit, limits, end, reason) => {
    const { limiter, clock } = limiterAt();
    const one = share(limits);
    await granted(await limiter.reserve(one)).settle({ inputTokens: 4, outputTokens: 5 }, 9_000n);
    // 9 of 10: one more is let in, and what it used is counted whole.
    await granted(await limiter.reserve(one)).settle({ inputTokens: 40, outputTokens: 1 }, 41_000n);
    expect(await limiter.reserve(one)).toEqual({ refused: { limit, reason, until: new Date(end) } });
    expect(await used(one.ownerId)).toEqual({ [limit]: limit.startsWith("tokens") ? "50" : "50000" });
    clock.at = new Date(new Date(end).getTime() - 1);
    expect(await limiter.reserve(one)).toHaveProperty("refused");
    clock.at = new Date(end);
    granted(await limiter.reserve(one));
  });

  test("what was reserved in one window is settled in that window", async () => {
    const { limiter, clock } = limiterAt();
    const one = share({ tokensPerMinute: 10 });
    const reservation = granted(await limiter.reserve(one));
    clock.at = new Date("2026-11-24T12:01:00Z");
    await reservation.settle({ inputTokens: 10 }, null);
    expect(await limiter.reserve(one)).toHaveProperty("granted");
    clock.at = noon;
    expect(await limiter.reserve(one)).toMatchObject({ refused: { limit: "tokensPerMinute" } });
  });

  test("a reservation ends once: whatever comes after its first end changes nothing", async () => {
    const { limiter } = limiterAt();
    const one = share({ requestsPerDay: 5, tokensPerDay: 100, concurrency: 1 });
    const reservation = granted(await limiter.reserve(one));
    await Promise.all([reservation.settle({ inputTokens: 7 }, null), reservation.settle({ inputTokens: 7 }, null), reservation.release()]);
    expect(await used(one.ownerId)).toEqual({ requestsPerDay: "1", tokensPerDay: "7" });
  });

  test("concurrency counts calls in flight, and a refused call holds no slot", async () => {
    const { limiter } = limiterAt();
    const one = share({ concurrency: 2, requestsPerDay: 3 });
    const [first, second] = await Promise.all([limiter.reserve(one), limiter.reserve(one)]);
    expect(await limiter.reserve(one)).toEqual({ refused: { limit: "concurrency", reason: "rate_limited", until: null } });
    await granted(first).settle(null, null);
    await granted(await limiter.reserve(one)).settle(null, null);
    expect(await limiter.reserve(one)).toMatchObject({ refused: { limit: "requestsPerDay" } });
    await granted(second).release();
    await granted(await limiter.reserve(one)).release();
    granted(await limiter.reserve(one));
  });

  test("a key without limits asks nothing of the database", async () => {
    const { limiter } = limiterAt(noon, away);
    for (const limits of [null, {}, { concurrency: 3 }]) {
      const reserved = await limiter.reserve(share(limits));
      expect(reserved).toHaveProperty("granted");
      await granted(reserved).settle({ inputTokens: 1 }, 1n);
    }
  });

  test("S-95 when the counters cannot be reached, a key with limits is refused and its concurrency slot is free again", async () => {
    const { limiter } = limiterAt(noon, away);
    const one = share({ requestsPerMinute: 10, concurrency: 1 });
    for (let call = 0; call < 2; call += 1) {
      expect(await limiter.reserve(one)).toEqual({ refused: { limit: "limiter_unavailable", reason: "rate_limited", until: null } });
    }
  });

  test("what could not be settled is counted before the next call is let in", async () => {
    let gone = false;
    const comingAndGoing = new Proxy(database, {
      get(_, property) {
        const now = gone ? away : database;
        const value: unknown = Reflect.get(now, property, now);
        return typeof value === "function" ? value.bind(now) : value;
      },
    });
    const { limiter } = limiterAt(noon, comingAndGoing);
    const one = share({ tokensPerDay: 10 });
    const reservation = granted(await limiter.reserve(one));
    gone = true;
    await reservation.settle({ inputTokens: 10 }, null);
    expect(await limiter.reserve(one)).toMatchObject({ refused: { limit: "limiter_unavailable" } });
    gone = false;
    expect(await limiter.reserve(one)).toMatchObject({ refused: { limit: "tokensPerDay" } });
    expect(await used(one.ownerId)).toEqual({ tokensPerDay: "10" });
  });

  test("usage that is reported afterwards is counted past any limit", async () => {
    const { limiter } = limiterAt();
    const one = share({ requestsPerDay: 2, tokensPerDay: 10, costPerMonth: 1 });
    const event = { ...one, requests: 3, usage: { inputTokens: 20, outputTokens: 1 }, costNanos: 2_000_000_000n };
    await limiter.count([event, event, { ...event, costNanos: null }, { ...share(null), requests: 1, usage: {}, costNanos: 1n }]);
    expect(await used(one.ownerId)).toEqual({ requestsPerDay: "9", tokensPerDay: "63", costPerMonth: "4000000000" });
    expect(await limiter.reserve(one)).toMatchObject({ refused: { limit: "costPerMonth" } });
  });

  test("an absurd amount fills a counter instead of breaking it", async () => {
    const { limiter } = limiterAt();
    const one = share({ tokensPerDay: 10 });
    const most = { ...one, requests: 1, usage: { inputTokens: Number.MAX_SAFE_INTEGER }, costNanos: null };
    await limiter.count(Array.from({ length: 1_000 }, () => most));
    await limiter.count(Array.from({ length: 1_000 }, () => most));
    expect(await used(one.ownerId)).toEqual({ tokensPerDay: "9000000000000000000" });
    expect(await limiter.reserve(one)).toMatchObject({ refused: { limit: "tokensPerDay" } });
  });
});

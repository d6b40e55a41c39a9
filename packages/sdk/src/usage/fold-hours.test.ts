import { randomUUID } from "node:crypto";
import type { CompiledQuery } from "kysely";
import { connectDatabase, type Database, type TenantScope, type TenantTransaction } from "@stack-2025/byok-db";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { silentLogger } from "../silent-logger.ts";
import { foldDay, foldHours } from "./fold-hours.ts";
import { createLedger } from "./ledger.ts";
import { sampleEvent } from "./sample-event.ts";

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = connectDatabase({ database: testDatabase.connectionString });
  await database.open();
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const hourMs = 3_600_000;
const midnight = Date.UTC(2026, 10, 24);

/** Sums of one owner by day and model, from events, hours and days. */
async function sumsBy(ownerId: string): Promise<Record<"events" | "hours" | "days", unknown[]>> {
  const columns = "sum(requests)::integer as requests, sum(input_tokens)::integer as tokens, coalesce(sum(cost_nanos), 0)::text as cost";
  const [row] = await database.read<Record<"events" | "hours" | "days", unknown[]>>(
    { owners: [ownerId] },
    {
      name: "sums_by",
      text: `select
        (select coalesce(json_agg(e order by day, model), '[]') from (select (at at time zone 'UTC')::date as day, model, ${columns}, count(*) filter (where outcome = 'error')::integer as errors,
          count(*) filter (where cost_nanos is null)::integer as unpriced, max(at) as last_at from byok.usage_events group by 1, 2) as e) as events,
        (select coalesce(json_agg(h order by day, model), '[]') from (select (hour at time zone 'UTC')::date as day, model, ${columns}, sum(errors)::integer as errors,
          sum(unpriced)::integer as unpriced, max(last_at) as last_at from byok.usage_hourly group by 1, 2) as h) as hours,
        (select coalesce(json_agg(d order by day, model), '[]') from (select day, model, ${columns}, sum(errors)::integer as errors,
          sum(unpriced)::integer as unpriced, max(last_at) as last_at from byok.usage_daily group by 1, 2) as d) as days`,
      values: [],
    },
  );
  return row!;
}

describe("folding hours into days", () => {
  test("sums of days, hours and events are equal, whatever was written, late or folded at the same time", async () => {
    const ledgers = [createLedger({ database, clock: systemClock, logger: silentLogger }), createLedger({ database, clock: systemClock, logger: silentLogger })];
    const write = fc.record({
      kind: fc.constant("write" as const),
      ledger: fc.nat(1),
      events: fc.array(
        fc.record({ hour: fc.integer({ min: -50, max: 30 }), model: fc.constantFrom("a", "b", ""), tokens: fc.nat(1_000), error: fc.boolean(), cost: fc.option(fc.bigInt({ min: 0n, max: 10n ** 12n })) }),
        { minLength: 1, maxLength: 8 },
      ),
    });
    const fold = fc.record({ kind: fc.constant("fold" as const) });
    // Steps of one round run at once, rounds one after another.
    const rounds = fc.array(fc.array(fc.oneof({ weight: 3, arbitrary: write }, { weight: 2, arbitrary: fold }), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, async (steps) => {
        const owner = randomUUID();
        for (const round of steps) {
          await Promise.all(
            round.map((step) =>
              step.kind === "fold"
                ? foldHours(database)
                : ledgers[step.ledger]!.write(
                    step.events.map(({ hour, model, tokens, error, cost }, index) =>
                      sampleEvent(owner, {
                        at: new Date(midnight + hour * hourMs + index * 1_000),
                        usage: { model, inputTokens: tokens },
                        outcome: error ? "error" : "ok",
                        costNanos: cost,
                      }),
                    ),
                  ),
            ),
          );
        }
        await foldHours(database);
        const { events, hours, days } = await sumsBy(owner);
        expect(hours).toEqual(events);
        expect(days).toEqual(events);
      }),
      { numRuns: 25 },
    );
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });

  test("folding again changes nothing and finds nothing due; a late event makes its own day due", async () => {
    const owner = randomUUID();
    const ledger = createLedger({ database, clock: systemClock, logger: silentLogger });
    await ledger.write([sampleEvent(owner, { at: new Date(midnight) }), sampleEvent(owner, { at: new Date(midnight + 30 * hourMs) })]);
    expect(await foldDay(database, owner, "2026-11-24")).toBe(true);
    expect(await foldDay(database, owner, "2026-11-24")).toBe(false);
    expect((await sumsBy(owner)).days).toHaveLength(1);
    await foldHours(database);
    expect(await foldHours(database)).toBe(0);
    const before = await sumsBy(owner);
    await ledger.write([sampleEvent(owner, { at: new Date(midnight + 1) })]);
    expect(await foldHours(database)).toBe(1);
    const after = await sumsBy(owner);
    expect(after.days).not.toEqual(before.days);
    expect(after.days).toEqual(after.events);
    await ledger.close();
  });

  test("F-02 a fold that dies after any of its statements is finished by the next one", async () => {
    const ledger = createLedger({ database, clock: systemClock, logger: silentLogger });
    const owner = randomUUID();
    await ledger.write([sampleEvent(owner, { at: new Date(midnight) })]);
    for (const statements of [1, 2, 3]) {
      await ledger.write([sampleEvent(owner, { at: new Date(midnight + statements) })]);
      const dying = watched((statement) => (statement === statements ? Promise.reject(new Error("killed")) : Promise.resolve()));
      await expect(foldDay(dying, owner, "2026-11-24")).rejects.toThrow("killed");
      expect(await foldDay(database, owner, "2026-11-24")).toBe(true);
      const { days, events } = await sumsBy(owner);
      expect(days).toEqual(events);
    }
    await ledger.close();
  });

  test("a day that one process is folding is left to it, and is whole when that has ended", async () => {
    const ledger = createLedger({ database, clock: systemClock, logger: silentLogger });
    const owner = randomUUID();
    await ledger.write([sampleEvent(owner, { at: new Date(midnight) })]);
    const marked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const first = foldDay(
      watched(async (statement) => {
        if (statement !== 2) return;
        marked.resolve();
        await goOn.promise;
      }),
      owner,
      "2026-11-24",
    );
    await marked.promise;
    await ledger.write([sampleEvent(owner, { at: new Date(midnight), operation: "another row" })]);
    expect(await foldDay(database, owner, "2026-11-24")).toBe(false);
    goOn.resolve();
    expect(await first).toBe(true);
    expect(await foldDay(database, owner, "2026-11-24")).toBe(true);
    const { days, events } = await sumsBy(owner);
    expect(days).toEqual(events);
    await ledger.close();
  });

  test("S-41 the sweep sees owners and hours alone", async () => {
    await expect(database.asOperator((trx) => trx.selectFrom("usage_hourly").select("requests").execute())).rejects.toThrow("42501");
  });
});

/** The database, which tells of each statement of a tenant's transaction once it has run; the number of the first is 1. */
function watched(after: (statement: number) => Promise<void>): Database {
  return new Proxy(database, {
    get(target, property) {
      if (property !== "inTenant") return Reflect.get(target, property, target) as unknown;
      return (scope: TenantScope, run: (trx: TenantTransaction) => Promise<unknown>) =>
        target.inTenant(scope, (trx) => {
          let statement = 0;
          return run(
            new Proxy(trx, {
              get(inner, name) {
                if (name !== "executeQuery") return Reflect.get(inner, name, inner) as unknown;
                return async (query: CompiledQuery) => {
                  const result = await inner.executeQuery(query);
                  await after((statement += 1));
                  return result;
                };
              },
            }),
          );
        });
    },
  });
}

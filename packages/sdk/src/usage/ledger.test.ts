import { randomUUID } from "node:crypto";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { ConfigurationError, InvalidInputError, RateLimitedError } from "@stack-2025/byok-crypto";
import { connectDatabase, type Database } from "@stack-2025/byok-db";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../clock.ts";
import { silentLogger } from "../silent-logger.ts";
import { createLedger, type Ledger, type LedgerEvent } from "./ledger.ts";
import { sampleEvent as event } from "./sample-event.ts";

let testDatabase: TestDatabase;
let database: Database;
let ledgers: Ledger[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = await open();
});
afterEach(async () => {
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

async function open(options: { database?: string; applicationName?: string } = {}): Promise<Database> {
  const opened = connectDatabase({ database: testDatabase.connectionString, ...options });
  await opened.open();
  return opened;
}

function ledgerOver(over: Database = database, clock: Clock = systemClock): Ledger {
  const ledger = createLedger({ database: over, clock, logger: silentLogger });
  ledgers.push(ledger);
  return ledger;
}

/** What the database holds for an owner: events one by one, and the hours summed. */
async function kept(ownerId: string, from: Database = database): Promise<{ events: number; eventTokens: number; hourTokens: number; requests: number; costNanos: string; receipts: number }> {
  const [row] = await from.read<{ events: number; eventTokens: number; hourTokens: number; requests: number; costNanos: string; receipts: number }>(
    { owners: [ownerId] },
    {
      name: "kept",
      text: `select (select count(*)::integer from byok.usage_events) as events,
        (select coalesce(sum(input_tokens), 0)::integer from byok.usage_events) as "eventTokens",
        (select count(*)::integer from byok.usage_receipts) as receipts,
        coalesce(sum(input_tokens), 0)::integer as "hourTokens", coalesce(sum(requests), 0)::integer as requests, coalesce(sum(cost_nanos), 0)::text as "costNanos"
        from byok.usage_hourly`,
      values: [],
    },
  );
  return row!;
}

describe("the ledger", () => {
  test("F-14 one event sent 100 times from several ledgers at once is counted once", async () => {
    const owner = randomUUID();
    const others = [await open(), await open()];
    const writers = [ledgerOver(), ledgerOver(), ledgerOver(others[0]), ledgerOver(others[1])];
    const minted = event(owner);
    const own = event(owner, { eventId: "x:order-7", usage: { model: "gpt", inputTokens: 10 } });
    const verdicts = (
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => {
          // Its own id carries no time: a resend may say another day and another request.
          const resent = event(owner, { eventId: own.eventId, usage: own.usage, at: new Date(Date.now() - (index % 30) * 86_400_000) });
          return writers[index % writers.length]!.record(index % 2 ? [minted, resent] : [resent, minted]);
        }),
      )
    ).flat();
    expect(verdicts.filter((verdict) => verdict === "counted")).toHaveLength(2);
    expect(await kept(owner)).toMatchObject({ events: 2, eventTokens: 13, hourTokens: 13, requests: 2, receipts: 1 });
    await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
    await Promise.all(others.map((one) => one.close()));
  });

  test("the first of two events with one id counts, in one call too; the second's body changes nothing", async () => {
    const owner = randomUUID();
    const verdicts = await ledgerOver().record([
      event(owner, { eventId: "x:a", usage: { inputTokens: 1 } }),
      event(owner, { eventId: "x:a", usage: { inputTokens: 50 }, at: new Date(Date.now() - 3 * 86_400_000) }),
      event(owner, { eventId: "x:b", usage: { inputTokens: 2 } }),
    ]);
    expect(verdicts).toEqual(["counted", "duplicate", "counted"]);
    expect(await kept(owner)).toMatchObject({ events: 2, hourTokens: 3, receipts: 2 });
  });

  test("equal ids of different owners both count", async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    expect(await ledgerOver().record([event(a, { eventId: "x:same" }), event(b, { eventId: "x:same" })])).toEqual(["counted", "counted"]);
    expect(await kept(a)).toMatchObject({ events: 1, receipts: 1 });
    expect(await kept(b)).toMatchObject({ events: 1, receipts: 1 });
  });

  test("64 single writes at once make a few statements, and each is durable when it resolves", async () => {
    const owner = randomUUID();
    const ledger = ledgerOver();
    await ledger.write([event(owner)]);
    const before = database.roundTrips;
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        await new Promise(setImmediate);
        await ledger.write([event(owner)]);
      }),
    );
    // A statement takes three round trips: the scope, the statement, the commit.
    expect(database.roundTrips - before).toBeLessThanOrEqual(4 * 3);
    expect(await kept(owner)).toMatchObject({ events: 65, hourTokens: 195, requests: 65, costNanos: "325" });
  });

  test("all events of a write or none, and a bad one takes no other write down", async () => {
    const [bad, good] = [randomUUID(), randomUUID()];
    const ledger = ledgerOver();
    const writes = await Promise.allSettled([
      ledger.write([event(good)]),
      // Each fits alone; their sum does not.
      ledger.write([event(bad, { costNanos: 2n ** 62n }), event(bad, { costNanos: 2n ** 62n }), event(bad)]),
      ledger.write([event(good)]),
    ]);
    expect(writes.map((write) => write.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((writes[1] as PromiseRejectedResult).reason).toBeInstanceOf(InvalidInputError);
    expect(await kept(bad)).toMatchObject({ events: 0, requests: 0 });
    expect(await kept(good)).toMatchObject({ events: 2, requests: 2 });
    expect(ledger.atRisk).toBe(0);
  });

  test.each<[string, Partial<LedgerEvent>]>([
    ["inputTokens", { usage: { inputTokens: 1.5 } }],
    ["outputTokens", { usage: { outputTokens: -1 } }],
    ["segments", { usage: { segments: Number.NaN } }],
    ["audioSeconds", { usage: { audioSeconds: Infinity } }],
    ["requests", { requests: 2 ** 53 }],
    ["cachedAudioTokens", { usage: { units: { cachedAudioTokens: -3 } } }],
    ["at", { at: new Date(Number.NaN) }],
    ["eventId", { eventId: "made-up" }],
    ["label", { label: "a\0b" }],
  ])("B-20 an event whose %s cannot be kept is refused before anything is written", async (field, fields) => {
    const owner = randomUUID();
    const refused = ledgerOver().write([event(owner), event(owner, fields)]);
    await expect(refused).rejects.toBeInstanceOf(InvalidInputError);
    await expect(refused).rejects.toThrow(`events.1.${field}`);
    expect(await kept(owner)).toMatchObject({ events: 0 });
  });

  test("a provider's odd model name does not cost the count", async () => {
    const owner = randomUUID();
    await ledgerOver().write([event(owner, { usage: { model: `a\0${"x".repeat(10_000)}`, inputTokens: 3 } })]);
    expect(await kept(owner)).toMatchObject({ events: 1, hourTokens: 3 });
  });

  test("the writer makes the partitions of today and tomorrow; what lies elsewhere is kept all the same", async () => {
    const owner = randomUUID();
    const day = new Date("2031-05-06T12:00:00Z");
    const ledger = ledgerOver(database, { ...systemClock, now: () => day });
    await ledger.write([event(owner, { eventId: "x:future", at: day }), event(owner, { eventId: "x:tomorrow", at: new Date("2031-05-07T01:00:00Z") }), event(owner, { eventId: "x:elsewhere", at: new Date("2031-04-20T01:00:00Z") })]);
    const rows = await database.read<{ event_id: string; partition: string }>(
      { owners: [owner] },
      { name: "where", text: "select event_id, tableoid::regclass::text as partition from byok.usage_events order by day", values: [] },
    );
    expect(rows.map((row) => row.partition.replace("byok.", ""))).toEqual(["usage_events_default", "usage_events_20310506", "usage_events_20310507"]);
  });

  test("F-07 connections that die lose nothing that was acknowledged, and count nothing twice", async () => {
    const owner = randomUUID();
    const own = await open({ applicationName: "victim" });
    const ledger = ledgerOver(own);
    const admin = await database.dedicatedPool({ max: 1 });
    let acknowledged = 0;
    let over = false;
    const killing = (async () => {
      for (let kill = 0; kill < 15; kill += 1) {
        await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      over = true;
    })();
    for (let sent = 0; !over || sent < 200; sent += 10) {
      await Promise.all(Array.from({ length: 10 }, () => ledger.write([event(owner)]).then(() => (acknowledged += 1))));
    }
    await killing;
    expect(acknowledged).toBeGreaterThanOrEqual(200);
    expect(ledger.atRisk).toBe(0);
    expect(await kept(owner)).toMatchObject({ events: acknowledged, requests: acknowledged, hourTokens: 3 * acknowledged });
    await Promise.all(ledgers.splice(0).map((one) => one.close()));
    await Promise.all([own.close(), admin.end()]);
  });

  test("while the database is away events wait in bounded memory, new calls are refused, and all is written when it is back", async () => {
    const owner = randomUUID();
    const route = await breakableRoute();
    const own = await open({ database: route.connectionString });
    let retries = 0;
    const ledger = createLedger({ database: own, clock: systemClock, logger: { ...silentLogger, warn: () => (retries += 1) } });
    ledgers.push(ledger);
    await ledger.write([event(owner)]);

    route.cut();
    const held = [ledger.write([event(owner)])];
    // It takes a failed try to know that the database is away.
    await expect.poll(() => retries).toBeGreaterThan(0);
    for (let batch = 0; batch < 9; batch += 1) {
      ledger.requireRoom();
      held.push(ledger.write(Array.from({ length: 1_000 }, () => event(owner))));
    }
    expect(() => ledger.requireRoom()).toThrow(RateLimitedError);
    // A call that is under way still finds room.
    held.push(ledger.write([event(owner)]));
    const refused = ledger.write(Array.from({ length: 1_000 }, () => event(owner)));
    await expect(refused).rejects.toMatchObject({ code: "RATE_LIMITED", details: { reason: "ledger_full" }, retryAfterMs: 1_000 });
    expect(ledger.atRisk).toBe(9_002);

    route.mend();
    await Promise.all(held);
    expect(ledger.atRisk).toBe(0);
    expect(await kept(owner)).toMatchObject({ events: 9_003, requests: 9_003 });
    await Promise.all(ledgers.splice(0).map((one) => one.close()));
    await own.close();
    await route.close();
  });

  test("what is not durable when the time to close is over is rejected to its writer", async () => {
    const route = await breakableRoute();
    const own = await open({ database: route.connectionString });
    const ledger = createLedger({ database: own, clock: systemClock, logger: silentLogger });
    route.cut();
    const lost = ledger.write([event(randomUUID())]).catch((error: unknown) => error);
    await ledger.close(100);
    expect(await lost).toBeInstanceOf(ConfigurationError);
    await expect(ledger.write([event(randomUUID())])).rejects.toBeInstanceOf(ConfigurationError);
    await own.close();
    await route.close();
  });
});

/** A way to the database that can be cut: connections end, and new ones are ended at once. */
async function breakableRoute(): Promise<{ connectionString: string; cut(): void; mend(): void; close(): Promise<void> }> {
  const target = new URL(testDatabase.connectionString);
  const sockets = new Set<Socket>();
  let down = false;
  const server = createServer((client) => {
    if (down) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const route = new URL(target);
  route.port = String((server.address() as AddressInfo).port);
  const cut = (): void => {
    down = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    connectionString: route.href,
    cut,
    mend: () => (down = false),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

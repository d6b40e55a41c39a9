import { DatabaseUnavailableError } from "./failures.ts";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectDatabase, ensurePartitions, type Database } from "./index.ts";
import { createTestDatabase, type TestDatabase } from "./testing.ts";

const owner = "aaaaaaaa-0000-4000-8000-000000000000";
const other = "bbbbbbbb-0000-4000-8000-000000000000";

let testDatabase: TestDatabase;
let database: Database;
let admin: pg.Client;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = connectDatabase({ database: testDatabase.connectionString });
  await database.open();
  admin = new pg.Client({ connectionString: testDatabase.connectionString });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await database.close();
  await testDatabase.drop();
});

async function where(table: string, column: string): Promise<unknown[]> {
  const { rows } = await admin.query(`select tableoid::regclass::text as partition, owner_id, ${column}::text as key from byok.${table} order by 1, 2, 3`);
  return rows.map((row) => `${row.partition} ${row.owner_id === owner ? "owner" : "other"} ${row.key}`);
}

test("rows that came before their partition are moved into it, of every owner, and bounds are those of UTC", async () => {
  await admin.query("set timezone = 'UTC'");
  for (const one of [owner, other]) {
    for (const day of ["2026-11-23", "2026-11-24", "2026-11-25"]) {
      await admin.query(
        `insert into byok.usage_events (owner_id, day, event_id, request_id, key_id, at, provider, environment, source, outcome, requests) values ($1, $2, 'e', 'r', 'k', now(), 'openai', 'production', 'user', 'ok', 1)`,
        [one, day],
      );
    }
    for (const hour of ["2026-11-23 23:00+00", "2026-11-24 00:00+00", "2026-11-24 23:00+00", "2026-11-25 00:00+00"]) {
      await admin.query(`insert into byok.usage_hourly values ($1, $2, 0, 'k', 'openai', 'm', 'production', 'user', 'chat', 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, now())`, [one, hour]);
    }
  }
  const pool = new pg.Pool({ connectionString: testDatabase.connectionString, options: "-c timezone=Pacific/Kiritimati" });
  await using elsewhere = connectDatabase({ database: pool });
  await elsewhere.open();
  await ensurePartitions(elsewhere, [new Date("2026-11-24T23:59:59Z")]);
  await pool.end();

  expect(await where("usage_events", "day")).toEqual([
    ...["owner", "other"].map((one) => `byok.usage_events_20261124 ${one} 2026-11-24`),
    ...["owner", "other"].flatMap((one) => ["2026-11-23", "2026-11-25"].map((day) => `byok.usage_events_default ${one} ${day}`)),
  ]);
  expect(await where("usage_hourly", "hour")).toEqual([
    ...["owner", "other"].flatMap((one) => ["00", "23"].map((hour) => `byok.usage_hourly_20261124 ${one} 2026-11-24 ${hour}:00:00+00`)),
    ...["owner", "other"].flatMap((one) => ["2026-11-23 23", "2026-11-25 00"].map((hour) => `byok.usage_hourly_default ${one} ${hour}:00:00+00`)),
  ]);
  const { rows } = await admin.query("select relname from pg_class where relname like '%_default' and relnamespace = 'byok'::regnamespace and not (relrowsecurity and relforcerowsecurity)");
  expect(rows).toEqual([]);
});

test("asked for by ten at once, beside writers, each partition is made once", async () => {
  const days = ["2027-01-30", "2027-01-31", "2027-02-01"].map((day) => new Date(`${day}T12:00:00Z`));
  const write = (day: Date): Promise<unknown> =>
    database.inTenant({ owners: [owner] }, (trx) =>
      trx
        .insertInto("usage_events")
        .values({ owner_id: owner, day, event_id: "w", request_id: "r", key_id: "k", at: day, provider: "openai", environment: "production", source: "user", outcome: "ok", requests: 1 })
        .execute(),
    );
  // A row that meets the making of its own partition is told to come again; nothing else may stop one.
  const writing = days.map((day) =>
    write(day).catch((error: unknown) => {
      if (error instanceof DatabaseUnavailableError) return write(day);
      throw error;
    }),
  );
  await Promise.all([...writing, ...Array.from({ length: 10 }, () => ensurePartitions(database, days))]);
  await ensurePartitions(database, days);
  const { rows } = await admin.query("select relname from pg_class where relname ~ '_2027' and relkind = 'r' and relnamespace = 'byok'::regnamespace order by 1");
  expect(rows.map(({ relname }) => relname)).toEqual([
    "usage_daily_202701", "usage_daily_202702",
    "usage_events_20270130", "usage_events_20270131", "usage_events_20270201",
    "usage_hourly_20270130", "usage_hourly_20270131", "usage_hourly_20270201",
  ]);
  expect((await admin.query("select from byok.usage_events where event_id = 'w'")).rowCount).toBe(3);
});

test("nobody but the tables' owner can make one", async () => {
  const calling = database.inTenant({ owners: [owner] }, async (trx) => {
    const { sql } = await import("kysely");
    await sql`select byok.ensure_partition('usage_events', '2028-01-01')`.execute(trx);
  });
  await expect(calling).rejects.toMatchObject({ sqlState: "42501" });
});

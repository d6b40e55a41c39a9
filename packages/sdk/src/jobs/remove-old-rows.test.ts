import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { connectDatabase, type Database } from "@stack-2025/byok-db";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { removeOldRows } from "./remove-old-rows.ts";

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

test("old changes, counters and receipts of every owner go; those still asked for stay", async () => {
  const owners = [randomUUID(), randomUUID()];
  for (const owner of owners) {
    await database.inTenant({ owners: [owner] }, async (trx) => {
      for (const [xid, age] of [[1, "59 minutes"], [2, "61 minutes"]] as const) {
        await sql`insert into byok.changes (xid, owner_id, at) values (${String(xid)}::xid8, ${owner}, now() - ${age}::interval)`.execute(trx);
      }
      for (const age of ["39 days", "41 days"]) {
        await sql`insert into byok.limit_counters (owner_id, key_id, limit_name, window_start) values (${owner}, 'key_a', 'requestsPerDay', now() - ${age}::interval)`.execute(trx);
      }
      for (const age of [79, 81]) {
        await sql`insert into byok.usage_receipts (owner_id, event_id, day) values (${owner}, ${`x:${age}`}, (now() at time zone 'UTC')::date - ${age}::integer)`.execute(trx);
      }
    });
  }
  await Promise.all([removeOldRows(database), removeOldRows(database)]);
  const admin = await database.dedicatedPool({ max: 1 });
  const { rows } = await admin.query(
    `select (select array_agg(distinct xid::text) from byok.changes) as changes,
      (select count(*)::integer from byok.changes) as kept_changes,
      (select count(*)::integer from byok.limit_counters where window_start > now() - interval '40 days') as young,
      (select count(*)::integer from byok.limit_counters) as counters,
      (select array_agg(distinct event_id) from byok.usage_receipts) as receipts`,
  );
  await admin.end();
  expect(rows).toEqual([{ changes: ["1"], kept_changes: 2, young: 2, counters: 2, receipts: ["x:79"] }]);
});

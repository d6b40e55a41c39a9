import pg from "pg";
import { expect, test } from "vitest";
import { connectDatabase } from "./index.ts";
import { createTestDatabase } from "./testing.ts";

test("hears its channel, comes back after the connection was cut, and says when it was down", { timeout: 30_000 }, async () => {
  await using testDatabase = await createTestDatabase();
  await using database = connectDatabase({ database: testDatabase.connectionString, applicationName: "byok listen test" });
  await database.open();
  const admin = new pg.Client({ connectionString: testDatabase.connectionString });
  await admin.connect();
  const heard: string[] = [];
  const states: boolean[] = [];
  const listener = await database.listen("byok_changes", (payload) => heard.push(payload), (up) => states.push(up));
  expect(states).toEqual([true]);
  await admin.query("select pg_notify('byok_changes', 'one'), pg_notify('other', 'not for us')");
  await expect.poll(() => heard).toEqual(["one"]);

  await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen%'");
  await expect.poll(() => states, { timeout: 10_000 }).toEqual([true, false, true]);
  await admin.query("select pg_notify('byok_changes', 'two')");
  await expect.poll(() => heard).toEqual(["one", "two"]);

  await listener.close();
  await listener.close();
  await admin.query("select pg_notify('byok_changes', 'three')");
  await expect.poll(async () => (await admin.query("select from pg_stat_activity where datname = current_database() and query like 'listen%'")).rowCount).toBe(0);
  expect([heard, states]).toEqual([["one", "two"], [true, false, true]]);
  await admin.end();
});

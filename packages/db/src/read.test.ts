import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDatabase, widenToUser, type Database } from "./index.ts";
import { createTestDatabase, type TestDatabase } from "./testing.ts";

const user = "aaaaaaaa-0000-4000-8000-000000000000";
const stranger = "bbbbbbbb-0000-4000-8000-000000000000";
const organization = "cccccccc-0000-4000-8000-000000000000";
const other = "dddddddd-0000-4000-8000-000000000000";
const system = "eeeeeeee-0000-4000-8000-000000000000";

let testDatabase: TestDatabase;
let pool: pg.Pool;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  // One connection, so that what a read leaves behind can be looked at.
  pool = new pg.Pool({ connectionString: testDatabase.connectionString, max: 1 });
  database = connectDatabase({ database: pool });
  await database.open();
  for (const [owner, kind] of [[user, "user"], [stranger, "user"], [organization, "organization"], [other, "organization"], [system, "system"]]) {
    await pool.query("insert into byok.owners (owner_id, kind, external_id) values ($1, $2, 'x')", [owner, kind]);
  }
  for (const [of, member] of [[organization, user], [organization, stranger], [other, stranger]]) {
    await pool.query("insert into byok.members (owner_id, user_owner_id, user_id, role) values ($1, $2, 'u', 'member')", [of, member]);
  }
});

afterAll(async () => {
  await database.close();
  await pool.end();
  await testDatabase.drop();
});

async function terminate(pid: number): Promise<void> {
  const client = new pg.Client({ connectionString: testDatabase.connectionString });
  await client.connect();
  await client.query("select pg_terminate_backend($1)", [pid]);
  await client.end();
}

const readOwners = { name: "test_owners", text: "select owner_id, kind from byok.owners order by owner_id", values: [] };

describe("a read in a scope", () => {
  test("is one round trip, with and without a wider scope", async () => {
    for (const query of [readOwners, { ...readOwners, widen: widenToUser(user, system) }]) {
      const before = database.roundTrips;
      await database.read({ owners: [user] }, query);
      expect(database.roundTrips - before).toBe(1);
    }
  });

  test("sees what a transaction in that scope sees", async () => {
    const rows = await database.read({ owners: [user, system] }, readOwners);
    expect(rows).toEqual(await database.inTenant({ owners: [user, system] }, (trx) => trx.selectFrom("owners").select(["owner_id", "kind"]).orderBy("owner_id").execute()));
    expect(rows).toHaveLength(2);
    expect(await database.read({ owners: [] }, readOwners)).toEqual([]);
  });

  test("is widened to the user's organizations and the system, and to nobody else's", async () => {
    const seen = async (owner: string): Promise<string[]> =>
      (await database.read<{ owner_id: string }>({ owners: [owner] }, { ...readOwners, widen: widenToUser(owner, system) })).map(({ owner_id }) => owner_id);
    expect(await seen(user)).toEqual([user, organization, system]);
    expect(await seen(stranger)).toEqual([stranger, organization, other, system]);
  });

  test("is not widened to a user's organizations by asking for another user", async () => {
    const rows = await database.read({ owners: [user] }, { ...readOwners, widen: widenToUser(stranger) });
    // members is read in the scope of the first user: of the stranger's memberships it shows none outside that.
    expect(rows).toEqual([{ owner_id: stranger, kind: "user" }]);
  });

  test("gives the parsed values that a query of pg's gives", async () => {
    const text = `select $1::int8 as big, $2::timestamptz as at, $3::jsonb as json, $4::bytea as bytes, $5::text[] as texts, $6::boolean as yes,
      $7::text as none, $8::uuid[] as ids, $9::numeric as exact, $10::int4 as small, $11::bytea[] as many`;
    const values = [
      2n ** 60n, new Date("2026-11-24T10:00:00.123Z"), { a: [1, "x"] }, Buffer.from([0, 1, 255]), ['a "b"', "c\\d", "", "{,}", null], true, null, [user, other], "1.10", 7, [Buffer.from([1])],
    ];
    const [row] = await database.read({ owners: [] }, { name: "test_values", text, values });
    expect(row).toEqual((await pool.query(text, values)).rows[0]);
    expect(row).toMatchObject({ big: "1152921504606846976", at: new Date("2026-11-24T10:00:00.123Z"), json: { a: [1, "x"] }, bytes: Buffer.from([0, 1, 255]), texts: values[4] });
  });

  test("leaves neither scope nor role on its connection", async () => {
    await database.read({ owners: [user], lookup: { keyId: "k" } }, { ...readOwners, widen: widenToUser(user) });
    const { rows } = await pool.query("select current_user as role, current_setting('byok.owners', true) as owners, current_setting('byok.lookup_key', true) as key, current_setting('search_path') as path");
    expect(rows).toEqual([{ role: "postgres", owners: "", key: "", path: '"$user", public' }]);
  });

  test("is not fooled by a scope that somebody left on the connection", async () => {
    await pool.query(`select set_config('byok.owners', '{${stranger}}', false)`);
    expect(await database.read({ owners: [user] }, readOwners)).toEqual([{ owner_id: user, kind: "user" }]);
    expect(await database.read({ owners: [] }, readOwners)).toEqual([]);
    await pool.query("reset byok.owners");
  });
});

describe("a read that fails", () => {
  test("says no value, and leaves the connection in use", async () => {
    const backend = async (): Promise<unknown> => (await pool.query("select pg_backend_pid()")).rows;
    const before = await backend();
    const failing = [
      database.read({ owners: [user] }, { name: "test_wrong_cast", text: "select $1::text::uuid", values: ["a-value"] }),
      database.read({ owners: [user] }, { name: "test_no_table", text: "select * from byok.nothing", values: [] }),
      database.read({ owners: [user] }, { name: "test_refused", text: "select * from byok.root_keys", values: [] }),
      database.read({ owners: [user] }, { ...readOwners, widen: { name: "test_wrong_widening", text: "select 1 / $1::integer", values: [0] } }),
    ];
    const outcomes = await Promise.allSettled(failing);
    expect(outcomes.map((one) => one.status === "rejected" && (one.reason as { sqlState: string }).sqlState)).toEqual(["22P02", "42P01", "42501", "22012"]);
    expect(outcomes.map((one) => (one.status === "rejected" ? String(one.reason) : "")).join()).not.toContain("a-value");
    expect(await database.read({ owners: [user] }, readOwners)).toEqual([{ owner_id: user, kind: "user" }]);
    expect(await backend()).toEqual(before);
  });

  test("can be asked again, for other values", async () => {
    const query = (value: string): Promise<unknown[]> => database.read({ owners: [user] }, { name: "test_cast_again", text: "select $1::text::integer as number", values: [value] });
    await expect(query("x")).rejects.toMatchObject({ sqlState: "22P02" });
    expect(await query("7")).toEqual([{ number: 7 }]);
    await expect(query("x")).rejects.toMatchObject({ sqlState: "22P02" });
    expect(await query("8")).toEqual([{ number: 8 }]);
  });

  test("parses its statements again after the pool's owner discarded them", async () => {
    await database.read({ owners: [user] }, readOwners);
    await pool.query("discard all");
    expect(await database.read({ owners: [user] }, readOwners)).toEqual([{ owner_id: user, kind: "user" }]);
  });

  test("refuses one name for two texts", async () => {
    await database.read({ owners: [user] }, { name: "test_twice", text: "select 1 as one", values: [] });
    await expect(database.read({ owners: [user] }, { name: "test_twice", text: "select 2 as two", values: [] })).rejects.toThrow("another text");
    expect(await database.read({ owners: [user] }, { name: "test_twice", text: "select 1 as one", values: [] })).toEqual([{ one: 1 }]);
  });

  test("whose server goes away rejects, and the next one has a new connection", async () => {
    const [mine] = (await pool.query<{ pid: number }>("select pg_backend_pid() as pid")).rows;
    const dying = database.read({ owners: [user] }, { name: "test_dies", text: "select pg_sleep(10)", values: [] });
    const [failure] = await Promise.all([dying.catch((error: unknown) => error), terminate(mine!.pid)]);
    expect(failure).toMatchObject({ name: "DatabaseUnavailableError", retryable: true });
    expect(await database.read({ owners: [user] }, readOwners)).toEqual([{ owner_id: user, kind: "user" }]);
  });
});

test("many reads at once over few connections each see their own owner", async () => {
  await using few = connectDatabase({ database: testDatabase.connectionString, poolSize: 3 });
  await few.open();
  const owners = [user, stranger, organization, other, system];
  const asked = Array.from({ length: 200 }, (_, index) => owners[index % owners.length]!);
  const seen = await Promise.all(asked.map(async (owner) => (await few.read<{ owner_id: string }>({ owners: [owner] }, readOwners)).map(({ owner_id }) => owner_id)));
  expect(seen).toEqual(asked.map((owner) => [owner]));
});

test("a statement text with a scope setting of its own is not how scopes are made: it reads nothing of the new scope", async () => {
  // The trap that the separate statement avoids: the planner may scan the table before the setting is made.
  const leaking = { name: "test_leak", text: "with s as materialized (select set_config('byok.owners', $1, true)) select owner_id from byok.owners, s", values: [`{${stranger}}`] };
  const rows = await database.read<{ owner_id: string }>({ owners: [user] }, leaking);
  expect(rows.map(({ owner_id }) => owner_id)).not.toContain(stranger);
  await database.inTenant({ owners: [user] }, async (trx) => expect((await sql`select 1 as one`.execute(trx)).rows).toEqual([{ one: 1 }]));
});

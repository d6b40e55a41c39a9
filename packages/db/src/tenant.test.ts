import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDatabase, ConstraintViolation, DatabaseError, DatabaseUnavailableError, ensurePartitions, type Database } from "./index.ts";
import { createTestDatabase, type TestDatabase } from "./testing.ts";

const a = "aaaaaaaa-0000-4000-8000-000000000000";
const b = "bbbbbbbb-0000-4000-8000-000000000000";
const day = "2026-11-24";

let testDatabase: TestDatabase;
let database: Database;
let admin: pg.Client;
let tenantTables: string[];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  // One connection: whatever a transaction leaves behind meets the next one.
  database = connectDatabase({ database: testDatabase.connectionString, poolSize: 1 });
  await database.open();
  await ensurePartitions(database, [new Date(`${day}T00:00:00Z`)]);
  admin = new pg.Client({ connectionString: testDatabase.connectionString });
  await admin.connect();
  for (const owner of [a, b]) for (const statement of rowsOf(owner)) await admin.query(statement);
  const { rows } = await admin.query<{ name: string }>(`
    select relname as name from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'owner_id'
    where relnamespace = 'byok'::regnamespace and relkind in ('r', 'p') order by 1`);
  tenantTables = rows.map(({ name }) => name);
});

afterAll(async () => {
  await admin.end();
  await database.close();
  await testDatabase.drop();
});

/** A row in every table. */
function rowsOf(owner: string): string[] {
  const key = `key_${owner.slice(0, 4)}`;
  const sums = "'openai', 'm', 'production', 'user', 'chat', 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, now()";
  return [
    `insert into byok.owners (owner_id, kind, external_id) values ('${owner}', 'user', 'x')`,
    `insert into byok.tenant_keys (owner_id, version, wrapped) values ('${owner}', 1, '\\x00')`,
    `insert into byok.members (owner_id, user_owner_id, user_id, role) values ('${owner}', gen_random_uuid(), 'u', 'member')`,
    `insert into byok.keys (owner_id, key_id, provider, environment, fingerprint, status, created_at, updated_at) values ('${owner}', '${key}', 'openai', 'production', 'same', 'active', now(), now())`,
    `insert into byok.key_versions (owner_id, key_id, version, sealed, tenant_key_version, created_at) values ('${owner}', '${key}', 1, '\\x00', 1, now())`,
    `insert into byok.key_health (owner_id, key_id) values ('${owner}', '${key}')`,
    `insert into byok.limit_counters (owner_id, key_id, limit_name, window_start) values ('${owner}', '${key}', 'requests', now())`,
    ...["2026-11-24", "2020-01-01"].map((at) => `insert into byok.usage_events (owner_id, day, event_id, request_id, key_id, at, provider, environment, source, outcome, requests) values ('${owner}', '${at}', 'e', 'r', '${key}', now(), 'openai', 'production', 'user', 'ok', 1)`),
    `insert into byok.usage_receipts (owner_id, event_id, day) values ('${owner}', 'e', '${day}')`,
    ...["2026-11-24", "2020-01-01"].map((at) => `insert into byok.usage_hourly values ('${owner}', '${at} 10:00+00', 0, '${key}', ${sums})`),
    ...["2026-11-24", "2020-01-01"].map((at) => `insert into byok.usage_daily values ('${owner}', '${at}', '${key}', ${sums})`),
    `insert into byok.audit_heads (owner_id, seq, hash, mac) values ('${owner}', 1, '', '')`,
    `insert into byok.audit_events (owner_id, seq, event_id, at, actor, action, previous_hash, hash, mac) values ('${owner}', 1, 'e', now(), 'x', 'x', '', '', '')`,
    `insert into byok.service_tokens (token_id, owner_id, bound, name, hash, scopes, created_at) values ('tok_${owner}', '${owner}', true, 'x', 'x', '{}', now())`,
    `insert into byok.changes (owner_id) values ('${owner}')`,
    `insert into byok.owner_policies (owner_id, updated_at) values ('${owner}', now())`,
    `insert into byok.sealing_keys (owner_id, sealing_key_id, public_key, created_at) values ('${owner}', 's', '\\x00', now())`,
  ];
}

/** The owners whose rows a transaction sees in a table, or why it may not look. */
async function ownersSeen(table: string, owners: string[]): Promise<string[] | "refused"> {
  try {
    return await database.inTenant({ owners }, async (trx) => {
      const { rows } = await sql<{ owner_id: string }>`select distinct owner_id from ${sql.table(table)} order by 1`.execute(trx);
      return rows.map(({ owner_id }) => owner_id);
    });
  } catch (error) {
    if (error instanceof DatabaseError && error.sqlState === "42501") return "refused";
    throw error;
  }
}

// Partitions are reached through their parents only, and the app writes changes but never reads them.
const unreadable = (table: string): boolean => table === "changes" || /_(default|\d{6,8})$/.test(table);

describe("S-34: a scope sees its own rows, and without one there is none", () => {
  test("the superuser sees a row of both owners in every table: none is forgotten below", async () => {
    expect(tenantTables.length).toBeGreaterThan(15);
    for (const table of tenantTables) {
      const { rows } = await admin.query(`select distinct owner_id from byok.${table} order by 1`);
      expect([table, rows.map((row) => row.owner_id)]).toEqual([table, [a, b]]);
    }
  });

  test("A's scope sees none of B's in any table", async () => {
    for (const table of tenantTables) expect([table, await ownersSeen(table, [a])]).toEqual([table, unreadable(table) ? "refused" : [a]]);
  });

  test("without owners no row is seen in any table, on a connection that was used for A", async () => {
    for (const table of tenantTables) {
      await ownersSeen(table, [a]);
      expect([table, await ownersSeen(table, [])]).toEqual([table, unreadable(table) ? "refused" : []]);
    }
  });

  test("as the app's role on a used connection, with no setting made at all, no row is seen", async () => {
    const client = new pg.Client({ connectionString: testDatabase.connectionString });
    await client.connect();
    await client.query(`set role "byok_app_${database.installation.id}"`);
    for (const used of [false, true]) {
      if (used) await client.query(`begin; select set_config('byok.owners', '{${a}}', true); commit`);
      for (const table of tenantTables.filter((one) => !unreadable(one))) {
        const { rows } = await client.query(`select * from byok.${table}`);
        expect([table, rows]).toEqual([table, []]);
      }
    }
    await client.end();
  });

  test("a row of B's cannot be written in A's scope, in any table", async () => {
    for (const table of tenantTables) {
      const { rows: columns } = await admin.query<{ list: string }>(
        "select string_agg(quote_ident(attname), ', ') as list from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
        [`byok.${table}`],
      );
      const list = sql.raw(columns[0]!.list);
      const copying = sql`insert into ${sql.table(table)} (${list}) select ${list} from (
        select (jsonb_populate_record(null::${sql.table(table)}, to_jsonb(own) || ${JSON.stringify({ owner_id: b })}::jsonb)).* from ${sql.table(table)} own) as copied`;
      // The app cannot read changes, so that there is nothing to copy from.
      const written = table === "changes" ? sql`insert into changes (owner_id) values (${b})` : copying;
      const failure = await database.inTenant({ owners: [a] }, (trx) => written.execute(trx)).catch((error: unknown) => error);
      expect([table, (failure as DatabaseError).sqlState]).toEqual([table, "42501"]);
    }
  });

  test("a row of A's cannot be given to B", async () => {
    const moving = database.inTenant({ owners: [a] }, (trx) => sql`update limit_counters set owner_id = ${b}`.execute(trx));
    await expect(moving).rejects.toMatchObject({ sqlState: "42501" });
  });

  test("a foreign key cannot be pointed at B's row", async () => {
    const pointing = database.inTenant({ owners: [a] }, (trx) =>
      trx.insertInto("key_health").values({ owner_id: a, key_id: "key_bbbb" }).execute(),
    );
    await expect(pointing).rejects.toMatchObject({ kind: "foreign_key" });
  });

  test("two owners in the scope are both seen", async () => {
    expect(await ownersSeen("keys", [a, b])).toEqual([a, b]);
  });

  test("an owner that is no UUID, or one too many, is refused before the database is asked", async () => {
    const before = database.roundTrips;
    await expect(ownersSeen("keys", ["{},x"])).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(ownersSeen("keys", Array.from({ length: 1001 }, () => a))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(database.roundTrips).toBe(before);
  });
});

describe("looking up by what the caller presents", () => {
  test("a key id shows that key alone, without its secret", async () => {
    const seen = await database.inTenant({ owners: [], lookup: { keyId: "key_bbbb" } }, async (trx) => ({
      keys: await trx.selectFrom("keys").select("owner_id").execute(),
      versions: await trx.selectFrom("key_versions").selectAll().execute(),
    }));
    expect(seen).toEqual({ keys: [{ owner_id: b }], versions: [] });
  });

  test("a token id shows that token alone, and it cannot be changed", async () => {
    const seen = await database.inTenant({ owners: [], lookup: { tokenId: `tok_${b}` } }, async (trx) => {
      const { numUpdatedRows } = await trx.updateTable("service_tokens").set({ revoked_at: new Date(0) }).executeTakeFirstOrThrow();
      return { tokens: await trx.selectFrom("service_tokens").select(["owner_id", "revoked_at"]).execute(), numUpdatedRows };
    });
    expect(seen).toEqual({ tokens: [{ owner_id: b, revoked_at: null }], numUpdatedRows: 0n });
  });
});

describe("S-32: the caller's own rights do not reach inside", () => {
  test("a superuser's pool is confined to the app's role", async () => {
    const inside = await database.inTenant({ owners: [a] }, async (trx) => (await sql<object>`select current_user::text as role, rolbypassrls, rolsuper from pg_roles where rolname = current_user`.execute(trx)).rows);
    expect(inside).toEqual([{ role: `byok_app_${database.installation.id}`, rolbypassrls: false, rolsuper: false }]);
  });

  test("the installation's transaction sees no tenant's row, even with a scope set by hand", async () => {
    const counted = await database.asInstallation(async (trx) => {
      await sql`select set_config('byok.owners', ${`{${a},${b}}`}, true)`.execute(trx);
      const counts: unknown[] = [];
      for (const table of tenantTables) counts.push(...(await sql<{ count: number }>`select count(*)::integer as count from ${sql.table(table)}`.execute(trx)).rows);
      return counts;
    });
    expect(counted).toEqual(tenantTables.map(() => ({ count: 0 })));
  });

  test("the operator cannot read what is sealed", async () => {
    await expect(database.asOperator((trx) => sql`select * from key_versions`.execute(trx))).rejects.toMatchObject({ sqlState: "42501" });
    await expect(database.asOperator((trx) => trx.selectFrom("keys").select("alias").execute())).rejects.toMatchObject({ sqlState: "42501" });
    expect(await database.asOperator((trx) => trx.selectFrom("keys").select("key_id").orderBy("key_id").execute())).toEqual([{ key_id: "key_aaaa" }, { key_id: "key_bbbb" }]);
  });

  test("TRUNCATE and DDL are refused", async () => {
    for (const statement of ["truncate byok.keys", "create table byok.mine ()", "alter table byok.keys disable row level security", "drop policy owners_in_scope on byok.keys"]) {
      await expect(database.inTenant({ owners: [a] }, (trx) => sql.raw(statement).execute(trx))).rejects.toMatchObject({ sqlState: "42501" });
    }
  });
});

test("S-90: an audit event is changed by nobody: not the app, not the tables' owner, not a superuser", async () => {
  for (const statement of ["update byok.audit_events set actor = 'y'", "delete from byok.audit_events", "truncate byok.audit_events"]) {
    await expect(database.inTenant({ owners: [a] }, (trx) => sql.raw(statement).execute(trx))).rejects.toMatchObject({ sqlState: "42501" });
    await expect(database.asInstallation((trx) => sql.raw(statement).execute(trx))).rejects.toMatchObject({ sqlState: "42501" });
    await expect(admin.query(statement)).rejects.toThrow("never changed");
  }
});

describe("S-36: what the database refuses carries no value", () => {
  const secretText = "fingerprint-nobody-may-see";
  const failing: Record<string, string> = {
    unique: `insert into keys (owner_id, key_id, provider, environment, fingerprint, status, created_at, updated_at) select owner_id, '${secretText}', provider, environment, fingerprint, status, now(), now() from keys`,
    foreign_key: `insert into key_health (owner_id, key_id) values ('${a}', '${secretText}')`,
    check: `insert into keys (owner_id, key_id, provider, environment, status, created_at, updated_at) values ('${a}', 'k', 'p', 'production', '${secretText}', now(), now())`,
    not_null: `insert into keys (owner_id, key_id, provider, created_at, updated_at) values ('${a}', '${secretText}', 'p', now(), now())`,
  };
  test.each(Object.entries(failing))("%s", async (kind, statement) => {
    const failure: unknown = await database.inTenant({ owners: [a] }, (trx) => sql.raw(statement).execute(trx)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConstraintViolation);
    expect(failure).toMatchObject({ kind });
    expect(Object.values(failure as object).join() + (failure as Error).message + String((failure as Error).stack)).not.toContain(secretText);
  });

  test("a malformed value", async () => {
    const failure: unknown = await database.inTenant({ owners: [a] }, (trx) => sql`select ${secretText}::uuid`.execute(trx)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "DatabaseError", sqlState: "22P02" });
    expect((failure as Error).message).not.toContain(secretText);
  });
});

describe("S-38: a transaction ends whole, and leaves nothing behind", () => {
  test("what it threw comes out as it was, and nothing is written", async () => {
    const thrown = new Error("mine");
    await expect(
      database.inTenant({ owners: [a] }, async (trx) => {
        await trx.deleteFrom("limit_counters").execute();
        throw thrown;
      }),
    ).rejects.toBe(thrown);
    expect(await ownersSeen("limit_counters", [a])).toEqual([a]);
  });

  test("a failed statement whose error was swallowed does not pass for a commit", async () => {
    const swallowing = database.inTenant({ owners: [a] }, async (trx) => {
      await trx.deleteFrom("limit_counters").execute();
      await sql`select 1 / 0`.execute(trx).catch(() => undefined);
    });
    await expect(swallowing).rejects.toThrow("nothing was written");
    expect(await ownersSeen("limit_counters", [a])).toEqual([a]);
  });

  test("a statement after the end is refused", async () => {
    const late = await database.inTenant({ owners: [a] }, async (trx) => () => trx.selectFrom("keys").selectAll().execute());
    await expect(late()).rejects.toThrow("over");
  });

  test("pool of 2, 50 tenants, throws, timeouts and killed sessions: no foreign row is ever seen", async () => {
    const tenants = Array.from({ length: 50 }, (_, index) => `cccccccc-0000-4000-8000-${String(index).padStart(12, "0")}`);
    for (const tenant of tenants) await admin.query("insert into byok.limit_counters (owner_id, key_id, limit_name, window_start) values ($1, 'k', 'requests', now())", [tenant]);
    await using small = connectDatabase({ database: testDatabase.connectionString, poolSize: 2, applicationName: "byok small pool" });
    await small.open();

    let seed = 42;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const outcomes = { seen: 0, thrown: 0, away: 0 };
    const foreign: unknown[] = [];
    const one = async (): Promise<void> => {
      const tenant = tenants[random(tenants.length)]!;
      const fate = random(40);
      try {
        await small.inTenant({ owners: [tenant] }, async (trx) => {
          const rows = await trx.selectFrom("limit_counters").select("owner_id").execute();
          foreign.push(...rows.filter(({ owner_id }) => owner_id !== tenant));
          if (rows.length !== 1) foreign.push(rows);
          if (fate < 8) throw new Error("thrown");
          if (fate === 8) await sql`set local statement_timeout = 5; select pg_sleep(1)`.execute(trx);
          if (fate === 9) await sql`select 1 / 0`.execute(trx);
          if (fate === 10) {
            const { rows: [mine] } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
            await admin.query("select pg_terminate_backend($1)", [mine?.pid]);
          }
        });
        outcomes.seen += 1;
      } catch (error) {
        if (error instanceof DatabaseUnavailableError) outcomes.away += 1;
        else outcomes.thrown += 1;
      }
    };
    for (let batch = 0; batch < 100; batch += 1) {
      // Killed from outside too, at whatever they are doing.
      const killing = batch % 10 === 9 ? [admin.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'byok small pool'")] : [];
      await Promise.all([...killing, ...Array.from({ length: 10 }, one)]);
    }
    expect(foreign).toEqual([]);
    expect(outcomes.seen).toBeGreaterThan(500);
    expect(outcomes.thrown).toBeGreaterThan(100);
    expect(outcomes.away).toBeGreaterThan(20);
    // No connection was lost to the pool: it still serves both at once. (One that was killed as it lay idle is found out first.)
    await Promise.allSettled(Array.from({ length: 10 }, one));
    const both = await Promise.all(tenants.slice(0, 2).map((tenant) => small.inTenant({ owners: [tenant] }, (trx) => trx.selectFrom("limit_counters").select("owner_id").execute())));
    expect(both.flat()).toEqual(tenants.slice(0, 2).map((owner_id) => ({ owner_id })));
  });
});

describe("S-43: nothing waits for ever", () => {
  test("timeouts are set inside", async () => {
    const { rows } = await database.inTenant({ owners: [a] }, (trx) =>
      sql`select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle`.execute(trx),
    );
    expect(rows).toEqual([{ statement: "15s", lock: "5s", idle: "20s" }]);
  });

  test("and not outside", async () => {
    const pool = new pg.Pool({ connectionString: testDatabase.connectionString, max: 1 });
    await using over = connectDatabase({ database: pool });
    await over.open();
    await over.inTenant({ owners: [a] }, (trx) => trx.selectFrom("keys").selectAll().execute());
    const { rows } = await pool.query("select current_user, current_setting('statement_timeout') as timeout, current_setting('byok.owners', true) as owners");
    expect(rows).toEqual([{ current_user: "postgres", timeout: "0", owners: "" }]);
    await pool.end();
  });

  test("a blocked and a sleeping statement end, as errors that may be tried again", async () => {
    await admin.query("begin; lock table byok.limit_counters in access exclusive mode");
    try {
      for (const slow of ["set local lock_timeout = 20; select * from limit_counters", "set local statement_timeout = 20; select pg_sleep(5)"]) {
        await expect(database.inTenant({ owners: [a] }, (trx) => sql.raw(slow).execute(trx))).rejects.toMatchObject({ name: "DatabaseUnavailableError", retryable: true });
      }
    } finally {
      await admin.query("rollback");
    }
  });

  test("F-08: when all connections are taken a caller waits two seconds, then may try again", async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const holding = database.inTenant({ owners: [a] }, () => held);
    try {
      await expect(ownersSeen("keys", [a])).rejects.toMatchObject({ name: "DatabaseUnavailableError", reason: "pool_exhausted" });
    } finally {
      letGo();
      await holding;
    }
    expect(await ownersSeen("keys", [a])).toEqual([a]);
  });
});

describe("a caller's own pool or Kysely", () => {
  test("a pool serves, and stays open", async () => {
    const pool = new pg.Pool({ connectionString: testDatabase.connectionString, max: 2 });
    const over = connectDatabase({ database: pool });
    await over.open();
    expect(await over.inTenant({ owners: [a] }, (trx) => trx.selectFrom("keys").select("owner_id").execute())).toEqual([{ owner_id: a }]);
    await over.close();
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  test("a Kysely serves in the same scope, reads the same rows, rolls back, and stays open", async () => {
    const kysely = new Kysely<{ of: { the: string } }>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: testDatabase.connectionString, max: 2 }) }) });
    const over = connectDatabase({ database: kysely });
    await over.open();
    expect(await over.inTenant({ owners: [b] }, (trx) => trx.selectFrom("keys").select("owner_id").execute())).toEqual([{ owner_id: b }]);
    expect(await over.read({ owners: [b] }, { name: "of_kysely", text: "select owner_id from byok.keys", values: [] })).toEqual([{ owner_id: b }]);
    await expect(
      over.inTenant({ owners: [b] }, async (trx) => {
        expect((await trx.deleteFrom("limit_counters").executeTakeFirstOrThrow()).numDeletedRows).toBe(1n);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await over.inTenant({ owners: [b] }, (trx) => trx.selectFrom("limit_counters").select("owner_id").execute())).toEqual([{ owner_id: b }]);
    await over.close();
    expect((await sql`select 1 as one`.execute(kysely)).rows).toEqual([{ one: 1 }]);
    await kysely.destroy();
  });
});

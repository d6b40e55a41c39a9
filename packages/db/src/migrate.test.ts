import pg from "pg";
import { afterEach, describe, expect, inject, test } from "vitest";
import { connectDatabase, schemaVersion } from "./index.ts";
import type { Session } from "./connections.ts";
import { migrate } from "./migrate.ts";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "./testing.ts";

const made: TestDatabase[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.drop()));
});
async function fresh(how: () => Promise<TestDatabase> = createEmptyDatabase): Promise<string> {
  const testDatabase = await how();
  made.push(testDatabase);
  return testDatabase.connectionString;
}

async function query(connectionString: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Everything of the schema that a migration makes, without the installation's id. */
async function shape(connectionString: string): Promise<unknown> {
  return query(connectionString, `
    select regexp_replace(what, '_i[0-9a-f]{12}', '', 'g') as what from (
      select format('%s.%s %s %s %s', n.nspname, relname, relkind, relacl, pg_get_userbyid(relowner)) as what from pg_class c join pg_namespace n on n.oid = relnamespace where n.nspname like 'byok%'
      union all select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace::regnamespace::text like 'byok%'
      union all select format('%s %s %s %s %s', tablename, policyname, roles, qual, with_check) from pg_policies where schemaname like 'byok%'
      union all select format('%s %s', oid::regprocedure, proacl) from pg_proc where pronamespace::regnamespace::text like 'byok%'
      union all select format('version %s, %s', version, min_reader) from byok.installation
      union all select format('worker %s', max(id)) from byok_worker.migrations
    ) as shape order by 1`);
}

describe("F-11: many processes, and processes that die", () => {
  test("five migrators at once make one installation, whole", async () => {
    const connectionString = await fresh();
    const installations = await Promise.all(
      Array.from({ length: 5 }, async () => {
        await using database = connectDatabase({ database: connectionString });
        return await database.open();
      }),
    );
    expect(new Set(installations.map(({ id }) => id)).size).toBe(1);
    expect(installations[0]).toMatchObject({ id: expect.stringMatching(/^i[0-9a-f]{12}$/) as string, rootKeyId: null, kdfIterations: 600_000, version: schemaVersion });
    expect(installations[0]!.kdfSalt).toHaveLength(32);
    expect(await shape(connectionString)).toEqual(await shape(await fresh(createTestDatabase)));
  });

  test("killed at any of its statements, the next run finishes", async () => {
    const expected = await shape(await fresh(createTestDatabase));
    // Killed again and again on one database, further on each time, then on fresh ones early on.
    for (const deaths of [[3, 9, 12, 14, 20, 24, 40, 70, 100], [1], [5], [7]]) {
      const connectionString = await fresh();
      for (const death of deaths) await migrateUntil(connectionString, death);
      await using database = connectDatabase({ database: connectionString });
      await database.open();
      expect(await shape(connectionString)).toEqual(expected);
    }
  });

  test("a second run changes nothing", async () => {
    const connectionString = await fresh(createTestDatabase);
    const before = [await shape(connectionString), await query(connectionString, "select * from byok.installation")];
    await using database = connectDatabase({ database: connectionString });
    await database.migrate();
    expect([await shape(connectionString), await query(connectionString, "select * from byok.installation")]).toEqual(before);
  });
});

/** Runs the migrations over a connection that is cut before its nth statement. */
async function migrateUntil(connectionString: string, death: number): Promise<void> {
  const client = new pg.Client({ connectionString });
  client.on("error", () => {});
  await client.connect();
  let statements = 0;
  const session: Session = {
    async query(text, values) {
      statements += 1;
      if (statements === death) (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      const result = (await client.query(text, values as unknown[] | undefined)) as pg.QueryResult | pg.QueryResult[];
      return (Array.isArray(result) ? result.at(-1)! : result).rows as Record<string, unknown>[];
    },
  };
  const outcome = await migrate(session).catch((error: unknown) => error);
  if (outcome === undefined) await client.end();
}

describe("a schema that is not ours to use", () => {
  test("F-11: newer than this code can read: it stops, and nothing was written", async () => {
    const connectionString = await fresh(createTestDatabase);
    await query(connectionString, "update byok.installation set version = 99, min_reader = 99");
    const before = await query(connectionString, "select xmin::text, * from byok.installation");
    await using database = connectDatabase({ database: connectionString });
    await expect(database.open()).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining("version 99") as string });
    await expect(database.migrate()).rejects.toMatchObject({ code: "CONFIGURATION" });
    expect(await query(connectionString, "select xmin::text, * from byok.installation")).toEqual(before);
  });

  test("newer, but readable by this code: it opens and is left as it is", async () => {
    const connectionString = await fresh(createTestDatabase);
    await query(connectionString, "update byok.installation set version = 99");
    await using database = connectDatabase({ database: connectionString });
    expect(await database.open()).toMatchObject({ version: 99 });
  });

  test("missing or older, with autoMigrate off: the message says what to run, and nothing was written", async () => {
    const empty = await fresh();
    await using over = connectDatabase({ database: empty });
    await expect(over.open({ autoMigrate: false })).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining("byok migrate") as string });
    expect(await query(empty, "select from pg_namespace where nspname like 'byok%'")).toEqual([]);

    const older = await fresh(createTestDatabase);
    await query(older, "update byok.installation set version = 5");
    await using overOlder = connectDatabase({ database: older });
    await expect(overOlder.open({ autoMigrate: false })).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining("is version 5") as string });
    expect(await query(older, "select version from byok.installation")).toEqual([{ version: 5 }]);
  });

  test("a schema named byok that somebody else made is left alone", async () => {
    const connectionString = await fresh();
    await query(connectionString, "create schema byok");
    await using database = connectDatabase({ database: connectionString });
    await expect(database.open()).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining("did not make") as string });
  });
});

describe("a database that cannot be used", () => {
  const refused = /DATABASE_URL/;
  test.each([
    ["nobody listens", () => "postgres://someone:hunter2@127.0.0.1:1/byok"],
    ["no such host", () => "postgres://someone:hunter2@nowhere.invalid/byok"],
    ["no such database", () => Object.assign(new URL(inject("postgres").connectionString), { pathname: "/missing", password: "hunter2" }).href],
    ["no such login", () => Object.assign(new URL(inject("postgres").connectionString), { username: "nobody_knows", password: "hunter2" }).href],
  ])("%s: the message names the setting and hides the password", async (_, connectionString) => {
    await using database = connectDatabase({ database: connectionString() });
    const failure: unknown = await database.open().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "CONFIGURATION", message: expect.stringMatching(refused) as string, details: { setting: "DATABASE_URL" } });
    expect(String((failure as Error).stack)).not.toContain("hunter2");
  });

  test("open can be tried again after it failed", async () => {
    const connectionString = await fresh();
    await query(connectionString, "create schema byok");
    await using database = connectDatabase({ database: connectionString });
    await expect(database.open()).rejects.toMatchObject({ code: "CONFIGURATION" });
    await query(connectionString, "drop schema byok");
    expect(await database.open()).toMatchObject({ version: schemaVersion });
  });
});

describe("logins with fewer rights", () => {
  async function asLogin(connectionString: string, attributes: string): Promise<string> {
    const login = `login_${Math.random().toString(36).slice(2)}`;
    await query(connectionString, `create role ${login} login ${attributes}`);
    return Object.assign(new URL(connectionString), { username: login }).href;
  }

  test("one that may make roles and owns the database needs nobody", async () => {
    const connectionString = await fresh();
    const own = await asLogin(connectionString, "createrole nosuperuser");
    const login = new URL(own).username;
    await query(connectionString, `alter database ${new URL(connectionString).pathname.slice(1)} owner to ${login}`);
    await using database = connectDatabase({ database: own });
    await database.open();
    const owner = "aaaaaaaa-0000-4000-8000-000000000000";
    await database.inTenant({ owners: [owner] }, (trx) => trx.insertInto("owners").values({ owner_id: owner, kind: "user", external_id: "x" }).execute());
    expect(await database.asInstallation((trx) => trx.selectFrom("installation").select("version").execute())).toEqual([{ version: schemaVersion }]);
    expect(await shape(connectionString)).toEqual(await shape(await fresh(createTestDatabase)));
    // It may become the roles, and until then it has none of their rights; before PostgreSQL 16 a member always has them.
    const [server] = await query(connectionString, "select current_setting('server_version_num')::integer as version");
    const outside = await query(own, "select * from byok.owners").catch((error: Error) => error.message);
    expect(Number(server?.["version"]) < 160_000 ? "inherited" : outside).toMatch(/^(inherited|permission denied for schema byok)$/);
  });

  test("one that may not make roles is told the statements for an administrator, which suffice", async () => {
    const connectionString = await fresh();
    const own = await asLogin(connectionString, "nocreaterole nosuperuser");
    await using database = connectDatabase({ database: own });
    const failure = (await database.open().catch((error: unknown) => error)) as { code: string; message: string; details: { statements: string[] } };
    expect(failure.code).toBe("CONFIGURATION");
    for (const statement of failure.details.statements) expect(failure.message).toContain(`${statement};`);
    await query(connectionString, ...failure.details.statements);
    expect(await database.open()).toMatchObject({ version: schemaVersion });
  });

  test("one that may not use the roles is told the grants", async () => {
    const connectionString = await fresh(createTestDatabase);
    const own = await asLogin(connectionString, "nosuperuser");
    await using database = connectDatabase({ database: own });
    const failure = (await database.open().catch((error: unknown) => error)) as { code: string; details: { statements: string[] } };
    expect(failure.code).toBe("CONFIGURATION");
    expect(failure.details.statements).toHaveLength(4);
    await query(connectionString, ...failure.details.statements);
    expect(await database.open()).toMatchObject({ version: schemaVersion });
  });
});

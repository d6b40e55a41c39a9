import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDatabase, ensurePartitions, type Database } from "./index.ts";
import { createTestDatabase, type TestDatabase } from "./testing.ts";

// What the catalog must say, read from the live database: a table or a partition that a later migration adds is held to it
// without being named here. Only exceptions are named, each with its reason.

const withoutTenantRows: Record<string, string> = {
  installation: "one row, about the installation itself; only the tables' owner may read it",
  root_keys: "check records of root keys; only the tables' owner may read them",
  installation_keys: "wrapped keys of the installation; only the tables' owner may read them",
  processes: "heartbeats of processes; only the tables' owner may read them",
  partitions: "names of partitions; only the tables' owner may read them",
};

const ownerNotFirst: Record<string, string> = {
  "service_tokens service_tokens_pkey": "a token is found by its random id, before its owner is known",
  "changes changes_pkey": "a feed: read from a transaction id on, over all owners",
};

const policies: Record<string, string> = {
  by_presented_key: "keys: select to app",
  by_presented_token: "service_tokens: select to app",
  by_member: "members: select to app",
};

let testDatabase: TestDatabase;
let database: Database;
let admin: pg.Client;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = connectDatabase({ database: testDatabase.connectionString });
  await database.open();
  await ensurePartitions(database, [new Date("2026-11-24T00:00:00Z"), new Date("2026-12-01T00:00:00Z")]);
  admin = new pg.Client({ connectionString: testDatabase.connectionString });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await database.close();
  await testDatabase.drop();
});

const role = (name: string): string => name.replace(/_i[0-9a-f]{12}$/, "").replace(/^byok_/, "");

interface Table {
  name: string;
  owner: string;
  enabled: boolean;
  forced: boolean;
  partition: boolean;
}

async function tables(): Promise<Table[]> {
  const { rows } = await admin.query<Table>(`
    select relname as name, pg_get_userbyid(relowner) as owner, relrowsecurity as enabled, relforcerowsecurity as forced, relispartition as partition
    from pg_class where relnamespace = 'byok'::regnamespace and relkind in ('r', 'p') order by 1`);
  return rows;
}

interface Policy {
  table: string;
  name: string;
  command: string;
  roles: string[];
  using: string | null;
  check: string | null;
}

async function policiesInForce(): Promise<Policy[]> {
  const { rows } = await admin.query<Policy>(`
    select tablename as "table", policyname as name, lower(cmd) as command, roles::text[], qual as using, with_check as check
    from pg_policies where schemaname = 'byok' order by 1, 2`);
  return rows.map((one) => ({ ...one, roles: one.roles.map(role) }));
}

/** Every way in which row security falls short of S-33. */
async function rowSecurityFaults(): Promise<string[]> {
  const inForce = await policiesInForce();
  return (await tables())
    .filter(({ name }) => !(name in withoutTenantRows))
    .flatMap(({ name, enabled, forced }) => {
      const own = inForce.find((one) => one.table === name && one.name === "owners_in_scope");
      const inScope = "(owner_id = ANY ((NULLIF(current_setting('byok.owners'::text, true), ''::text))::uuid[]))";
      return [
        ...(enabled ? [] : [`${name}: row security is not enabled`]),
        ...(forced ? [] : [`${name}: row security is not forced`]),
        ...(own?.command === "all" && own.using === inScope && own.check === inScope && own.roles.join() === "app" ? [] : [`${name}: no policy that compares owner_id with the scope`]),
      ];
    });
}

describe("S-33: every table and partition with tenants' rows is shut by row security", () => {
  test("enabled, forced, and with a policy for reading and for writing", async () => {
    const names = (await tables()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["keys", "usage_events_20261124", "usage_hourly_20261201", "usage_daily_202612", "usage_events_default"]));
    expect(await rowSecurityFaults()).toEqual([]);
  });

  test("a new table without it is found", async () => {
    await admin.query("begin");
    await admin.query("create table byok.planted (owner_id uuid primary key)");
    expect(await rowSecurityFaults()).toHaveLength(3);
    await admin.query("rollback");
  });

  test("further policies are on the list, and let a role of byok do one thing", async () => {
    const further = (await policiesInForce()).filter(({ name }) => name !== "owners_in_scope");
    const told = (one: Policy): string => `${one.table}: ${one.command} to ${one.roles.join()}`;
    expect(further.filter(({ name }) => !name.startsWith("sweep")).map((one) => [one.name, told(one)])).toEqual(expect.arrayContaining(Object.entries(policies)));
    expect(further.filter(({ name }) => !name.startsWith("sweep"))).toHaveLength(Object.keys(policies).length);
    expect(further.filter(({ name }) => name.startsWith("sweep")).map(told)).toEqual([
      "audit_events: select to operator",
      "changes: delete to operator",
      "changes: select to operator",
      "key_versions: select to operator",
      "keys: select to operator",
      "limit_counters: delete to operator",
      "limit_counters: select to operator",
      "owners: select to operator",
      "tenant_keys: select to operator",
      "usage_hourly: select to operator",
      "usage_receipts: delete to operator",
      "usage_receipts: select to operator",
    ]);
  });

  test("tables without tenants' rows have no column owner_id, and are granted to nobody, but for the epoch that tokens are measured by", async () => {
    const { rows } = await admin.query("select relname from pg_class join pg_attribute on attrelid = pg_class.oid where relname = any($1) and attname = 'owner_id'", [Object.keys(withoutTenantRows)]);
    expect(rows).toEqual([]);
    expect((await grants()).filter(({ object }) => object.split(".")[0]! in withoutTenantRows)).toEqual([{ object: "installation.epoch", grantee: "app", privilege: "SELECT" }]);
  });
});

/** Keys, unique indexes and foreign keys of tables with tenants' rows whose first column is not owner_id. */
async function keysWithoutOwnerFirst(): Promise<string[]> {
  const { rows } = await admin.query<{ table: string; name: string; first: string }>(`
    select relname as "table", conname as name, attname as first
    from pg_constraint c join pg_class on pg_class.oid = c.conrelid join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.connamespace = 'byok'::regnamespace and contype in ('p', 'u', 'f')
    union
    select t.relname, i.relname, attname
    from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
    join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
    where t.relnamespace = 'byok'::regnamespace and x.indisunique
    order by 1, 2`);
  return rows.filter(({ table, first }) => first !== "owner_id" && !(table in withoutTenantRows)).map(({ table, name }) => `${table} ${name}`);
}

describe("S-35: keys, unique constraints and foreign keys begin with owner_id", () => {
  test("all but the exceptions", async () => {
    expect(await keysWithoutOwnerFirst()).toEqual(Object.keys(ownerNotFirst).sort());
  });

  test("a global unique constraint is found", async () => {
    await admin.query("begin");
    await admin.query("alter table byok.keys add constraint planted unique (fingerprint)");
    expect(await keysWithoutOwnerFirst()).toContain("keys planted");
    await admin.query("rollback");
  });

  test("no foreign key leads from a tenant's table to one of the installation's", async () => {
    const { rows } = await admin.query(
      "select conname from pg_constraint c join pg_class t on t.oid = c.confrelid join pg_class f on f.oid = c.conrelid where contype = 'f' and t.relname = any($1) and not f.relname = any($1)",
      [Object.keys(withoutTenantRows)],
    );
    expect(rows).toEqual([]);
  });
});

describe("S-37: nothing reads with rights that its caller has not", () => {
  test("the only SECURITY DEFINER function is add_job, and it sees the job tables alone", async () => {
    const { rows } = await admin.query("select proname as name, pg_get_userbyid(proowner) as owner from pg_proc where pronamespace = 'byok'::regnamespace and prosecdef");
    expect(rows.map(({ name, owner }) => `${name} as ${role(owner)}`)).toEqual(["add_job as worker"]);
  });

  test("every function has a fixed search_path and cannot be called by everybody", async () => {
    const { rows } = await admin.query(`
      select proname from pg_proc where pronamespace = 'byok'::regnamespace
      and (not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp'] or proacl is null or exists (select from aclexplode(proacl) where grantee = 0))`);
    expect(rows).toEqual([]);
  });

  test("there is no view", async () => {
    const { rows } = await admin.query("select relname from pg_class where relnamespace = 'byok'::regnamespace and relkind in ('v', 'm')");
    expect(rows).toEqual([]);
  });
});

interface Grant {
  object: string;
  grantee: string;
  privilege: string;
}

/** Grants on tables and columns of the schema to anyone but their owner. */
async function grants(): Promise<Grant[]> {
  const { rows } = await admin.query<{ object: string; grantee: string | null; privilege: string }>(`
    select object, pg_get_userbyid(nullif(grantee, 0)) as grantee, privilege_type as privilege from (
      select relname as object, relowner, (aclexplode(relacl)).* from pg_class where relnamespace = 'byok'::regnamespace
      union all
      select relname || '.' || attname, relowner, (aclexplode(attacl)).* from pg_class join pg_attribute on attrelid = pg_class.oid where relnamespace = 'byok'::regnamespace
    ) as given where grantee <> relowner order by 1, 2, 3`);
  return rows.map((one) => ({ ...one, grantee: one.grantee === null ? "everybody" : role(one.grantee) }));
}

describe("S-32: roles have what they need and no more", () => {
  test("none can log in, bypass row security, make roles or databases", async () => {
    const { rows } = await admin.query("select rolname from pg_roles where rolname ~ '^byok_(schema|app|operator|worker)_i' and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)");
    expect(rows).toEqual([]);
    const { id } = database.installation;
    const { rows: mine } = await admin.query("select count(*)::integer as count from pg_roles where rolname like $1", [`byok%${id}`]);
    expect(mine).toEqual([{ count: 4 }]);
  });

  test("none is a member of another", async () => {
    const { rows } = await admin.query("select roleid::regrole from pg_auth_members where member::regrole::text like 'byok%'");
    expect(rows).toEqual([]);
  });

  test("every table belongs to the schema's role, the job tables to the worker's", async () => {
    expect(new Set((await tables()).map(({ owner }) => role(owner)))).toEqual(new Set(["schema"]));
    const { rows } = await admin.query<{ owner: string }>("select distinct pg_get_userbyid(relowner) as owner from pg_class where relnamespace = 'byok_worker'::regnamespace");
    expect(rows.map(({ owner }) => role(owner))).toEqual(["worker"]);
  });

  test("tables are granted to app and operator alone, for reading and writing rows alone", async () => {
    const given = await grants();
    expect(new Set(given.map(({ grantee }) => grantee))).toEqual(new Set(["app", "operator"]));
    expect(new Set(given.map(({ privilege }) => privilege))).toEqual(new Set(["SELECT", "INSERT", "UPDATE", "DELETE"]));
  });

  test("no partition is granted to anyone", async () => {
    const partitions = (await tables()).filter(({ partition }) => partition).map(({ name }) => name);
    expect(partitions.length).toBeGreaterThan(3);
    expect((await grants()).filter(({ object }) => partitions.includes(object.split(".")[0]!))).toEqual([]);
  });

  test("S-41: the operator sees ids and due times alone", async () => {
    const seen = (await grants()).filter(({ grantee }) => grantee === "operator").map(({ object, privilege }) => `${privilege.toLowerCase()} ${object}`);
    expect(seen.sort()).toEqual([
      "delete changes",
      "delete limit_counters",
      "delete usage_receipts",
      "select audit_events.owner_id",
      "select audit_events.seq",
      "select audit_events.xid",
      "select changes",
      "select key_versions.key_id",
      "select key_versions.owner_id",
      "select key_versions.usable_until",
      "select key_versions.version",
      "select keys.expires_at",
      "select keys.key_id",
      "select keys.next_check_at",
      "select keys.owner_id",
      "select keys.provider",
      "select keys.status",
      "select limit_counters.owner_id",
      "select limit_counters.window_start",
      "select owners.deleted_at",
      "select owners.kind",
      "select owners.owner_id",
      "select tenant_keys.owner_id",
      "select tenant_keys.state",
      "select tenant_keys.version",
      "select usage_hourly.folded",
      "select usage_hourly.hour",
      "select usage_hourly.owner_id",
      "select usage_receipts.day",
      "select usage_receipts.owner_id",
    ]);
  });

  test("S-41: of the job tables' schema the app's role has nothing, of the functions add_job alone", async () => {
    const app = `byok_app_${database.installation.id}`;
    const { rows: schemas } = await admin.query("select nspname from pg_namespace where nspname like 'byok%' and has_schema_privilege($1, oid, 'USAGE')", [app]);
    expect(schemas).toEqual([{ nspname: "byok" }]);
    const { rows: creates } = await admin.query("select nspname from pg_namespace where nspname like 'byok%' and has_schema_privilege($1, oid, 'CREATE')", [app]);
    expect(creates).toEqual([]);
    const { rows: functions } = await admin.query("select proname from pg_proc where pronamespace = 'byok'::regnamespace and has_function_privilege($1, oid, 'EXECUTE')", [app]);
    expect(functions).toEqual([{ proname: "add_job" }]);
  });
});

/** What the catalog says of the protections that byok relies on: what somebody took away by hand is named, with its remedy. */
import { sql } from "kysely";
import type { Database } from "./connect.ts";
import { rolesOf } from "./scope.ts";

export interface CatalogFaults {
  /** Tables with tenants' rows that are not shut. */
  rowSecurity: string[];
  /** Roles that may more, or less, than they should. */
  roles: string[];
  /** The trail's own protection. */
  trail: string[];
  /** Rotations that were begun and not ended. */
  rotation: string[];
  /** Whether the connection is encrypted. */
  encrypted: boolean;
}

/** What byok's own roles must be able to do; a few tables stand for all. */
const needed: readonly [role: "app" | "operator", table: string, privileges: string][] = [
  ["app", "audit_events", "select, insert"],
  ["app", "audit_heads", "select, insert"],
  ["app", "owners", "select, insert"],
  ["app", "tenant_keys", "select, insert, delete"],
  ["app", "keys", "select, insert, delete"],
  ["app", "key_versions", "select, insert, delete"],
  ["app", "members", "select, insert, delete"],
  ["app", "service_tokens", "select, insert"],
  ["app", "usage_events", "select, insert"],
  ["app", "changes", "insert"],
  ["operator", "changes", "select, delete"],
];

/** Reads the catalog as the schema's role. The database must be open. */
export async function inspectCatalog(database: Database): Promise<CatalogFaults> {
  const { id } = database.installation;
  const roles = rolesOf(id);
  const rows = <T>(query: ReturnType<typeof sql<T>>): Promise<T[]> => database.asInstallation(async (trx) => (await query.execute(trx)).rows);

  const open = await rows(sql<{ name: string }>`
    select c.relname as name from pg_class c
    where c.relnamespace = 'byok'::regnamespace and c.relkind in ('r', 'p')
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'owner_id' and not a.attisdropped)
      and not (c.relrowsecurity and c.relforcerowsecurity and exists (
        select from pg_policies p where p.schemaname = 'byok' and p.tablename = c.relname and p.policyname = 'owners_in_scope' and p.cmd = 'ALL' and p.qual like '%byok.owners%' and p.with_check like '%byok.owners%'))
    order by 1`);
  const loose = await rows(sql<{ name: string; table: string }>`
    select p.policyname as name, p.tablename as "table" from pg_policies p
    where p.schemaname = 'byok' and not p.roles::text[] <@ ${[roles.app, roles.operator]}::text[] order by 1`);

  const strong = await rows(sql<{ name: string }>`
    select rolname as name from pg_roles where rolname = any(${Object.values(roles)}::text[])
      and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication) order by 1`);
  const strangers = await rows(sql<{ object: string; grantee: string }>`
    select distinct object, case grantee when 0 then 'everybody' else pg_get_userbyid(grantee) end as grantee from (
      select relname::text as object, relowner, (aclexplode(relacl)).* from pg_class where relnamespace = 'byok'::regnamespace
      union all
      select relname || '.' || attname, relowner, (aclexplode(attacl)).* from pg_class join pg_attribute on attrelid = pg_class.oid where relnamespace = 'byok'::regnamespace
    ) as given
    where grantee <> relowner and (grantee = 0 or not pg_get_userbyid(grantee) = any(${[roles.app, roles.operator, `byok_backup_${id}`]}::text[])) order by 1, 2`);
  const lacking = await rows(sql<{ role: string; table: string; privilege: string }>`
    select n.role, n.tablename as "table", trim(privilege) as privilege
    from unnest(${needed.map(([role]) => roles[role])}::text[], ${needed.map(([, table]) => table)}::text[], ${needed.map(([, , privileges]) => privileges)}::text[]) as n(role, tablename, privileges),
      unnest(string_to_array(n.privileges, ',')) as privilege
    where not has_table_privilege(n.role, 'byok.' || n.tablename, trim(privilege)) order by 1, 2, 3`);
  const rewriting = await rows(sql<{ privilege: string }>`
    select privilege from unnest(array['update', 'delete', 'truncate']) as privilege where has_table_privilege(${roles.app}, 'byok.audit_events', privilege)`);
  const guard = await rows(sql<{ enabled: string }>`
    select tgenabled::text as enabled from pg_trigger where tgrelid = 'byok.audit_events'::regclass and tgname = 'append_only'`);

  const rotation = await rows(sql<{ root: string; what: string }>`
    select root_key_id as root, 'was proposed as the next root key' as what from byok.root_keys where state = 'candidate'
    union all
    select k.root_key_id, 'still wraps the installation''s key for ' || k.purpose from byok.installation_keys k, byok.installation i where k.root_key_id <> i.root_key_id
    order by 1, 2`);
  const [connection] = await rows(sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`);

  return {
    rowSecurity: [
      ...open.map(({ name }) => `byok.${name} is not shut by row security; as its owner run: alter table byok.${name} enable row level security, force row level security, and restore its policy owners_in_scope if it is gone`),
      ...loose.map(({ name, table }) => `byok.${table} has a policy ${name} for roles that are not byok's; run: drop policy ${name} on byok.${table}`),
    ],
    roles: [
      ...strong.map(({ name }) => `${name} may log in, or more than tenants' work; run: alter role ${name} nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication`),
      ...strangers.map(({ object, grantee }) => `${grantee} has rights on byok.${object}; revoke them`),
      ...lacking.map(({ role, table, privilege }) => `${role} lacks ${privilege} on byok.${table}; run: grant ${privilege} on byok.${table} to ${role}`),
    ],
    trail: [
      ...rewriting.map(({ privilege }) => `${roles.app} may ${privilege} audit events; run: revoke ${privilege} on byok.audit_events from ${roles.app}`),
      ...(guard[0] !== undefined && guard[0].enabled !== "D" ? [] : ["the trigger append_only of byok.audit_events is off or gone; run: alter table byok.audit_events enable trigger append_only, then byok audit verify"]),
    ],
    rotation: rotation.map(({ root, what }) => `${root} ${what}`),
    encrypted: connection?.ssl === true,
  };
}

/** The schema in Markdown, out of the catalog: what a migration changes shows here, and nothing else does. */
import type pg from "pg";

interface Column {
  table: string;
  name: string;
  type: string;
  default: string | null;
  required: boolean;
}
interface Described {
  table: string;
  text: string;
}
interface Table {
  name: string;
  comment: string | null;
  partitioned: string | null;
  partitions: string[];
}

// Role names carry the installation's id, which differs each time.
const withoutId = (text: string): string => text.replaceAll(/_i[0-9a-f]{12}\b/g, "");

async function read<Row extends pg.QueryResultRow>(client: pg.Client, text: string): Promise<Row[]> {
  return (await client.query<Row>(text)).rows;
}

export async function describeSchema(client: pg.Client): Promise<string> {
  const tables = await read<Table>(client, `
    select relname as name, obj_description(c.oid) as comment, pg_get_partkeydef(c.oid) as partitioned,
      array(select i.inhrelid::regclass::text from pg_inherits i where i.inhparent = c.oid order by 1) as partitions
    from pg_class c where relnamespace = 'byok'::regnamespace and relkind in ('r', 'p') and not relispartition order by relname`);
  const columns = await read<Column>(client, `
    select relname as "table", attname as name, format_type(atttypid, atttypmod) as type, pg_get_expr(adbin, adrelid) as default, attnotnull as required
    from pg_attribute a join pg_class c on c.oid = attrelid left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum
    where relnamespace = 'byok'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped order by relname, attnum`);
  const constraints = await read<Described>(client, `
    select relname as "table", pg_get_constraintdef(c.oid) as text from pg_constraint c join pg_class t on t.oid = conrelid
    where connamespace = 'byok'::regnamespace and contype in ('p', 'u', 'f', 'c') order by relname, array_position(array['p', 'u', 'f', 'c'], contype::text), conname`);
  const indexes = await read<Described>(client, `
    select tablename as "table", regexp_replace(indexdef, '^.* USING ', '') as text from pg_indexes
    where schemaname = 'byok' and not exists (select from pg_constraint where conindid = (quote_ident(schemaname) || '.' || quote_ident(indexname))::regclass and contype in ('p', 'u')) order by 1, 2`);
  const policies = await read<Described>(client, `
    select tablename as "table", format('%s: %s to %s where %s', policyname, lower(cmd), array_to_string(roles, ', '),
      coalesce(qual, with_check)) as text from pg_policies where schemaname = 'byok' order by tablename, policyname <> 'owners_in_scope', policyname`);
  const grants = await read<Described>(client, `
    select "table", format('%s: %s', grantee, string_agg(what, ', ' order by what)) as text from (
      select relname as "table", pg_get_userbyid(grantee) as grantee, lower(privilege_type) as what
      from (select relname, relowner, (aclexplode(relacl)).* from pg_class where relnamespace = 'byok'::regnamespace) t where grantee <> relowner
      union all
      select relname, pg_get_userbyid(grantee), lower(privilege_type) || ' of ' || string_agg(attname, ' ' order by attnum)
      from (select relname, relowner, attname, attnum, (aclexplode(attacl)).* from pg_class join pg_attribute on attrelid = pg_class.oid where relnamespace = 'byok'::regnamespace) c
      where grantee <> relowner group by relname, grantee, privilege_type
    ) as given group by "table", grantee order by 1, grantee`);
  const triggers = await read<Described>(client, `
    select relname as "table", regexp_replace(pg_get_triggerdef(t.oid), '^CREATE TRIGGER ', '') as text from pg_trigger t join pg_class on pg_class.oid = tgrelid
    where relnamespace = 'byok'::regnamespace and not tgisinternal order by 1, 2`);
  const functions = await read<{ text: string }>(client, `
    select format('\`%s(%s)\`, as %s: %s', proname, pg_get_function_identity_arguments(oid), case when prosecdef then pg_get_userbyid(proowner) else 'its caller' end, obj_description(oid)) as text
    from pg_proc where pronamespace = 'byok'::regnamespace order by proname`);

  const list = (title: string, all: Described[], table: string): string[] => {
    const own = all.filter((one) => one.table === table);
    return own.length === 0 ? [] : [`${title}:`, ...own.map(({ text }) => `- \`${text}\``), ""];
  };
  const lines = [
    "# The tables",
    "",
    "Made from the live schema by `node tooling/schema-doc/write.ts`; a test fails where it differs. What is written here stands in",
    "`packages/db/src/migrations/`. Everything lies in schema `byok`; graphile-worker's own tables lie in `byok_worker`.",
    "",
    "Role names end in the installation's id, which is left out here: `byok_schema` owns the tables and sees no tenant's row,",
    "`byok_app` serves tenants, `byok_operator` sweeps, `byok_worker` runs jobs. Row security is enabled and forced on every table",
    "that has a policy below, and on every partition.",
    "",
    "## Functions",
    "",
    ...functions.map(({ text }) => `- ${text}`),
    "",
  ];
  for (const { name, comment, partitioned, partitions } of tables) {
    lines.push(`## ${name}`, "", comment ?? "", "");
    if (partitioned !== null) lines.push(`Partitioned by ${partitioned.toLowerCase()}; made with the schema: ${partitions.map((one) => `\`${one}\``).join(", ")}.`, "");
    lines.push("| column | type | required | default |", "|---|---|---|---|");
    for (const column of columns.filter((one) => one.table === name)) {
      lines.push(`| \`${column.name}\` | ${column.type} | ${column.required ? "yes" : ""} | ${column.default === null ? "" : `\`${column.default}\``} |`);
    }
    lines.push("");
    for (const [title, all] of [["Keys and checks", constraints], ["Indexes", indexes], ["Row security", policies], ["Grants", grants], ["Triggers", triggers]] as const) {
      lines.push(...list(title, all, name));
    }
  }
  return withoutId(`${lines.join("\n").trimEnd()}\n`);
}

import { sql } from "kysely";
import type { Database } from "./connect.ts";
import { identifier } from "./quoting.ts";
import { rolesOf } from "./scope.ts";
import { workerSchema } from "./worker-schema.ts";

export interface BackupRole {
  name: string;
  exists: boolean;
  /** For an administrator: only a superuser may make a role that passes by row security. */
  statements: string[];
}

/**
 * The role that backups are made as. Row security is forced on the tables' owner too, so an ordinary dump stops; this role reads
 * everything, writes nothing and cannot log in: a login is let in by `grant … to …`, and dumps with `pg_dump --role=…`.
 */
export async function backupRole(database: Database): Promise<BackupRole> {
  const { id } = database.installation;
  const roles = rolesOf(id);
  const name = `byok_backup_${id}`;
  const role = identifier(name);
  const { rows } = await database.asInstallation((trx) => sql`select from pg_roles where rolname = ${name}`.execute(trx));
  const schemas = `byok, ${workerSchema}`;
  return {
    name,
    exists: rows.length > 0,
    statements: [
      `create role ${role} nologin nosuperuser nocreatedb nocreaterole bypassrls`,
      `grant usage on schema ${schemas} to ${role}`,
      `grant select on all tables in schema ${schemas} to ${role}`,
      `grant select on all sequences in schema ${schemas} to ${role}`,
      `alter default privileges for role ${identifier(roles.schema)} in schema byok grant select on tables to ${role}`,
      `alter default privileges for role ${identifier(roles.worker)} in schema ${workerSchema} grant select on tables to ${role}`,
    ],
  };
}

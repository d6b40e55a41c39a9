/**
 * Numbered migrations, each in a transaction with its number, one after another under an advisory lock: many processes may
 * start at once, and a run that was killed is finished by the next.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import type { Session } from "./connections.ts";
import { identifier, literal } from "./quoting.ts";
import { rolesOf, type Roles } from "./scope.ts";
import { migrateWorkerSchema } from "./worker-schema.ts";

/** Who this installation is. `rootKeyId` is null until the first process with a root key has come. */
export interface Installation {
  id: string;
  rootKeyId: string | null;
  kdfSalt: Uint8Array;
  kdfIterations: number;
  /** Of the schema. */
  version: number;
}

interface Migration {
  version: number;
  /** A file of `migrations/`, or a step in code that can be run again at any point. */
  run: string | ((session: Session, roles: Roles) => Promise<void>);
}

// All expand-only: code of an older version keeps working on the newer schema.
const migrations: readonly Migration[] = [
  { version: 1, run: "0001_tables.sql" },
  { version: 2, run: "0002_row_security.sql" },
  { version: 3, run: "0003_audit.sql" },
  { version: 4, run: "0004_partitions.sql" },
  { version: 5, run: "0005_jobs.sql" },
  { version: 6, run: migrateWorkerSchema },
  { version: 7, run: "0007_custody.sql" },
  { version: 8, run: "0008_key_life.sql" },
  { version: 9, run: "0009_audit.sql" },
];

/** The schema that this code is written for. */
export const schemaVersion = 9;
/** The oldest code that may work on a schema made by this one. */
const minReader = 1;
const kdfIterations = 600_000;

const lockKey = "byok migrations";

export type SchemaState =
  | { kind: "none" }
  /** The schema and its roles are there; no table is yet. */
  | { kind: "empty"; roles: Roles; installationId: string }
  | { kind: "made"; roles: Roles; installation: Installation; minReader: number };

/** What is in the database. Nothing is written. @throws ConfigurationError a schema `byok` of somebody else; roles that this login may not use */
export async function readSchemaState(session: Session): Promise<SchemaState> {
  // From the catalog: the login need not have any right on the schema before it becomes one of its roles.
  const [found] = await session.query(`
    select pg_get_userbyid(n.nspowner) as owner, current_user as login,
      exists (select from pg_class where relnamespace = n.oid and relname = 'installation') as made
    from pg_namespace n where n.nspname = 'byok'`);
  if (!found) return { kind: "none" };
  const installationId = /^byok_schema_(i[0-9a-f]{12})$/.exec(String(found["owner"]))?.[1];
  if (!installationId) {
    throw new ConfigurationError(
      "The database has a schema named byok that byok did not make. Use another database, or rename that schema.",
      { details: { setting: "DATABASE_URL" } },
    );
  }
  const roles = rolesOf(installationId);
  await requireMembership(session, roles, String(found["login"]));
  if (found["made"] !== true) return { kind: "empty", roles, installationId };

  const [row] = await inTransaction(session, async () => {
    await session.query(`set local role ${identifier(roles.schema)}`);
    return session.query("select * from byok.installation");
  });
  if (!row) return { kind: "empty", roles, installationId };
  return {
    kind: "made",
    roles,
    minReader: Number(row["min_reader"]),
    installation: {
      id: String(row["installation_id"]),
      rootKeyId: typeof row["root_key_id"] === "string" ? row["root_key_id"] : null,
      kdfSalt: new Uint8Array(row["kdf_salt"] as Buffer),
      kdfIterations: Number(row["kdf_iterations"]),
      version: Number(row["version"]),
    },
  };
}

/** @throws ConfigurationError the schema is too new for this code */
export function requireReadable(state: SchemaState): void {
  if (state.kind !== "made" || state.minReader <= schemaVersion) return;
  throw new ConfigurationError(
    `The database's schema is version ${state.installation.version} and needs code of version ${state.minReader} or newer; this code is version ${schemaVersion}. ` +
      "Update byok in this process. Nothing was written.",
    { details: { schemaVersion: state.installation.version, codeVersion: schemaVersion } },
  );
}

export const isCurrent = (state: SchemaState): boolean => state.kind === "made" && state.installation.version >= schemaVersion;

/**
 * Creates the schema or brings it up to date. Safe from many processes at once, and to run again after it was killed.
 *
 * @throws ConfigurationError the login may not create roles or schemas (the message has the statements for a DBA); the schema is too new
 */
export async function migrate(session: Session): Promise<void> {
  await session.query(`select pg_advisory_lock(hashtextextended(${literal(lockKey)}, 0))`);
  try {
    let state = await readSchemaState(session);
    requireReadable(state);
    if (state.kind === "none") {
      await prepare(session, `i${randomBytes(6).toString("hex")}`);
      state = await readSchemaState(session);
    }
    if (state.kind === "none") throw new Error("the schema that was just made is not there");
    const done = state.kind === "made" ? state.installation.version : 0;
    for (const migration of migrations) if (migration.version > done) await run(session, migration, state.roles);
  } finally {
    await session.query(`select pg_advisory_unlock(hashtextextended(${literal(lockKey)}, 0))`);
  }
}

async function run(session: Session, { version, run: step }: Migration, roles: Roles): Promise<void> {
  if (typeof step !== "string") await step(session, roles);
  const sql = typeof step === "string" ? await migrationText(step, roles) : undefined;
  await inTransaction(session, async () => {
    const asSchema = `set local role ${identifier(roles.schema)}`;
    await session.query(asSchema);
    if (sql !== undefined) await session.query(sql);
    await session.query(asSchema);
    if (version === 1) {
      const salt = randomBytes(32).toString("hex");
      await session.query(
        `insert into byok.installation (installation_id, kdf_salt, kdf_iterations, version, min_reader)
         values (${literal(installationIdOf(roles))}, '\\x${salt}', ${kdfIterations}, 1, ${minReader})`,
      );
    } else await session.query(`update byok.installation set version = ${version}, min_reader = greatest(min_reader, ${minReader})`);
  });
}

async function migrationText(file: string, roles: Roles): Promise<string> {
  const text = await readFile(new URL(`./migrations/${file}`, import.meta.url), "utf8");
  return text.replaceAll(/\{\{(app|operator|worker|schema)\}\}/g, (_, role: keyof Roles) => identifier(roles[role]));
}

const installationIdOf = (roles: Roles): string => roles.schema.slice("byok_schema_".length);

/** Roles and schemas, in one transaction. What a login without the right to make roles needs a DBA for. */
async function prepare(session: Session, installationId: string): Promise<void> {
  const roles = rolesOf(installationId);
  const [server] = await session.query("select current_setting('server_version_num')::integer as version, current_user as login, rolsuper as super from pg_roles where rolname = current_user");
  const login = String(server?.["login"]);
  const statements = preparation(roles, login, Number(server?.["version"]), server?.["super"] === true);
  try {
    await inTransaction(session, async () => {
      for (const statement of statements) await session.query(statement);
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== "42501") throw error;
    throw new ConfigurationError(
      `The login ${login} may not create roles or schemas in this database. Let an administrator of the database run these statements, then start again:\n${statements.map((one) => `  ${one};`).join("\n")}`,
      { details: { setting: "DATABASE_URL", login, statements } },
    );
  }
}

function preparation(roles: Roles, login: string, serverVersion: number, superuser: boolean): string[] {
  const names = Object.values(roles).map(identifier);
  return [
    ...names.map((name) => `create role ${name} nologin nosuperuser nobypassrls nocreatedb nocreaterole`),
    ...(superuser ? [] : names.map((name) => grantTo(name, login, serverVersion))),
    `create schema byok authorization ${identifier(roles.schema)}`,
    `create schema byok_worker authorization ${identifier(roles.worker)}`,
  ];
}

// The login may become the role, and has none of its rights until then.
const grantTo = (role: string, login: string, serverVersion: number): string =>
  `grant ${role} to ${identifier(login)}${serverVersion >= 160_000 ? " with inherit false, set true" : ""}`;

async function requireMembership(session: Session, roles: Roles, login: string): Promise<void> {
  const [server] = await session.query("select current_setting('server_version_num')::integer as version");
  const version = Number(server?.["version"]);
  const names = Object.values(roles).map(literal).join(", ");
  const missing = await session.query(
    `select name from unnest(array[${names}]) as name
     where not coalesce((select pg_has_role(current_user, oid, '${version >= 160_000 ? "SET" : "MEMBER"}') from pg_roles where rolname = name), false)`,
  );
  if (missing.length === 0) return;
  const statements = missing.map((row) => grantTo(identifier(String(row["name"])), login, version));
  throw new ConfigurationError(
    `The login ${login} may not use the roles of this installation. Let an administrator of the database run these statements, then start again:\n${statements.map((one) => `  ${one};`).join("\n")}`,
    { details: { setting: "DATABASE_URL", login, statements } },
  );
}

async function inTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query("begin");
  try {
    const result = await work();
    await session.query("commit");
    return result;
  } catch (error) {
    await session.query("rollback");
    throw error;
  }
}

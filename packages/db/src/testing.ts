/** Databases for tests: made in milliseconds from a migrated template, one for each test file, gone at its end. */
import { randomBytes } from "node:crypto";
import { connectDatabase } from "./connect.ts";
import { identifier } from "./quoting.ts";

export { startTemporaryPostgres, type TemporaryPostgres } from "./temporary-postgres.ts";

/** What the global set-up of a test run provides: a server, and the template that it migrated once. */
export interface TestServer {
  connectionString: string;
  template: string;
}

declare module "vitest" {
  interface ProvidedContext {
    postgres: TestServer;
  }
}

export interface TestDatabase extends AsyncDisposable {
  /** As a superuser. */
  connectionString: string;
  drop(): Promise<void>;
}

const templateName = "byok_template";

/** Migrates a template on this server. Nobody can connect to it afterwards: a template in use cannot be cloned. */
export async function makeTemplate(connectionString: string): Promise<TestServer> {
  await dropTemplate(connectionString);
  await administer(connectionString, `create database ${templateName}`);
  await using database = connectDatabase({ database: at(connectionString, templateName), poolSize: 1 });
  await database.migrate();
  await database.close();
  await administer(connectionString, `alter database ${templateName} with is_template true allow_connections false`);
  return { connectionString, template: templateName };
}

/** One that an earlier run left on a server that outlives its runs. */
async function dropTemplate(connectionString: string): Promise<void> {
  await administer(connectionString, `update pg_database set datistemplate = false where datname = '${templateName}'`);
  await administer(connectionString, `drop database if exists ${templateName} with (force)`);
}

/** A migrated database of its own; without `server`, on the one of this vitest run. */
export function createTestDatabase(server?: TestServer): Promise<TestDatabase> {
  return create(server, (template) => ` template ${identifier(template)} strategy file_copy`);
}

/** A database with nothing in it. */
export function createEmptyDatabase(server?: TestServer): Promise<TestDatabase> {
  return create(server, () => "");
}

async function create(server: TestServer | undefined, how: (template: string) => string): Promise<TestDatabase> {
  const { connectionString, template } = server ?? (await import("vitest")).inject("postgres");
  const name = `test_${randomBytes(8).toString("hex")}`;
  await administer(connectionString, `create database ${name}${how(template)}`);
  const drop = (): Promise<void> => administer(connectionString, `drop database if exists ${name} with (force)`);
  return { connectionString: at(connectionString, name), drop, [Symbol.asyncDispose]: drop };
}

function at(connectionString: string, database: string): string {
  const url = new URL(connectionString);
  url.pathname = `/${database}`;
  return url.href;
}

async function administer(connectionString: string, statement: string): Promise<void> {
  const { default: driver } = await import("pg");
  const client = new driver.Client({ connectionString });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

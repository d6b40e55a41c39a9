import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startTemporaryPostgres } from "@stack-2025/byok-db/temporary-postgres";
import { connectDatabase } from "@stack-2025/byok-db";
import pg from "pg";
import { describeSchema } from "./describe-schema.ts";

export const documentFile = fileURLToPath(new URL("../../docs/DATABASE_SCHEMA.md", import.meta.url));
export const typesFile = fileURLToPath(new URL("../../packages/db/src/schema.generated.ts", import.meta.url));

const codegen = fileURLToPath(new URL("../node_modules/kysely-codegen/dist/cli/bin.js", import.meta.url));

/** Runs over a database that the migrations have just made, on a server of its own that goes with it. */
export async function withLiveSchema<T>(run: (connectionString: string) => Promise<T>): Promise<T> {
  const server = await startTemporaryPostgres();
  try {
    await using database = connectDatabase({ database: server.connectionString });
    await database.open();
    return await run(server.connectionString);
  } finally {
    await server.stop();
  }
}

/** docs/DATABASE_SCHEMA.md as the live schema has it. */
export async function schemaDocument(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await describeSchema(client);
  } finally {
    await client.end();
  }
}

/** Writes the types of the live tables to `file`; with `verify` it writes nothing, and resolves false where they differ. */
export async function generateTypes(connectionString: string, file: string, { verify = false } = {}): Promise<boolean> {
  const args = [
    codegen, "--dialect", "postgres", "--url", connectionString, "--out-file", file,
    "--default-schema", "byok", "--include-pattern", "byok.*", "--exclude-pattern", "*_default",
  ];
  const child = spawn(process.execPath, verify ? [...args, "--verify"] : args, { stdio: ["ignore", "ignore", "pipe"] });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  await once(child, "close");
  if (!verify && child.exitCode !== 0) throw new Error(`kysely-codegen failed: ${Buffer.concat(said).toString()}`);
  return child.exitCode === 0;
}

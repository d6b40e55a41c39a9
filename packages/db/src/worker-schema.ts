import type pg from "pg";
import type { Session } from "./connections.ts";
import { identifier } from "./quoting.ts";
import type { Roles } from "./scope.ts";

export const workerSchema = "byok_worker";

/**
 * Runs graphile-worker's own migrations as the role that owns its schema and is no superuser. Its bootstrap says
 * `create schema if not exists`, which asks for CREATE on the database even where the schema exists; the table that it
 * looks for first is therefore made here, with its definition, and the bootstrap is passed over.
 */
export async function migrateWorkerSchema(session: Session, roles: Roles): Promise<void> {
  const { Logger, runMigrations } = await import("graphile-worker");
  await session.query(`set role ${identifier(roles.worker)}`);
  try {
    await session.query(`create table if not exists ${workerSchema}.migrations (
      id int primary key, ts timestamptz default now() not null, breaking boolean not null default false)`);
    await runMigrations({ pgPool: onePool(session), schema: workerSchema, logger: new Logger(() => () => {}) });
  } finally {
    await session.query("reset role");
  }
}

/** The parts of a pg pool that graphile-worker's migrations use, over the one session that holds our lock. */
function onePool(session: Session): pg.Pool {
  const client = {
    query: async (statement: string | { text: string; values?: unknown[] }, values?: unknown[]) => {
      const text = typeof statement === "string" ? statement : statement.text;
      const given = values ?? (typeof statement === "string" ? undefined : statement.values);
      return { rows: await session.query(text, given) };
    },
    release: () => {},
  };
  const pool = {
    // It warns about pools without error handlers; this session's owner has them.
    listeners: () => [() => {}],
    connect: async () => client,
    options: { max: 1 },
  };
  return pool as unknown as pg.Pool;
}

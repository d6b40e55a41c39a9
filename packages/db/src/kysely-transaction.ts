import {
  CompiledQuery, DefaultQueryExecutor, PostgresAdapter, PostgresDialect, PostgresQueryCompiler, Transaction,
  type DatabaseConnection, type Driver, type QueryResult,
} from "kysely";
import type { DB } from "./schema.generated.ts";

// Kysely's own transaction() would take a connection of its own and begin without our settings: a transaction made by
// hand runs on the connection that we have already opened and set. What it never asks for says so if it ever is.
const unreachable = (): never => {
  throw new Error("a transaction of byok uses the one connection that it was made with");
};
const dialect = new PostgresDialect({ pool: unreachable as () => Promise<never> });
const driver: Driver = {
  init: async () => {},
  acquireConnection: unreachable,
  beginTransaction: unreachable,
  commitTransaction: unreachable,
  rollbackTransaction: unreachable,
  releaseConnection: unreachable,
  destroy: unreachable,
};
const compiler = new PostgresQueryCompiler();
const adapter = new PostgresAdapter();

export interface StatementResult {
  command: string | null;
  rowCount: number | null;
  rows: unknown[];
}

/** A Kysely transaction over one connection that is inside a transaction already; begin and end are the caller's. */
export function transactionOver(run: (text: string, values: readonly unknown[]) => Promise<StatementResult>): Transaction<DB> {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const { command, rowCount, rows } = await run(query.sql, query.parameters);
      const writes = command === "INSERT" || command === "UPDATE" || command === "DELETE" || command === "MERGE";
      return { rows: rows as R[], ...(writes && { numAffectedRows: BigInt(rowCount ?? 0) }) };
    },
    streamQuery: unreachable,
  };
  const executor = new DefaultQueryExecutor(compiler, adapter, { provideConnection: (consumer) => consumer(connection) });
  return new Transaction<DB>({ config: { dialect }, driver, dialect, executor });
}

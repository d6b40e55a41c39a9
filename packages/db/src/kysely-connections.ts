import { CompiledQuery, type Kysely, type Transaction } from "kysely";
import type { Connections, Row, RoundTrips, Session } from "./connections.ts";
import { translateFailure } from "./failures.ts";
import { transactionOver, type StatementResult } from "./kysely-transaction.ts";
import { readInTransaction } from "./read-in-transaction.ts";
import type { DB } from "./schema.generated.ts";
import { settingStatement, type Settings } from "./scope.ts";

/** Connections of a caller's Kysely. Its plugins do not apply: they may rename our columns. */
export class KyselyConnections implements Connections {
  readonly #kysely: Kysely<DB>;
  readonly #roundTrips: RoundTrips;

  constructor(kysely: Kysely<DB>, roundTrips: RoundTrips) {
    this.#kysely = kysely.withoutPlugins();
    this.#roundTrips = roundTrips;
  }

  async transaction<T>(settings: Settings, run: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
    let committing = false;
    try {
      return await this.#kysely.transaction().execute(async (trx) => {
        this.#roundTrips.count += 1;
        const statement = async (text: string, values: readonly unknown[]): Promise<StatementResult> => {
          this.#roundTrips.count += 1;
          try {
            const { rows, numAffectedRows } = await trx.executeQuery(CompiledQuery.raw(text, [...values]));
            // Kysely reports affected rows for writes alone; the command's own name is lost, any write's will do.
            return { rows, command: numAffectedRows === undefined ? "SELECT" : "UPDATE", rowCount: Number(numAffectedRows ?? 0) };
          } catch (error) {
            throw translateFailure(error);
          }
        };
        const scope = settingStatement(settings);
        await statement(scope.text, scope.values);
        const result = await run(transactionOver(statement));
        committing = true;
        this.#roundTrips.count += 1;
        return result;
      });
    } catch (error) {
      throw translateFailure(error, { commitUnknown: committing });
    }
  }

  read(statements: Parameters<Connections["read"]>[0]): Promise<Row[]> {
    return readInTransaction(this, statements);
  }

  async session<T>(run: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#kysely.connection().execute((connection) =>
        run({
          query: async (text, values) => {
            this.#roundTrips.count += 1;
            return (await connection.executeQuery<Row>(CompiledQuery.raw(text, [...(values ?? [])]))).rows;
          },
        }),
      );
    } catch (error) {
      throw translateFailure(error);
    }
  }

  async close(): Promise<void> {}
}

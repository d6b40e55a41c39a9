import type { Transaction } from "kysely";
import type pg from "pg";
import { transactionOver, type StatementResult } from "./kysely-transaction.ts";
import type { Connections, NamedStatement, RoundTrips, Row, Session } from "./connections.ts";
import { DatabaseUnavailableError, isConnectionLoss, translateFailure } from "./failures.ts";
import { canPipeline, PipelinedRead } from "./pipelined-read.ts";
import { literal } from "./quoting.ts";
import { readInTransaction } from "./read-in-transaction.ts";
import type { DB } from "./schema.generated.ts";
import { settingStatement, type Settings } from "./scope.ts";

/** A caller waits this long for a connection when all are taken, then is told to come again. */
const longestWaitMs = 2_000;
// Migrations may take longer than any statement of a transaction.
const patient = { query_timeout: 3_600_000 };

/** Connections out of a pg pool, ours or a caller's. */
export class PoolConnections implements Connections {
  readonly #open: () => Promise<pg.Pool>;
  readonly #ours: boolean;
  readonly #roundTrips: RoundTrips;
  #pool: Promise<pg.Pool> | undefined;
  #closing: Promise<void> | undefined;

  constructor(open: () => Promise<pg.Pool>, options: { ours: boolean; roundTrips: RoundTrips }) {
    this.#open = open;
    this.#ours = options.ours;
    this.#roundTrips = options.roundTrips;
  }

  pool(): Promise<pg.Pool> {
    this.#pool ??= this.#open().then((pool) => {
      // pg's pool stops listening when it hands a connection out, a few ticks before we begin: one that is ended right
      // after it opened would end the process in between. The next query on it fails, which is how we learn of it.
      pool.on("connect", (client) => client.on("error", () => {}));
      return pool;
    });
    return this.#pool;
  }

  async transaction<T>(settings: Settings, run: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      const now: { state: "open" | "over" | "broken" } = { state: "open" };
      const send = async (text: string, values?: readonly unknown[]): Promise<StatementResult> => {
        if (now.state !== "open") throw new Error("this transaction is over: await every statement inside it");
        this.#roundTrips.count += 1;
        try {
          return lastResult(await client.query(text, values as unknown[] | undefined));
        } catch (error) {
          if (isConnectionLoss(error)) now.state = "broken";
          throw text === "commit" ? translateFailure(error, { commitUnknown: true }) : translateFailure(error);
        }
      };
      try {
        // One round trip: the names and values are ours, checked where the scope was made, and quoted here.
        const calls = settings.map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, true)`);
        await send(`begin; select ${calls.join(", ")}`);
        const result = await run(transactionOver(send));
        const { command } = await send("commit");
        now.state = "over";
        // PostgreSQL answers COMMIT with ROLLBACK where a statement had failed and its error was swallowed.
        if (command === "ROLLBACK") throw new Error("a statement of this transaction failed and its error was not passed on: nothing was written");
        return result;
      } catch (error) {
        // A failed ROLLBACK leaves a connection of which nobody knows what it is in the middle of.
        if (now.state === "open") await send("rollback").catch(() => (now.state = "broken"));
        const failure = translateFailure(error);
        if (now.state === "broken") throw new UnusableConnection(failure);
        now.state = "over";
        throw failure;
      }
    });
  }

  async read(statements: { settings: Settings; before?: NamedStatement; read: NamedStatement }): Promise<Row[]> {
    const rows = await this.#withClient(async (client) => {
      if (!canPipeline(client)) return undefined;
      try {
        return await this.#pipeline(client, statements);
      } catch (error) {
        // The statement was parsed once and is gone (DISCARD ALL by the pool's owner): nothing was read, parse it again.
        if ((error as { code?: unknown }).code === "26000") return await this.#pipeline(client, statements);
        throw error;
      }
    });
    return rows ?? readInTransaction(this, statements);
  }

  #pipeline(client: pg.PoolClient, { settings, before, read }: Parameters<Connections["read"]>[0]): Promise<Row[]> {
    this.#roundTrips.count += 1;
    const scope = { name: `byok_scope_${settings.length}`, ...settingStatement(settings) };
    return PipelinedRead.run(client, before ? [scope, before] : [scope], read);
  }

  session<T>(run: (session: Session) => Promise<T>): Promise<T> {
    return this.#withClient(
      (client) =>
        run({
          query: async (text, values) => {
            this.#roundTrips.count += 1;
            const config = { text, ...patient, ...(values && { values: [...values] }) };
            return lastResult(await client.query(config)).rows as Row[];
          },
        }),
      { keepAfterFailure: false },
    );
  }

  /** Twice is once. */
  async close(): Promise<void> {
    if (!this.#ours || !this.#pool) return;
    this.#closing ??= this.#pool.then((pool) => pool.end());
    await this.#closing;
  }

  /** `keepAfterFailure: false`: a session's settings may have changed, so after a failure it is thrown away. */
  async #withClient<T>(run: (client: pg.PoolClient) => Promise<T>, options = { keepAfterFailure: true }): Promise<T> {
    const client = await this.#acquire();
    let broken: Error | undefined;
    // A connection that dies while we hold it emits `error`; without a listener that would end the process.
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on("error", onError);
    try {
      return await run(client);
    } catch (error) {
      const unusable = error instanceof UnusableConnection;
      const failure = unusable ? error.failure : translateFailure(error);
      if (unusable || isConnectionLoss(error) || !options.keepAfterFailure) broken ??= failure;
      throw failure;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  async #acquire(): Promise<pg.PoolClient> {
    const pool = await this.pool();
    // No further connection will be opened for us. (An idle one may have been promised to somebody in this very tick.)
    const mustWait = pool.totalCount >= (pool.options.max ?? 10);
    const connecting = pool.connect();
    try {
      return await (mustWait ? withinWait(connecting) : connecting);
    } catch (error) {
      throw translateFailure(error);
    }
  }
}

/** The connection must not go back to the pool; `failure` is what the caller is told. */
class UnusableConnection extends Error {
  readonly failure: Error;
  constructor(failure: Error) {
    super("the connection is of no more use");
    this.failure = failure;
  }
}

/** pg answers several statements in one text with a list of results. */
function lastResult(result: StatementResult | StatementResult[]): StatementResult {
  return Array.isArray(result) ? (result.at(-1) as StatementResult) : result;
}

async function withinWait(connecting: Promise<pg.PoolClient>): Promise<pg.PoolClient> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new DatabaseUnavailableError(`all connections were taken for ${longestWaitMs} ms; try again, or raise poolSize`, { reason: "pool_exhausted" }));
    // What comes too late goes straight back; a failure to connect was already told.
    connecting.then((client) => client.release()).catch(() => undefined);
  }, longestWaitMs);
  try {
    return await Promise.race([connecting, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

import { ConfigurationError } from "@stack-2025/byok-crypto";
import type { Kysely, Transaction } from "kysely";
import type pg from "pg";
import { RoundTrips, type Connections, type NamedStatement } from "./connections.ts";
import { isConnectionLoss } from "./failures.ts";
import { KyselyConnections } from "./kysely-connections.ts";
import { listen, type Listener } from "./listen.ts";
import { isCurrent, migrate, readSchemaState, requireReadable, schemaVersion, type Installation } from "./migrate.ts";
import { PoolConnections } from "./pool-connections.ts";
import type { DB } from "./schema.generated.ts";
import { operatorSettings, rolesOf, schemaSettings, tenantSettings, type Roles, type TenantScope } from "./scope.ts";

type InstallationTable = "installation" | "root_keys" | "installation_keys" | "processes" | "partitions";
type SweptTable = "owners" | "audit_events" | "keys" | "key_versions" | "usage_hourly" | "changes" | "limit_counters" | "usage_receipts";

/** Every table with a tenant's rows. */
export type TenantTables = Omit<DB, InstallationTable>;
export type InstallationTables = Pick<DB, InstallationTable>;
/** What sweeps look at; of most tables only ids and due times, see the grants. */
export type OperatorTables = Pick<DB, SweptTable>;

export type TenantTransaction = Transaction<TenantTables>;
export type InstallationTransaction = Transaction<InstallationTables>;
export type OperatorTransaction = Transaction<OperatorTables>;

/** A caller's Kysely, of whatever tables. Told by its shape, so that another copy of the package will do. */
export interface AnyKysely {
  readonly isTransaction: boolean;
  withoutPlugins(): unknown;
  transaction(): unknown;
  connection(): unknown;
}

/** A connection string, a pg pool or a Kysely over PostgreSQL. */
export type DatabaseSource = string | pg.Pool | AnyKysely;

export interface ConnectOptions {
  database: DatabaseSource;
  /** Shown in `pg_stat_activity`. Default `byok`. */
  applicationName?: string;
  /** Connections of a pool of ours. Default 10. */
  poolSize?: number;
  /** Told of errors of idle connections; they are replaced without it. */
  onError?: (error: Error) => void;
}

/** Nothing is connected yet: `open` is the first to speak to the database. */
export function connectDatabase(options: ConnectOptions): Database {
  return new Database(options);
}

/** A read that travels in one round trip; see `Database.read`. */
export interface ReadQuery extends NamedStatement {
  /** A statement that runs under the scope given and sets `byok.owners` to a wider one, before the read (`widenToUser`). */
  widen?: NamedStatement;
}

/**
 * The database of one installation. Every statement about a tenant's rows runs in a scope (`inTenant`, `read`); sweeps over
 * all owners (`asOperator`) and the installation's own tables (`asInstallation`) have a role of their own each.
 */
export class Database implements AsyncDisposable {
  readonly #connections: Connections;
  readonly #source: DatabaseSource;
  readonly #counter = new RoundTrips();
  readonly #options: ConnectOptions;
  readonly #listeners = new Set<Listener>();
  #opening: Promise<Installation> | undefined;
  #installation: Installation | undefined;
  #roles: Roles | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#source = options.database;
    this.#connections = isKysely(options.database)
      ? new KyselyConnections(options.database as unknown as Kysely<DB>, this.#counter)
      : new PoolConnections(() => poolOf(options), { ours: typeof options.database === "string", roundTrips: this.#counter });
  }

  /**
   * Who this installation is, from the database; remembered after the first success.
   *
   * @param options.autoMigrate create or upgrade the schema where it is missing or older; default true
   * @throws ConfigurationError the database cannot be reached; its schema is missing or older and autoMigrate is off, or is too new
   */
  open(options: { autoMigrate?: boolean } = {}): Promise<Installation> {
    this.#opening ??= this.#open(options.autoMigrate ?? true).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(autoMigrate: boolean): Promise<Installation> {
    const state = await this.#reachable(() => this.#connections.session((session) => readSchemaState(session)));
    requireReadable(state);
    if (isCurrent(state) && state.kind === "made") return this.#opened(state.installation);
    if (!autoMigrate) {
      const found = state.kind === "made" ? `is version ${state.installation.version}, this code needs ${schemaVersion}` : "is missing";
      throw new ConfigurationError(`The database's schema ${found}. Run \`byok migrate\` with this DATABASE_URL, then start again.`, {
        details: { setting: "autoMigrate", schemaVersion: state.kind === "made" ? state.installation.version : 0, codeVersion: schemaVersion },
      });
    }
    await this.migrate();
    const made = await this.#connections.session((session) => readSchemaState(session));
    if (made.kind !== "made") throw new Error("the schema that was just made is not there");
    return this.#opened(made.installation);
  }

  #opened(installation: Installation): Installation {
    this.#installation = installation;
    this.#roles = rolesOf(installation.id);
    return installation;
  }

  /**
   * Creates the schema or upgrades it, under an advisory lock. Needs a direct connection: not one through a pooler in
   * transaction mode.
   *
   * @throws ConfigurationError see `migrate.ts`
   */
  migrate(): Promise<void> {
    return this.#reachable(() => this.#connections.session((session) => migrate(session)));
  }

  /** As `open` found it. @throws Error before `open` has succeeded */
  get installation(): Installation {
    if (!this.#installation) throw new Error("the database is not open yet: await open() first");
    return this.#installation;
  }

  get #rolesOnceOpen(): Roles {
    if (!this.#roles) throw new Error("the database is not open yet: await open() first");
    return this.#roles;
  }

  /**
   * A transaction that sees and writes the rows of these owners alone. Commits when `run` resolves, else rolls back. Tables
   * may be named with or without their schema.
   *
   * @throws ConstraintViolation · DatabaseUnavailableError · DatabaseError · whatever `run` throws
   */
  async inTenant<T>(scope: TenantScope, run: (trx: TenantTransaction) => Promise<T>): Promise<T> {
    return this.#connections.transaction(tenantSettings(this.#rolesOnceOpen, scope), (trx) => run(trx as unknown as TenantTransaction));
  }

  /** A transaction that sweeps over all owners, and sees ids and due times alone. */
  async asOperator<T>(run: (trx: OperatorTransaction) => Promise<T>): Promise<T> {
    return this.#connections.transaction(operatorSettings(this.#rolesOnceOpen), (trx) => run(trx as unknown as OperatorTransaction));
  }

  /** A transaction on the installation's own tables, as their owner: row security shuts it out of every tenant's rows. */
  async asInstallation<T>(run: (trx: InstallationTransaction) => Promise<T>): Promise<T> {
    return this.#connections.transaction(schemaSettings(this.#rolesOnceOpen), (trx) => run(trx as unknown as InstallationTransaction));
  }

  /**
   * Rows of a query under a scope, in one round trip. `name` stands for `text` on every connection: one text, one name.
   * Over a caller's Kysely it takes a transaction of several round trips; the rows are the same.
   */
  async read<R>(scope: TenantScope, query: ReadQuery): Promise<R[]> {
    const { widen, name, text, values } = query;
    const statements = { settings: tenantSettings(this.#rolesOnceOpen, scope), read: { name, text, values } };
    return (await this.#connections.read(widen ? { ...statements, before: widen } : statements)) as R[];
  }

  /**
   * Listens on a connection of its own, which is replaced with growing, jittered pauses when it is lost. `onState` hears
   * when it is up and when it is down: what was told meanwhile is lost. Over a caller's Kysely it is down for good.
   */
  async listen(channel: string, onPayload: (payload: string) => void, onState: (up: boolean) => void = () => {}): Promise<{ close(): Promise<void> }> {
    if (!(this.#connections instanceof PoolConnections)) {
      onState(false);
      return { close: async () => {} };
    }
    const listener = await listen({ connect: async () => this.dedicatedPool({ max: 1 }), channel, onPayload, onState });
    this.#listeners.add(listener);
    return {
      close: async () => {
        this.#listeners.delete(listener);
        await listener.close();
      },
    };
  }

  /** The database's clock. */
  async now(): Promise<Date> {
    const [row] = await this.#connections.session((session) => session.query("select clock_timestamp() as now"));
    return row?.["now"] as Date;
  }

  /** Round trips from this process to the server so far; for tests. */
  get roundTrips(): number {
    return this.#counter.count;
  }

  /**
   * A further pool to the same database, which its maker ends: for the job queue and for listening.
   *
   * @param options.role the connections' role; the login's own where it is left out
   * @throws ConfigurationError the source is a Kysely, which does not say where it connects to
   */
  async dedicatedPool(options: { max: number; role?: (roles: Roles) => string }): Promise<pg.Pool> {
    const { default: driver } = await import("pg");
    const config = driverConfig(this.#source, this.#options);
    const role = options.role?.(this.#rolesOnceOpen);
    const pool = new driver.Pool({ ...config, max: options.max, ...(role !== undefined && { options: `-c role=${role}` }) });
    pool.on("error", (error) => this.#options.onError?.(error));
    return pool;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    this.#listeners.clear();
    await this.#connections.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** At start a database that cannot be reached is a matter of configuration, and the message says which setting. */
  async #reachable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const login = (error as { sqlState?: unknown }).sqlState;
      if (!isConnectionLoss(error) && !(typeof login === "string" && /^(?:28|3D)/.test(login))) throw error;
      throw new ConfigurationError(
        `The database ${masked(this.#source)} cannot be used: ${(error as Error).message.replace(/; try again$/, "")}. ` +
          "Check that PostgreSQL runs there and set DATABASE_URL (option `database`), for example postgres://user:password@localhost:5432/byok.",
        { details: { setting: "DATABASE_URL" } },
      );
    }
  }
}

function isKysely(source: DatabaseSource): source is AnyKysely {
  return typeof source === "object" && "isTransaction" in source && typeof source.withoutPlugins === "function";
}

async function poolOf(options: ConnectOptions): Promise<pg.Pool> {
  if (typeof options.database !== "string") return options.database as pg.Pool;
  const { default: driver } = await import("pg");
  // A program that has nothing left to do ends: connections that lie idle do not hold it.
  const pool = new driver.Pool({ ...driverConfig(options.database, options), max: options.poolSize ?? 10, allowExitOnIdle: true });
  // An idle connection that dies emits here; without a listener it would end the process.
  pool.on("error", (error) => options.onError?.(error));
  return pool;
}

/** How to connect, for pools of ours. The client gives up on a silent server some seconds after the server would on a statement. */
function driverConfig(source: DatabaseSource, options: ConnectOptions): pg.PoolConfig {
  if (isKysely(source)) {
    throw new ConfigurationError("This needs connections of its own: give the option `database` as a connection string or a pg Pool, not as a Kysely.", {
      details: { setting: "database" },
    });
  }
  const ours = { application_name: options.applicationName ?? "byok", connectionTimeoutMillis: 10_000, query_timeout: 20_000, keepAlive: true };
  if (typeof source === "string") return { connectionString: source, ...ours };
  // pg hides the password of a pool's options from enumeration; these are copied by name.
  const { connectionString, host, port, user, database, ssl, password } = source.options;
  const given = { connectionString, host, port, user, database, ssl, password };
  return { ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as pg.PoolConfig), ...ours };
}

/** Where the source points, without its password. */
function masked(source: DatabaseSource): string {
  if (typeof source !== "string") return isKysely(source) ? "of the given Kysely" : "of the given pool";
  try {
    const url = new URL(source);
    const user = url.username ? `${url.username}${url.password ? ":***" : ""}@` : "";
    return `${url.protocol}//${user}${url.host}${url.pathname}`;
  } catch {
    return "of the given connection string (which is no URL)";
  }
}

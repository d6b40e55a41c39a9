import { setTimeout as pause } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Pool } from "pg";
import { ConfigurationError, type RootKey } from "@stack-2025/byok-crypto";
import { connectDatabase, type Database } from "@stack-2025/byok-db";
import { providerTypes, type KeyData, type ProviderType } from "@stack-2025/byok-providers";
import { authenticate } from "./access/service-token.ts";
import { Openings } from "./audit/openings.ts";
import { Refusals } from "./audit/refusals.ts";
import type { BYOK, Logger, Principal } from "./byok.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { Core } from "./core.ts";
import { openKeyring } from "./custody/keyring.ts";
import { ProbePace } from "./keys/probe-pace.ts";
import { announceUnreadable } from "./keys/unreadable.ts";
import { createLimiter } from "./limits/limiter.ts";
import { publicError } from "./public-error.ts";
import { rememberingOwnerRef } from "./owners.ts";
import { silentLogger } from "./silent-logger.ts";
import type { Access, Scope } from "./scope.ts";
import { createLedger } from "./usage/ledger.ts";
import { AccessTokens } from "./use/access-tokens.ts";
import { ChangeFeed } from "./use/changes.ts";
import { Parked } from "./use/parked.ts";
import { Resolver } from "./use/resolve.ts";
import { createTransport } from "./use/transport.ts";
import { View } from "./view.ts";

export interface ManagerOptions {
  /** A passphrase of at least 16 characters, 32 bytes (`Uint8Array`, `base64:…`, `hex:…`), or a `RootKey` of a KMS. */
  encryptionKey: string | Uint8Array | RootKey | undefined;
  /** During a root rotation: opens with all of them; wraps with the one that the installation names. */
  previousEncryptionKeys?: (string | Uint8Array | RootKey)[] | undefined;
  /** A connection string, or your own pool or Kysely, which is never ended or reconfigured. PostgreSQL 15 or newer. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a Kysely of any schema will do; ours is its own
  database: string | Pool | Kysely<any>;
  /** Defaults at the end of every chain, after those stored for `{ system: true }`. */
  systemKeys?: Partial<Record<ProviderType, KeyData>> | undefined;
  /** Regional, self-hosted or test endpoints: the provider's origin, without the version segment. */
  providers?: Partial<Record<ProviderType, { baseUrl?: string | undefined }>> | undefined;
  /** Resolved keys held in this process; default 30 s and 10,000 owners. */
  cache?: false | { ttlMs?: number | undefined; max?: number | undefined } | undefined;
  /** pino-shaped; never receives a secret. */
  logger?: Logger | undefined;
  /** Where the service is reached. */
  publicUrl?: string | undefined;
  allowPrivateUrls?: boolean | undefined;
  /** Default true: the first use creates an empty schema, or applies steps that older code can live with. */
  autoMigrate?: boolean | undefined;
}

/** The parts of a manager, for our own apps: see `coreOf`. */
const cores = new WeakMap<BYOKManager, () => Promise<Core>>();

/**
 * Bring your own keys, in-process, over a PostgreSQL database. The bare manager is for trusted server code; `as(…)` is
 * the same interface, confined to what a principal may see and do.
 */
export class BYOKManager extends View implements BYOK, AsyncDisposable {
  readonly #options: ManagerOptions;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #core: Promise<OpenCore> | undefined;
  #opened: OpenCore | undefined;
  #scope: Scope | undefined;
  #closed = false;

  /** Connects to nothing yet. @throws ConfigurationError an option is missing or malformed */
  constructor(options: ManagerOptions) {
    super();
    if (typeof options !== "object" || options === null) throw new ConfigurationError("BYOKManager takes an object of options: encryptionKey and database at least.");
    if (options.encryptionKey === undefined || options.encryptionKey === "") {
      throw new ConfigurationError(
        "encryptionKey is missing (is BYOK_ENCRYPTION_KEY set?); give 32 random bytes as base64:… or hex:…, or a passphrase of at least 16 characters.",
        { details: { setting: "BYOK_ENCRYPTION_KEY" } },
      );
    }
    if (!options.database) {
      throw new ConfigurationError("database is missing (is DATABASE_URL set?); give a connection string, a pg.Pool or a Kysely.", { details: { setting: "DATABASE_URL" } });
    }
    requireBaseUrls(options.providers ?? {});
    this.#options = options;
    this.#clock = systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#database = connectDatabase({ database: options.database, applicationName: "byok", onError: () => this.#logger.warn({ code: "DATABASE_UNAVAILABLE" }, "a database connection was lost") });
    cores.set(this, () => this.#open());
  }

  /** Creates or upgrades the schema. Safe to run from many processes at once. */
  async migrate(): Promise<void> {
    await this.#database.migrate();
  }

  /** The same interface, confined to what this principal may see and do. */
  as(principal: Principal): BYOK {
    return new ConfinedView(() => this.#open(), principal);
  }

  /** Usage events that are held in memory only. */
  get usageAtRisk(): number {
    return this.#opened?.core.ledger.atRisk ?? 0;
  }

  /** Writes what was acknowledged, ends the background work, and lets the database go. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const opened = await this.#core?.catch(() => undefined);
    await opened?.close();
    await this.#database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected async scope(): Promise<Scope> {
    if (this.#scope) return this.#scope;
    const core = await this.#open();
    return (this.#scope = { core, access: { kind: "trusted" }, actor: "manager" });
  }

  async #open(): Promise<Core> {
    if (this.#closed) throw new ConfigurationError("This BYOKManager was closed; make a new one.");
    if (this.#opened) return this.#opened.core;
    // A start that failed is tried again at the next call: the database may be back, the schema upgraded.
    this.#core ??= openCore(this.#options, this.#database, this.#clock, this.#logger).catch((error: unknown) => {
      this.#core = undefined;
      throw error;
    });
    this.#opened = await this.#core;
    return this.#opened.core;
  }

  toJSON(): object {
    return { name: "BYOKManager" };
  }

  override toString(): string {
    return "[BYOKManager]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[BYOKManager]";
  }
}

class ConfinedView extends View {
  readonly #open: () => Promise<Core>;
  readonly #principal: Principal;

  constructor(open: () => Promise<Core>, principal: Principal) {
    super();
    this.#open = open;
    this.#principal = principal;
  }

  protected async scope(): Promise<Scope> {
    return scopeOf(await this.#open(), this.#principal);
  }

  toJSON(): object {
    return { name: "BYOK" };
  }
}

async function scopeOf(core: Core, principal: Principal): Promise<Scope> {
  if ("serviceToken" in principal) {
    const access = await authenticate(core, principal.serviceToken);
    return { core, access, actor: `token:${access.tokenId}` };
  }
  const access: Access =
    "userId" in principal
      ? { kind: "user", userId: principal.userId, organizationIds: principal.organizationIds }
      : { kind: "organization", organizationId: principal.organizationId, role: principal.role };
  return { core, access, actor: access.kind === "user" ? `user:${access.userId}` : `organization:${access.organizationId}` };
}

/** The parts of a manager, opened. For our own apps. */
export function coreOf(manager: BYOKManager): Promise<Core> {
  const open = cores.get(manager);
  if (!open) throw new TypeError("this is no BYOKManager of this copy of the package");
  return open();
}

/** Who acts, as a scope. For our own apps. @throws PermissionDeniedError an unknown, expired or revoked service token */
export async function scopeFor(manager: BYOKManager, principal: Principal): Promise<Scope> {
  return scopeOf(await coreOf(manager), principal);
}

/**
 * Whether calls can be served now: the database answers, the schema is there, the root key is the right one.
 *
 * @throws ConfigurationError what is set up wrongly, and how to mend it
 * @throws ProviderUnavailableError the database cannot be reached just now
 */
export async function requireReady(manager: BYOKManager): Promise<void> {
  try {
    await (await coreOf(manager)).database.now();
  } catch (error) {
    throw publicError(error);
  }
}

interface OpenCore {
  core: Core;
  close(): Promise<void>;
}

/** For calls and probes that are under way when the manager is closed. */
const longestCloseMs = 5_000;
const defaultTtlMs = 30_000;
const defaultOwners = 10_000;

async function openCore(options: ManagerOptions, database: Database, clock: Clock, logger: Logger): Promise<OpenCore> {
  await database.open({ autoMigrate: options.autoMigrate ?? true });
  const keyring = await openKeyring(database, options.encryptionKey, options.previousEncryptionKeys ?? []);
  const cache = options.cache === false ? (false as const) : { ttlMs: options.cache?.ttlMs ?? defaultTtlMs, max: options.cache?.max ?? defaultOwners };
  const resolver = new Resolver({
    database, keyring, clock, cache,
    systemKeys: options.systemKeys ?? {},
    baseUrl: (provider) => options.providers?.[provider]?.baseUrl,
    onUnreadable: (key) => announceUnreadable(core, key),
  });
  const ledger = createLedger({ database, clock, logger });
  const limiter = createLimiter({ database, clock, logger });
  const transport = createTransport();
  const accessTokens = new AccessTokens();
  const feed = new ChangeFeed(database, (ownerId) => resolver.drop(ownerId), logger);
  await feed.start();

  const work = new Set<Promise<unknown>>();
  const parts: Omit<Core, "openings" | "refusals"> = {
    database, keyring, resolver, limiter, ledger, transport, clock, logger,
    parked: new Parked(),
    probePace: new ProbePace(),
    allowPrivateUrls: options.allowPrivateUrls ?? false,
    accessTokens,
    ownerRef: rememberingOwnerRef(database.installation.id),
    baseUrl: (provider) => options.providers?.[provider]?.baseUrl,
    background(promise) {
      const quiet = promise
        .catch((error: unknown) => logger.error({ error: error instanceof Error ? error.name : "unknown" }, "background work failed"))
        .finally(() => work.delete(quiet));
      work.add(quiet);
    },
  };
  const core: Core = { ...parts, openings: new Openings(parts), refusals: new Refusals(parts) };
  return {
    core,
    async close() {
      await feed.close();
      core.refusals.close();
      // With the database away some of the work waits for the ledger, which gives up in its own time and ends it.
      await Promise.race([Promise.all(work), pause(longestCloseMs, undefined, { ref: false })]);
      await ledger.close();
      await Promise.all(work);
      await transport.close();
      resolver.clear();
      accessTokens.clear();
      keyring.close();
    },
  };
}

function requireBaseUrls(providers: NonNullable<ManagerOptions["providers"]>): void {
  for (const [name, { baseUrl } = {}] of Object.entries(providers)) {
    if (!providerTypes.includes(name as ProviderType)) {
      throw new ConfigurationError(`providers.${name} is no provider; the known ones are ${providerTypes.join(", ")}.`);
    }
    if (baseUrl === undefined) continue;
    const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
      throw new ConfigurationError(`providers.${name}.baseUrl must be an http or https address without credentials, query or fragment, such as https://api.example.com.`);
    }
  }
}

import type { Database, TenantTransaction } from "@stack-2025/byok-db";
import type { Logger } from "../byok.ts";

const channel = "byok_changes";
const pollMs = 500;

/**
 * Tells every process that something about these owners changed: their keys, members or policies. Part of the change's
 * own transaction. The row is what counts; the notification only brings the news sooner.
 */
export async function markChanged(trx: TenantTransaction, ownerIds: readonly string[]): Promise<void> {
  for (const ownerId of ownerIds) {
    await trx.insertInto("changes").values({ owner_id: ownerId }).onConflict((same) => same.doNothing()).execute();
    await trx.selectNoFrom((eb) => eb.fn("pg_notify", [eb.val(channel), eb.val(ownerId)]).as("told")).execute();
  }
}

/**
 * Follows the log of changes. A row is read again as long as a transaction that was open at the last look could still
 * commit behind it: the next look begins at that snapshot's xmin, so that a slow commit is not missed.
 */
export class ChangeFeed {
  readonly #database: Database;
  readonly #onChange: (ownerId: string) => void;
  readonly #logger: Logger;
  #seen = new Set<string>();
  #xmin: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #listener: { close(): Promise<void> } | undefined;
  #polling: Promise<void> | undefined;
  #away = false;
  #closed = false;

  constructor(database: Database, onChange: (ownerId: string) => void, logger: Logger) {
    this.#database = database;
    this.#onChange = onChange;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    await this.#poll();
    this.#schedule();
    this.#listener = await this.#database.listen(channel, this.#onChange, (up) => {
      this.#logger.debug({ up }, "change listener");
      if (up) void this.#pollQuietly();
    });
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.#pollQuietly().then(() => this.#schedule());
    }, pollMs);
    this.#timer.unref();
  }

  async #pollQuietly(): Promise<void> {
    this.#polling ??= this.#poll().finally(() => (this.#polling = undefined));
    try {
      await this.#polling;
      if (this.#away) this.#logger.info({}, "the log of changes can be read again");
      this.#away = false;
    } catch {
      // The database is away. Entries age out by themselves; the next look begins where this one would have. Said once:
      // at two looks a second an outage would fill the log.
      if (!this.#away) this.#logger.warn({ code: "DATABASE_UNAVAILABLE" }, "the log of changes cannot be read");
      this.#away = true;
    }
  }

  async #poll(): Promise<void> {
    const from = this.#xmin;
    const { rows, xmin } = await this.#database.asOperator(async (trx) => {
      const snapshot = await trx
        .selectNoFrom((eb) => eb.cast<string>(eb.fn("pg_snapshot_xmin", [eb.fn("pg_current_snapshot", [])]), "text").as("xmin"))
        .executeTakeFirstOrThrow();
      const found = from === null ? [] : await trx.selectFrom("changes").select(["xid", "owner_id"]).where("xid", ">=", from).execute();
      return { rows: found, xmin: snapshot.xmin };
    });
    const seen = new Set<string>();
    for (const row of rows) {
      const name = `${row.xid}:${row.owner_id}`;
      seen.add(name);
      if (!this.#seen.has(name)) this.#onChange(row.owner_id);
    }
    this.#seen = seen;
    this.#xmin = xmin;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#listener?.close();
    await this.#polling?.catch(() => undefined);
  }
}

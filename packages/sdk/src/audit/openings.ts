import { LRUCache } from "lru-cache";
import type { Core } from "../core.ts";
import { appendAll } from "./append.ts";

/** A key version that is about to be opened. */
export interface Opened {
  readonly ownerId: string;
  readonly keyId: string;
  readonly version: number;
}

interface Pending {
  readonly actor: string;
  readonly key: Opened;
  done: () => void;
  failed: (error: unknown) => void;
}

/** Key versions that are remembered as opened. What falls out is an event more. */
const versionsHeld = 50_000;
const actorsHeld = 1_000;
/** Links written in one transaction. */
const mostAtOnce = 200;

/**
 * A secret is opened for somebody: one event for each process, principal and key version, written before the secret may be
 * used. Later uses are usage, which the ledger counts. Openings of one owner's keys that come together share a transaction,
 * since its chain takes one writer at a time.
 */
export class Openings {
  readonly #core: Pick<Core, "database" | "keyring" | "clock">;
  readonly #known = new LRUCache<string, { version: number; actors: Set<string> }>({ max: versionsHeld });
  /** Owner → what waits while a transaction of this owner's is under way. */
  readonly #waiting = new Map<string, Pending[]>();

  constructor(core: Pick<Core, "database" | "keyring" | "clock">) {
    this.#core = core;
  }

  /** True where this principal's opening of this version is in the trail already. No I/O. */
  known(actor: string, key: Opened): boolean {
    const known = this.#known.get(key.keyId);
    return known !== undefined && known.version === key.version && known.actors.has(actor);
  }

  /**
   * Resolves when the opening is in the trail; only then may the key be opened.
   *
   * @throws DatabaseUnavailableError · DatabaseError it could not be written: the key stays shut
   */
  async require(actor: string, key: Opened): Promise<void> {
    if (this.known(actor, key)) return;
    await new Promise<void>((done, failed) => {
      const one: Pending = { actor, key, done, failed };
      const waiting = this.#waiting.get(key.ownerId);
      if (waiting) waiting.push(one);
      else {
        this.#waiting.set(key.ownerId, [one]);
        void this.#drain(key.ownerId);
      }
    });
  }

  async #drain(ownerId: string): Promise<void> {
    for (let batch = this.#take(ownerId); batch.length > 0; batch = this.#take(ownerId)) {
      try {
        await this.#write(ownerId, batch);
        for (const one of batch) one.done();
      } catch (error) {
        for (const one of batch) one.failed(error);
      }
    }
    this.#waiting.delete(ownerId);
  }

  #take(ownerId: string): Pending[] {
    return this.#waiting.get(ownerId)?.splice(0, mostAtOnce) ?? [];
  }

  async #write(ownerId: string, batch: readonly Pending[]): Promise<void> {
    // Callers who came together for the same principal and version share one event.
    const fresh = new Map(batch.filter(({ actor, key }) => !this.known(actor, key)).map((one) => [`${one.key.keyId} ${one.key.version} ${one.actor}`, one]));
    if (fresh.size === 0) return;
    await this.#core.database.inTenant({ owners: [ownerId] }, (trx) =>
      appendAll(trx, this.#core, ownerId, [...fresh.values()].map(({ actor, key }) => ({ actor, action: "key.opened", target: key.keyId, details: { version: key.version } }))),
    );
    for (const { actor, key } of fresh.values()) this.#remember(actor, key);
  }

  #remember(actor: string, { keyId, version }: Opened): void {
    let known = this.#known.get(keyId);
    if (known?.version !== version) this.#known.set(keyId, (known = { version, actors: new Set() }));
    if (known.actors.size >= actorsHeld) known.actors.clear();
    known.actors.add(actor);
  }
}

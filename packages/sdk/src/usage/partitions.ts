import { ensurePartitions, type Database } from "@stack-2025/byok-db";
import type { Logger } from "../byok.ts";
import type { Clock } from "../clock.ts";

const dayMs = 86_400_000;
const tryAgainAfterMs = 60_000;

/**
 * Keeps the partitions of today and tomorrow in place from the writer's side, so that a dead worker costs nothing. A
 * default partition takes what has none; so a failure here is told and never stops a write.
 */
export class Partitions {
  readonly #parts: { database: Database; clock: Clock; logger: Logger };
  /** The UTC day, in days since 1970, that was made last together with the next one. */
  #madeFor = -1;
  #tryAgainAt = -Infinity;
  #under: Promise<void> | undefined;

  constructor(parts: { database: Database; clock: Clock; logger: Logger }) {
    this.#parts = parts;
  }

  /** Costs a comparison, but for the first call of a day. */
  async ensure(): Promise<void> {
    const { clock } = this.#parts;
    const today = Math.floor(clock.now().getTime() / dayMs);
    if (today === this.#madeFor || clock.monotonic() < this.#tryAgainAt) return;
    await (this.#under ??= this.#make(today).finally(() => (this.#under = undefined)));
  }

  async #make(today: number): Promise<void> {
    const { database, clock, logger } = this.#parts;
    try {
      await ensurePartitions(database, [new Date(today * dayMs), new Date((today + 1) * dayMs)]);
      this.#madeFor = today;
    } catch (error) {
      this.#tryAgainAt = clock.monotonic() + tryAgainAfterMs;
      logger.warn({ error: error instanceof Error ? error.message : "unknown" }, "the partitions of today and tomorrow could not be made; the default partition takes the rows");
    }
  }
}

import PQueue from "p-queue";

export interface Pace {
  /** Probes under way at once. */
  atOnce: number;
  /** Probes begun in any `intervalMs`. */
  perInterval: number;
  intervalMs: number;
}

/** More than this many owners and providers at once, and those that rest are looked for. */
const queuesKept = 1_000;

/** A vendor that is asked about hundreds of keys of one customer in a burst may ban the keys, or our address. */
export const defaultPace: Pace = { atOnce: 8, perInterval: 120, intervalMs: 60_000 };

/**
 * Lets probes through 8 at a time and 120 a minute for each owner and provider, whoever in this process asks for them, and
 * keeps the rest waiting in order.
 */
export class ProbePace {
  readonly #pace: Pace;
  readonly #queues = new Map<string, { queue: PQueue; usedAt: number }>();

  constructor(pace: Pace = defaultPace) {
    this.#pace = pace;
  }

  async run<T>(ownerId: string, provider: string, probe: () => Promise<T>): Promise<T> {
    const held = this.#queueOf(`${ownerId} ${provider}`);
    try {
      return await held.queue.add(probe);
    } finally {
      held.usedAt = performance.now();
    }
  }

  #queueOf(name: string): { queue: PQueue; usedAt: number } {
    const now = performance.now();
    // A queue that has been idle for an interval remembers nothing that still counts.
    for (const [other, one] of this.#queues.size > queuesKept ? this.#queues : []) {
      if (other !== name && one.queue.pending === 0 && one.queue.size === 0 && now - one.usedAt > this.#pace.intervalMs) this.#queues.delete(other);
    }
    let found = this.#queues.get(name);
    if (!found) {
      const { atOnce, perInterval, intervalMs } = this.#pace;
      found = { queue: new PQueue({ concurrency: atOnce, intervalCap: perInterval, interval: intervalMs, strict: true }), usedAt: now };
      this.#queues.set(name, found);
    }
    return found;
  }
}

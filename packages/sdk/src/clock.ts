/** Time as the product sees it: injected, so that tests move it, and corrected to the database's where windows are at stake. */
export interface Clock {
  now(): Date;
  /** Milliseconds of a clock that never jumps; for leases and timeouts. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => new Date(), monotonic: () => performance.now() };

/** Farther from the database's clock than this, ours is wrong. Nearer, the measured difference is mostly the network's. */
const toleratedMs = 100;

/**
 * The database's time, told by a process whose own clock may be wrong: windows of limits and hours of usage are then the
 * same in all processes. The heartbeat measures the difference; until it has, it is none.
 */
export class DatabaseClock implements Clock {
  readonly #own: Clock;
  /** What the process's clock lacks; negative where it is ahead. */
  offsetMs = 0;

  constructor(own: Clock) {
    this.#own = own;
  }

  now(): Date {
    const own = this.#own.now();
    return Math.abs(this.offsetMs) <= toleratedMs ? own : new Date(own.getTime() + this.offsetMs);
  }

  uncorrected(): Date {
    return this.#own.now();
  }

  monotonic(): number {
    return this.#own.monotonic();
  }
}

/** Time as the product sees it: injected, so that tests move it, and corrected to the database's where windows are at stake. */
export interface Clock {
  now(): Date;
  /** Milliseconds of a clock that never jumps; for leases and timeouts. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => new Date(), monotonic: () => performance.now() };

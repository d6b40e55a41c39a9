/**
 * Turns many small writes into few statements: while one or two are in flight, what arrives waits, and the next statement
 * carries all of it. Knows nothing of SQL; the ledger says what a statement is and which failures pass.
 *
 * A unit is what one caller gave: it is written whole or not at all. Its states:
 *   waiting ──taken──▶ in flight ──committed──▶ resolved
 *      ▲                  │ └─refused, alone──▶ rejected          (refused with others: halved, until the bad one is alone)
 *      └──failure passes──┘                                       (kept in memory, tried again with growing pauses)
 */

export interface GroupCommitOptions<Item, Verdict> {
  /** Writes all items in one transaction and says what became of each, in order. */
  commit: (items: readonly Item[], lane: number) => Promise<readonly Verdict[]>;
  /** True: the failure passes, nothing is wrong with the items. */
  passes: (error: unknown) => boolean;
  /** Told of every failure that passes. */
  onRetry: (error: unknown, held: number) => void;
  /** What units that are still held are rejected with when the time to close is over. */
  closedError: () => Error;
  /** Statements in flight at most. */
  lanes: number;
  /** Items in a statement at most; also the largest unit. */
  maxItems: number;
}

interface Unit<Item, Verdict> {
  items: readonly Item[];
  resolve: (verdicts: readonly Verdict[]) => void;
  reject: (error: unknown) => void;
}

const firstPauseMs = 20;
const longestPauseMs = 500;

export class GroupCommit<Item, Verdict> {
  readonly #options: GroupCommitOptions<Item, Verdict>;
  #waiting: Unit<Item, Verdict>[] = [];
  /** Free lanes; a lane is a small number that its statement may use to stay clear of the other's rows. */
  readonly #free: number[];
  #held = 0;
  #scheduled = false;
  /** Failures in a row that pass; while there are any, one statement at a time tries. */
  #failures = 0;
  #pause: NodeJS.Timeout | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #whenEmpty: (() => void)[] = [];

  constructor(options: GroupCommitOptions<Item, Verdict>) {
    this.#options = options;
    this.#free = Array.from({ length: options.lanes }, (_, lane) => lane);
  }

  /** Items that are in memory only. */
  get held(): number {
    return this.#held;
  }

  /** The last try failed in a way that passes; nothing has been committed since. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  /** Resolves with a verdict for each item once they are durable. `items` is not empty and has at most `maxItems`. */
  add(items: readonly Item[]): Promise<readonly Verdict[]> {
    if (this.#state !== "open") return Promise.reject(this.#options.closedError());
    return new Promise((resolve, reject) => {
      this.#held += items.length;
      this.#waiting.push({ items, resolve, reject });
      this.#schedule();
    });
  }

  /** Takes nothing new, and waits for at most `withinMs` until everything held is durable; what is not is rejected. */
  async close(withinMs: number): Promise<void> {
    if (this.#state === "open") this.#state = "closing";
    if (this.#held > 0) {
      let timer: NodeJS.Timeout | undefined;
      const timeUp = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([new Promise<void>((resolve) => this.#whenEmpty.push(resolve)), timeUp]);
      clearTimeout(timer);
    }
    this.#state = "closed";
    clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const unit of this.#waiting.splice(0)) this.#end(unit, () => unit.reject(this.#options.closedError()));
  }

  // After the callbacks of this turn of the loop: calls that finish together share the first statement too.
  #schedule(): void {
    if (this.#scheduled || this.#pause || this.#free.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    while (this.#waiting.length > 0 && !this.#pause) {
      const busy = this.#options.lanes - this.#free.length;
      if (this.#failures > 0 && busy > 0) return;
      const lane = this.#free.pop();
      if (lane === undefined) return;
      void this.#run(this.#take(), lane);
    }
  }

  #take(): Unit<Item, Verdict>[] {
    let count = 0;
    let end = 0;
    while (end < this.#waiting.length && count + this.#waiting[end]!.items.length <= this.#options.maxItems) {
      count += this.#waiting[end]!.items.length;
      end += 1;
    }
    return this.#waiting.splice(0, end);
  }

  /** Never rejects: what becomes of each unit is told to its caller. */
  async #run(units: Unit<Item, Verdict>[], lane: number): Promise<void> {
    const again = await this.#commit(units, lane);
    this.#free.push(lane);
    if (again.length > 0) this.#waitAndRetry(again);
    this.#start();
  }

  /** The units that are to be tried again. */
  async #commit(units: Unit<Item, Verdict>[], lane: number): Promise<Unit<Item, Verdict>[]> {
    try {
      const verdicts = await this.#options.commit(units.flatMap((unit) => unit.items), lane);
      this.#failures = 0;
      let at = 0;
      for (const unit of units) {
        const own = verdicts.slice(at, (at += unit.items.length));
        this.#end(unit, () => unit.resolve(own));
      }
      return [];
    } catch (error) {
      if (this.#options.passes(error)) {
        this.#failures += 1;
        this.#options.onRetry(error, this.#held);
        return units;
      }
      if (units.length === 1) {
        this.#end(units[0]!, () => units[0]!.reject(error));
        return [];
      }
      const middle = units.length >> 1;
      return [...(await this.#commit(units.slice(0, middle), lane)), ...(await this.#commit(units.slice(middle), lane))];
    }
  }

  #waitAndRetry(units: Unit<Item, Verdict>[]): void {
    this.#waiting.unshift(...units);
    if (this.#state === "closed") {
      for (const unit of this.#waiting.splice(0)) this.#end(unit, () => unit.reject(this.#options.closedError()));
      return;
    }
    // Half of it random: processes that lost the database together do not come back together.
    const full = Math.min(firstPauseMs * 2 ** Math.min(this.#failures - 1, 10), longestPauseMs);
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#start();
    }, full / 2 + (Math.random() * full) / 2);
  }

  #end(unit: Unit<Item, Verdict>, tell: () => void): void {
    this.#held -= unit.items.length;
    tell();
    if (this.#held === 0) for (const done of this.#whenEmpty.splice(0)) done();
  }
}

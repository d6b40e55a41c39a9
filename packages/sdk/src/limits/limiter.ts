import type { Candidate } from "@stack-2025/byok-crypto";
import type { Database } from "@stack-2025/byok-db";
import type { MeteredUsage } from "@stack-2025/byok-providers";
import type { Logger } from "../byok.ts";
import type { Clock } from "../clock.ts";
import type { Limits } from "../schema.ts";
import { addAll, takeAll, type CounterAmount } from "./counter-rows.ts";
import { countersOf, windowAt, type CountedOf } from "./counters.ts";

/** What a call is about to take from a key. */
export interface Share {
  ownerId: string;
  keyId: string;
  limits: Limits | null;
}

/** A share that was taken; `settle` replaces what was reserved by what was used. Of the two, the first call counts. */
export interface Reservation {
  /** Never rejects: what cannot be written now is owed, and paid before this process lets another call at the key. */
  settle(usage: MeteredUsage | null, costNanos: bigint | null): Promise<void>;
  /** Gives everything back: the call was never sent. Never rejects. */
  release(): Promise<void>;
}

export type Reserved = { granted: Reservation } | { refused: { reason: Extract<Candidate["reason"], "rate_limited" | "over_budget">; until: Date | null; limit: string } };

/** What was used without a reservation: an event that was reported afterwards. */
export interface Used {
  requests: number;
  usage: MeteredUsage;
  costNanos: bigint | null;
}

export interface Limiter {
  /**
   * Takes a call's share of each limit of the key, or of none. Requests are exact over all processes: no interleaving
   * passes a limit. Calls are let in while tokens and cost are below their limits, and what they used is added when
   * they end. Without limits nothing is asked. When the counters cannot be reached, keys with limits are refused:
   * `limit` is then `limiter_unavailable`.
   */
  reserve(share: Share): Promise<Reserved>;
  /** What stands in the way of a call now; takes nothing. Undefined: nothing does. */
  peek(share: Share): Promise<Extract<Reserved, { refused: unknown }>["refused"] | undefined>;
  /** Adds what was used to the current windows; refuses nothing, never rejects. */
  count(used: readonly (Share & Used)[]): Promise<void>;
}

/**
 * The limiter over `limit_counters`. `concurrency` is counted in this process: a count in the database would outlive a
 * process that was killed. So N processes let N times as many calls at a key, until slots are leased.
 */
export function createLimiter(parts: { database: Database; clock: Clock; logger: Logger }): Limiter {
  const { database, clock, logger } = parts;
  const inFlight = new Map<string, number>();
  /** What could not be written, by key. */
  const owed = new Map<string, CounterAmount[]>();

  async function peek(share: Share): Promise<Extract<Reserved, { refused: unknown }>["refused"] | undefined> {
    const reserved = await attempt(share, 0n);
    if ("refused" in reserved) return reserved.refused;
    await reserved.granted.settle(null, null);
    return undefined;
  }

  const reserve = (share: Share): Promise<Reserved> => attempt(share, 1n);

  /** `calls` is 1, or 0 to only look. */
  async function attempt(share: Share, calls: 0n | 1n): Promise<Reserved> {
    const now = clock.now();
    const counters = countersOf(share.limits).map((counter) => ({ ...counter, ...windowAt(counter.window, now) }));
    const place = placeOf(share);
    const concurrency = share.limits?.concurrency;
    const before = inFlight.get(place) ?? 0;
    if (concurrency !== undefined && before >= concurrency) return refused("concurrency", "rate_limited", null);

    const leave = concurrency === undefined ? () => {} : enter(place);
    const amount = (name: string, windowStart: Date, value: bigint): CounterAmount => ({ ...ids(share), name, windowStart, amount: value });

    if (counters.length > 0) {
      try {
        await pay(place);
        // What takes nothing yet asks that there is room for one more unit: tokens and cost, and all of it when only looking.
        const asked = counters.map(({ name, of, limit, start }) => {
          const taken = of === "requests" ? calls : 0n;
          return { ...amount(name, start, taken), most: limit - 1n + taken };
        });
        const full = await takeAll(database, asked);
        const last = counters.filter(({ name }) => full.has(name)).reduce<(typeof counters)[number] | undefined>((a, b) => (a && a.end >= b.end ? a : b), undefined);
        if (last) {
          leave();
          return refused(last.name, last.of === "cost" ? "over_budget" : "rate_limited", last.end);
        }
      } catch (error) {
        leave();
        logger.warn({ keyId: share.keyId, error: errorText(error) }, "limits cannot be counted now, so a key with limits was refused");
        return refused("limiter_unavailable", "rate_limited", null);
      }
    }

    let open = true;
    const end = async (amountOf: (of: CountedOf) => bigint): Promise<void> => {
      if (!open) return;
      open = false;
      leave();
      await add(counters.map(({ name, of, start }) => amount(name, start, amountOf(of))));
    };
    return {
      granted: {
        settle: (usage, costNanos) => end((of) => (of === "tokens" ? tokensOf(usage) : of === "cost" ? (costNanos ?? 0n) : 0n)),
        release: () => end((of) => (of === "requests" ? -calls : 0n)),
      },
    };
  }

  function enter(place: string): () => void {
    inFlight.set(place, (inFlight.get(place) ?? 0) + 1);
    return () => {
      const left = (inFlight.get(place) ?? 1) - 1;
      if (left > 0) inFlight.set(place, left);
      else inFlight.delete(place);
    };
  }

  async function count(used: readonly (Share & Used)[]): Promise<void> {
    const now = clock.now();
    await add(
      used.flatMap((one) =>
        countersOf(one.limits).map(({ name, of, window }) => ({
          ...ids(one),
          name,
          windowStart: windowAt(window, now).start,
          amount: of === "requests" ? BigInt(one.requests) : of === "tokens" ? tokensOf(one.usage) : (one.costNanos ?? 0n),
        })),
      ),
    );
  }

  async function add(amounts: readonly CounterAmount[]): Promise<void> {
    const due = mergeAmounts(amounts);
    if (due.length === 0) return;
    try {
      await addAll(database, due);
    } catch (error) {
      for (const one of due) owed.set(placeOf(one), mergeAmounts([...(owed.get(placeOf(one)) ?? []), one]));
      logger.warn({ counters: due.length, error: errorText(error) }, "what calls used cannot be counted against limits now; it is kept and counted before the next call");
    }
  }

  /** An answer that was lost can make us pay twice: a limit is then reached early, never passed. */
  async function pay(place: string): Promise<void> {
    const due = owed.get(place);
    if (!due) return;
    owed.delete(place);
    try {
      await addAll(database, due);
    } catch (error) {
      owed.set(place, mergeAmounts([...(owed.get(place) ?? []), ...due]));
      throw error;
    }
  }

  return { reserve, peek, count };
}

const ids = ({ ownerId, keyId }: { ownerId: string; keyId: string }): { ownerId: string; keyId: string } => ({ ownerId, keyId });
const placeOf = ({ ownerId, keyId }: { ownerId: string; keyId: string }): string => `${ownerId} ${keyId}`;
const tokensOf = (usage: MeteredUsage | null): bigint => whole(usage?.inputTokens) + whole(usage?.outputTokens);
/** A provider's odd count must not keep the others from being counted. */
const whole = (count: number | undefined): bigint => (count !== undefined && Number.isFinite(count) && count > 0 ? BigInt(Math.trunc(count)) : 0n);
const errorText = (error: unknown): string => (error instanceof Error ? error.message : "unknown");

function refused(limit: string, reason: "rate_limited" | "over_budget", until: Date | null): Reserved {
  return { refused: { limit, reason, until } };
}

/** What one statement adds to a row at most; far past any limit. */
const mostAdded = 9_000_000_000_000_000_000n;

/** One amount for a row, without those that change nothing. */
function mergeAmounts(amounts: readonly CounterAmount[]): CounterAmount[] {
  const rows = new Map<string, CounterAmount>();
  for (const one of amounts) {
    const row = `${placeOf(one)} ${one.name} ${one.windowStart.getTime()}`;
    const same = rows.get(row);
    const amount = (same?.amount ?? 0n) + one.amount;
    rows.set(row, { ...one, amount: amount > mostAdded ? mostAdded : amount });
  }
  return [...rows.values()].filter((one) => one.amount !== 0n);
}

/**
 * Which counters a key's limits ask for, and their windows: fixed, UTC, so that every process means the same row without
 * asking another one.
 */
import type { Limits } from "../schema.ts";
import { toNanos } from "../usage/money.ts";

export type CountedOf = "requests" | "tokens" | "cost";

/** A counter of a key: a row of `limit_counters` in each of its windows. */
export interface Counter {
  name: CounterName;
  window: "minute" | "day" | "month";
  of: CountedOf;
  /** Requests, tokens (input and output), or nanodollars. */
  limit: bigint;
}

const counters = {
  requestsPerMinute: { window: "minute", of: "requests" },
  requestsPerDay: { window: "day", of: "requests" },
  tokensPerMinute: { window: "minute", of: "tokens" },
  tokensPerDay: { window: "day", of: "tokens" },
  costPerDay: { window: "day", of: "cost" },
  costPerMonth: { window: "month", of: "cost" },
} as const satisfies Partial<Record<keyof Limits, Omit<Counter, "name" | "limit">>>;
export type CounterName = keyof typeof counters;
const counterNames = Object.keys(counters) as CounterName[];

/** The counters that these limits ask for. `concurrency` is none: what is in flight has no window. */
export function countersOf(limits: Limits | null): Counter[] {
  if (!limits) return [];
  return counterNames.flatMap((name) => {
    const limit = limits[name];
    const counter = counters[name];
    if (limit === undefined) return [];
    return [{ name, ...counter, limit: counter.of === "cost" ? toNanos(limit) : BigInt(limit) }];
  });
}

/** The window that `now` lies in: its first moment, and the first one after it. */
export function windowAt(window: Counter["window"], now: Date): { start: Date; end: Date } {
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  if (window === "month") return { start: new Date(Date.UTC(year, month)), end: new Date(Date.UTC(year, month + 1)) };
  if (window === "day") return { start: new Date(Date.UTC(year, month, day)), end: new Date(Date.UTC(year, month, day + 1)) };
  const start = Math.floor(now.getTime() / 60_000) * 60_000;
  return { start: new Date(start), end: new Date(start + 60_000) };
}

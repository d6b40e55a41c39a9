/** From vendors' counts to ours. A vendor's number is taken only where it can be one; a part is never larger than its whole. */
import { present } from "./present.ts";
import type { MeteredUsage } from "./usage.ts";

/** A count as a vendor tells it; undefined where the value is none. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Seconds with at most three decimals, rounded up so that nothing used is lost; undefined where the value is none. */
export function seconds(value: unknown): number | undefined {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0 || value > 1e9) return undefined;
  // 1.4 * 1000 is a little more than 1400: what is below a microsecond is the float's, not the vendor's.
  return Math.ceil(Number((value * 1_000).toFixed(3))) / 1_000;
}

/** What was told of several counts together; undefined where nothing was. */
export function sum(...counts: (number | undefined)[]): number | undefined {
  const told = counts.filter((one) => one !== undefined);
  return told.length === 0 ? undefined : told.reduce((total, one) => total + one, 0);
}

/** Counts as they were read; what was not told is undefined. */
type Read<T> = { [K in keyof T]: T[K] | undefined };

const within = (part: number | undefined, whole: number): number | undefined => (part === undefined ? undefined : Math.min(part, whole));

/**
 * Usage in our inclusive counting; null where no count was told. Parts that a vendor tells as larger than their whole are
 * cut to it: cached and written-to-cache input together are input, reasoning is output, audio is one of each.
 */
export function inclusive(usage: Read<MeteredUsage>, units: Record<string, number | undefined> = {}): MeteredUsage | null {
  const { model, ...counts } = usage;
  const further = Object.entries(units).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  if (further.length === 0 && Object.values(counts).every((value) => value === undefined)) return null;

  const { inputTokens = 0, outputTokens = 0 } = counts;
  const cachedInputTokens = within(counts.cachedInputTokens, inputTokens);
  return present({
    model,
    ...counts,
    cachedInputTokens,
    cacheWriteTokens: within(counts.cacheWriteTokens, inputTokens - (cachedInputTokens ?? 0)),
    reasoningTokens: within(counts.reasoningTokens, outputTokens),
    audioInputTokens: within(counts.audioInputTokens, inputTokens),
    audioOutputTokens: within(counts.audioOutputTokens, outputTokens),
    units: further.length > 0 ? Object.fromEntries(further) : undefined,
  });
}

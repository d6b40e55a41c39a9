/** How long a vendor asks to wait, and when its month begins anew. */

const unitMs = new Map([["ms", 1], ["s", 1_000], ["m", 60_000], ["h", 3_600_000], ["d", 86_400_000]]);

/** A Go duration (`12ms`, `18.642s`, `6m0s`, `1h2m3s`) in whole milliseconds; undefined where the text is none. */
export function durationMs(duration: string | undefined): number | undefined {
  const parts = [...(duration?.trim() ?? "").matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy)];
  if (parts.length === 0) return undefined;
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitMs.get(unit ?? "") ?? 0), 0));
}

/**
 * What `retry-after-ms` or `retry-after` (seconds or a date) ask for; null where neither stands or can be read.
 * A time that has passed is 0; the upper bound is `failure()`'s.
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: Date): number | null {
  const milliseconds = headers["retry-after-ms"]?.trim() ?? "";
  if (/^-?\d+(?:\.\d+)?$/.test(milliseconds)) return Math.max(0, Math.round(Number(milliseconds)));
  const after = headers["retry-after"]?.trim() ?? "";
  if (/^-?\d+(?:\.\d+)?$/.test(after)) return Math.max(0, Math.round(Number(after) * 1_000));
  // Only the date of RFC 9110: `Date.parse` reads a date into almost any text (V8).
  const at = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(after) ? Date.parse(after) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}

/** 00:00 UTC on the 1st of the next month, when monthly spend limits begin anew. */
export function nextMonth(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
}

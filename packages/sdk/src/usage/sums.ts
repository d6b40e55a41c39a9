/** The columns that hours, days and answers sum: one list for the statement that makes them and those that read them. */

/** Counts of an event, by the name that both the event's and the sums' column have. */
export const counts = [
  "requests",
  "input_tokens",
  "output_tokens",
  "cached_input_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "audio_input_tokens",
  "audio_output_tokens",
  "audio_ms",
  "characters",
  "segments",
] as const;

/** What `usage_hourly` and `usage_daily` sum. `errors` and `unpriced` count events. */
export const sums = [...counts, "errors", "cost_nanos", "unpriced"] as const;
export type Sums = Record<(typeof sums)[number], bigint>;

/** What tells sums of one owner and one hour or day apart. */
export const dimensions = ["key_id", "provider", "model", "environment", "source", "operation"] as const;

/** `expression(column) as column` for each sum, for a select list. */
export function selectSums(expression: (column: (typeof sums)[number]) => string): string {
  return sums.map((column) => `${expression(column)} as ${column}`).join(", ");
}

/** The sums of a group of `usage_events` rows. */
export const sumsOfEvents = selectSums((column) => {
  if (column === "errors") return "count(*) filter (where outcome = 'error')";
  if (column === "unpriced") return "count(*) filter (where cost_nanos is null)";
  if (column === "cost_nanos") return "coalesce(sum(cost_nanos), 0)::bigint";
  return `sum(${column})::bigint`;
});

/** The sums of a group of rows that are sums already. */
export const sumsOfSums = selectSums((column) => `sum(${column})::bigint`);

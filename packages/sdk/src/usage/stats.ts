import { InvalidInputError } from "@stack-2025/byok-crypto";
import { findKeys } from "../keys/find.ts";
import { countersOf, windowAt } from "../limits/counters.ts";
import type { Limits, TimeRange, UsageStats, UsageTotals } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { toUsd } from "./money.ts";
import { selectSums, sums, sumsOfEvents, type Sums } from "./sums.ts";
import { resolveRange, startOfBucket, type ResolvedRange } from "./time-range.ts";

/**
 * What a key used in a range: exact, and holding every event whose `recordUsage` has resolved. Sums come from the hours
 * that the ledger writes; from days only where a day's hours have been dropped. Where a given `from` or `to` lies inside
 * an hour, that hour's events are summed one by one.
 *
 * @param range default the last 30 days
 * @throws KeyNotFoundError there is no such key, or none that this caller may know of
 * @throws InvalidInputError the range is malformed, or its sums are past what a JavaScript number holds exactly
 */
export async function getUsageStats(scope: Scope, keyId: string, range: TimeRange = "30d"): Promise<UsageStats> {
  const now = scope.core.clock.now();
  const resolved = resolveRange(range, now);
  const key = (await findKeys(scope, [keyId], "usage:read")).get(keyId)!;
  const [byModel, limits] = await Promise.all([readSums(scope, key.ownerId, keyId, resolved), readLimits(scope, key.ownerId, keyId, now)]);

  const total = Object.fromEntries(sums.map((column) => [column, 0n])) as Sums;
  // Without a prototype: a model may be named `__proto__`.
  const models = Object.create(null) as Record<string, UsageTotals>;
  for (const { model, ...ofModel } of byModel) {
    for (const column of sums) total[column] += BigInt(ofModel[column]);
    models[model] = toTotals(Object.fromEntries(sums.map((column) => [column, BigInt(ofModel[column])])) as Sums);
  }
  return { ...toTotals(total), keyId, from: resolved.from, to: resolved.to ?? now, byModel: models, limits };
}

type SumsRow = { model: string } & Record<(typeof sums)[number], string>;

// $1 owner, $2 key, $3 from, $4 to; $5 and $6: the whole hours between them; $7: the first day that may be read whole.
const statsStatement = `
with parts as (
  select model, ${sums.join(", ")} from byok.usage_hourly
  where owner_id = $1 and key_id = $2 and hour >= $5 and hour < $6
  union all
  select model, ${sums.join(", ")} from byok.usage_daily as daily
  where owner_id = $1 and key_id = $2 and day >= $7::date and day < ($6::timestamptz at time zone 'UTC')::date
    and not exists (
      select from byok.usage_hourly as hourly
      where hourly.owner_id = $1 and hourly.key_id = $2
        and hourly.hour >= daily.day at time zone 'UTC' and hourly.hour < (daily.day + 1) at time zone 'UTC'
    )
  union all
  select model, ${sumsOfEvents} from byok.usage_events
  where owner_id = $1 and key_id = $2 and at >= $3 and at < $4 and (at < $5 or at >= $6)
  group by model
)
select model, ${selectSums((column) => `sum(${column})::text`)} from parts group by model order by model`;

const endOfTime = new Date("9999-12-31T00:00:00Z");

async function readSums(scope: Scope, ownerId: string, keyId: string, range: ResolvedRange): Promise<SumsRow[]> {
  const to = range.to ?? endOfTime;
  const firstHour = startOfBucket("hour", new Date(range.from.getTime() + 3_599_999));
  // Within one hour there is no whole one: then all is read from events.
  const endOfHours = new Date(Math.max(startOfBucket("hour", to).getTime(), firstHour.getTime()));
  const firstDay = startOfBucket("day", range.from);
  const values = [ownerId, keyId, range.from, to, firstHour, endOfHours, firstDay].map((value) => (value instanceof Date ? value.toISOString() : value));
  return scope.core.database.read<SumsRow>({ owners: [ownerId] }, { name: "byok_usage_stats", text: statsStatement, values });
}

const limitsStatement = `
select keys.limits, counters.limit_name, counters.window_start, counters.used::text
from byok.keys left join byok.limit_counters as counters
  on counters.owner_id = keys.owner_id and counters.key_id = keys.key_id and counters.user_id = '' and counters.window_start >= $3
where keys.owner_id = $1 and keys.key_id = $2`;

async function readLimits(scope: Scope, ownerId: string, keyId: string, now: Date): Promise<UsageStats["limits"]> {
  const rows = await scope.core.database.read<{ limits: Limits | null; limit_name: string | null; window_start: Date | null; used: string | null }>(
    { owners: [ownerId] },
    { name: "byok_usage_limits", text: limitsStatement, values: [ownerId, keyId, windowAt("month", now).start.toISOString()] },
  );
  return countersOf(rows[0]?.limits ?? null).map(({ name, of, window, limit }) => {
    const { start, end } = windowAt(window, now);
    const row = rows.find((one) => one.limit_name === name && one.window_start?.getTime() === start.getTime());
    const used = BigInt(row?.used ?? 0);
    if (of === "cost") return { name, used: toUsd(used), limit: toUsd(limit), resetsAt: end };
    return { name, used: toNumber(used, name), limit: Number(limit), resetsAt: end };
  });
}

function toTotals(of: Sums): UsageTotals {
  return {
    requests: toNumber(of.requests, "requests"),
    errors: toNumber(of.errors, "errors"),
    tokens: toNumber(of.input_tokens + of.output_tokens, "tokens"),
    inputTokens: toNumber(of.input_tokens, "inputTokens"),
    outputTokens: toNumber(of.output_tokens, "outputTokens"),
    cachedInputTokens: toNumber(of.cached_input_tokens, "cachedInputTokens"),
    cacheWriteTokens: toNumber(of.cache_write_tokens, "cacheWriteTokens"),
    reasoningTokens: toNumber(of.reasoning_tokens, "reasoningTokens"),
    audioInputTokens: toNumber(of.audio_input_tokens, "audioInputTokens"),
    audioOutputTokens: toNumber(of.audio_output_tokens, "audioOutputTokens"),
    audioSeconds: toNumber(of.audio_ms, "audioSeconds") / 1_000,
    characters: toNumber(of.characters, "characters"),
    segments: toNumber(of.segments, "segments"),
    cost: toUsd(of.cost_nanos),
    unpriced: toNumber(of.unpriced, "unpriced"),
  };
}

/** @throws InvalidInputError past 2^53 a number would be wrong in silence */
function toNumber(count: bigint, name: string): number {
  if (count <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(count);
  const message = `the sum of ${name} is larger than 2^53, which no number holds exactly; ask for a shorter range`;
  throw new InvalidInputError(`range: ${message}`, { issues: [{ path: "range", message }] });
}

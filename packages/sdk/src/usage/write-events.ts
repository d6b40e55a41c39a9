/**
 * The statement of the ledger: events, receipts and hourly sums in one, so that the sums are made from what was really
 * inserted and can be neither late nor wrong. Rows are sorted before they are written, so writers never deadlock.
 */
import { CompiledQuery } from "kysely";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { Database } from "@stack-2025/byok-db";
import { isId, mintedAt } from "../ids.ts";
import type { LedgerEvent, Verdict } from "./ledger.ts";
import { counts, dimensions, sums, sumsOfEvents } from "./sums.ts";

type Cell = string | number | bigint | null;
type Column = readonly [name: string, type: string, cell: (event: LedgerEvent) => Cell];

const columns: readonly Column[] = [
  ["owner_id", "uuid", (event) => event.ownerId],
  ["day", "date", dayOf],
  ["event_id", "text", (event) => event.eventId],
  ["request_id", "text", (event) => event.requestId],
  ["attempt", "integer", (event) => event.attempt],
  ["part", "integer", (event) => event.part],
  ["key_id", "text", (event) => event.keyId],
  ["at", "timestamptz", (event) => event.at.toISOString()],
  ["provider", "text", (event) => event.provider],
  ["model", "text", (event) => storable(event.usage.model ?? "", 255)],
  ["environment", "text", (event) => event.environment],
  ["source", "text", (event) => event.source],
  ["operation", "text", (event) => storable(event.operation, 255)],
  ["user_id", "text", (event) => event.userId],
  ["label", "text", (event) => event.label],
  ["outcome", "text", (event) => event.outcome],
  ["status", "integer", (event) => event.status],
  ["latency_ms", "integer", (event) => (event.latencyMs === null ? null : Math.min(Math.max(Math.round(event.latencyMs), 0), 2 ** 31 - 1))],
  ["requests", "bigint", (event) => event.requests],
  ["input_tokens", "bigint", (event) => event.usage.inputTokens ?? 0],
  ["output_tokens", "bigint", (event) => event.usage.outputTokens ?? 0],
  ["cached_input_tokens", "bigint", (event) => event.usage.cachedInputTokens ?? 0],
  ["cache_write_tokens", "bigint", (event) => event.usage.cacheWriteTokens ?? 0],
  ["reasoning_tokens", "bigint", (event) => event.usage.reasoningTokens ?? 0],
  ["audio_input_tokens", "bigint", (event) => event.usage.audioInputTokens ?? 0],
  ["audio_output_tokens", "bigint", (event) => event.usage.audioOutputTokens ?? 0],
  ["audio_ms", "bigint", (event) => Math.round((event.usage.audioSeconds ?? 0) * 1_000)],
  ["characters", "bigint", (event) => event.usage.characters ?? 0],
  ["segments", "bigint", (event) => event.usage.segments ?? 0],
  ["units", "jsonb", (event) => (event.usage.units === undefined ? null : JSON.stringify(event.usage.units))],
  ["cost_nanos", "bigint", (event) => event.costNanos],
  ["price_book", "text", (event) => event.priceBook],
  ["vendor_request_id", "text", (event) => (event.vendorRequestId === null ? null : storable(event.vendorRequestId, 255))],
];

const names = columns.map(([name]) => name).join(", ");
const sumKey = ["owner_id", "hour", "slot", ...dimensions].join(", ");

// `events` is sorted before it is written, and so are the sums: two writers take the rows they share in one order. The
// Sort also makes every receipt be written before the first event.
const statement = `
with input as (
  select * from unnest(${columns.map(([, type], index) => `$${index + 2}::${type}[]`).join(", ")}) as input (${names})
), receipts as (
  insert into byok.usage_receipts (owner_id, event_id, day)
  select owner_id, event_id, day from input where starts_with(event_id, 'x:') order by owner_id, event_id
  on conflict do nothing
  returning owner_id, event_id
), events as (
  insert into byok.usage_events (${names})
  select ${names} from input
  where not starts_with(event_id, 'x:') or (owner_id, event_id) in (select owner_id, event_id from receipts)
  order by owner_id, event_id
  on conflict do nothing
  returning owner_id, event_id, at, ${dimensions.join(", ")}, outcome, ${counts.join(", ")}, cost_nanos
), summed as (
  insert into byok.usage_hourly as kept (${sumKey}, ${sums.join(", ")}, last_at)
  select owner_id, date_trunc('hour', at, 'UTC') as hour, $1::smallint as slot, ${dimensions.join(", ")}, ${sumsOfEvents}, max(at)
  from events
  group by ${sumKey}
  order by ${sumKey}
  on conflict (${sumKey}) do update set
    ${sums.map((column) => `${column} = kept.${column} + excluded.${column}`).join(", ")},
    last_at = greatest(kept.last_at, excluded.last_at),
    folded = false
)
select owner_id, event_id from events`;

/**
 * Writes the events in one transaction, and their sums into one slot of their hours.
 *
 * @returns for each event in order whether it was the first with its id, here or ever
 * @throws DatabaseError, ConstraintViolation, DatabaseUnavailableError nothing was written, or, where a commit's answer
 *   was lost, all of it; writing the same events again is safe in both cases
 */
export async function writeEvents(database: Database, events: readonly LedgerEvent[], slot: number): Promise<Verdict[]> {
  const firsts = new Map<string, number>();
  events.forEach((event, index) => {
    const identity = identityOf(event.ownerId, event.eventId);
    if (!firsts.has(identity)) firsts.set(identity, index);
  });
  const kept = [...firsts.values()].map((index) => events[index]!);
  const owners = [...new Set(kept.map((event) => event.ownerId))];
  const values = [slot, ...columns.map(([, , cell]) => kept.map((event) => cell(event)?.toString() ?? null))];

  const { rows } = await database.inTenant({ owners }, (trx) =>
    trx.executeQuery<{ owner_id: string; event_id: string }>(CompiledQuery.raw(statement, values)),
  );

  const written = new Set(rows.map((row) => identityOf(row.owner_id, row.event_id)));
  return events.map((event, index) => {
    const identity = identityOf(event.ownerId, event.eventId);
    return written.has(identity) && firsts.get(identity) === index ? "counted" : "duplicate";
  });
}

/**
 * What a bad event is told before it reaches others' statement.
 *
 * @throws InvalidInputError names the event and the field
 */
export function checkEvent(event: LedgerEvent, index: number): void {
  const refuse = (field: string, problem: string): never => {
    throw new InvalidInputError(`events.${index}.${field}: ${problem}`, { issues: [{ path: `events.${index}.${field}`, message: problem }] });
  };
  if (Number.isNaN(event.at.getTime())) refuse("at", "is no date");
  if (!event.eventId.startsWith("x:") && !(isId("request", event.requestId) && event.eventId.startsWith(`${event.requestId}.`))) {
    refuse("eventId", "must be x:<id>, or begin with the request id that it belongs to");
  }
  const wholeNumbers: Record<string, unknown> = { ...event.usage, ...event.usage.units, requests: event.requests };
  for (const [field, value] of Object.entries(wholeNumbers)) {
    if (field === "model" || field === "units" || field === "audioSeconds" || value === undefined) continue;
    if (!Number.isSafeInteger(value) || (value as number) < 0) refuse(field, "must be a whole number from 0 to 2^53 - 1");
  }
  const seconds = event.usage.audioSeconds ?? 0;
  if (!(seconds >= 0 && seconds <= 1e9)) refuse("audioSeconds", "must be from 0 to 1,000,000,000");
  for (const field of ["eventId", "keyId", "userId", "label"] as const) {
    if (event[field]?.includes("\0")) refuse(field, "has a NUL character; remove it");
  }
}

const identityOf = (ownerId: string, eventId: string): string => `${ownerId} ${eventId}`;

/** The partition of an event, UTC: ids of ours say when they were minted; with others it is the day they happened. */
function dayOf(event: LedgerEvent): string {
  return (event.eventId.startsWith("x:") ? event.at : mintedAt(event.requestId)).toISOString().slice(0, 10);
}

/** What a provider told, as far as PostgreSQL takes it: a strange model name must not cost the count. */
function storable(text: string, mostCharacters: number): string {
  return text.replaceAll("\0", "\ufffd").slice(0, mostCharacters);
}

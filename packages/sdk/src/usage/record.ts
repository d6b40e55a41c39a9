import { z } from "zod";
import { InvalidInputError, type InputIssue } from "@stack-2025/byok-crypto";
import type { MeteredUsage } from "@stack-2025/byok-providers";
import type { UsageEvent } from "../byok.ts";
import { newId } from "../ids.ts";
import { findKeys, type FoundKey } from "../keys/find.ts";
import { parseInput, usageEvent, usageEventList, type Owner } from "../schema.ts";
import type { Scope } from "../scope.ts";
import type { LedgerEvent } from "./ledger.ts";
import { toNanos } from "./money.ts";

const oldestMs = 35 * 86_400_000;
const aheadMs = 5 * 60_000;

/**
 * Records what calls used that byok did not see. Resolves when it is durable; all events of one call or none. The first
 * event with an id counts, for at least 35 days and per owner, and later ones change nothing; events without an id count
 * each time. What counts is also counted against the key's limits.
 *
 * @param input one event, or up to 1,000
 * @throws InvalidInputError (paths are `events.3.at`, of a single event `at`) a field is malformed, or `at` lies more than 35 days back or 5 minutes ahead
 * @throws KeyNotFoundError a key does not exist, or this caller may not know of it; nothing is counted
 * @throws RateLimitedError `details.reason: "ledger_full"`: the database takes nothing and the memory bound is reached
 */
export async function recordUsage(scope: Scope, input: UsageEvent | UsageEvent[]): Promise<void> {
  const now = scope.core.clock.now();
  const reported = parseEvents(input);
  const times = reported.map((event) => event.at ?? now);
  requireTimes(times, now, Array.isArray(input));

  const keys = await findKeys(scope, [...new Set(reported.map((event) => event.keyId))], "usage:write");
  const events = reported.map((event, index): LedgerEvent => {
    const key = keys.get(event.keyId)!;
    const requestId = newId("request");
    return {
      ownerId: key.ownerId,
      eventId: event.id === undefined ? `${requestId}.1.1` : `x:${event.id}`,
      requestId,
      attempt: 1,
      part: 1,
      keyId: event.keyId,
      at: times[index]!,
      provider: key.provider,
      environment: key.environment,
      source: sourceOf(key.owner),
      operation: event.operation ?? "",
      userId: event.userId ?? null,
      label: event.label ?? null,
      outcome: event.outcome ?? "ok",
      status: null,
      latencyMs: event.latencyMs ?? null,
      requests: event.requests ?? 1,
      usage: usageOf(event),
      costNanos: event.cost === undefined ? null : toNanos(event.cost),
      priceBook: null,
      vendorRequestId: null,
    };
  });

  const verdicts = await scope.core.ledger.record(events);
  await countAgainstLimits(scope, events.filter((_, index) => verdicts[index] === "counted"), keys);
}

/** Nothing is refused any more: the calls were made. Counted in the windows of this moment. */
async function countAgainstLimits(scope: Scope, events: readonly LedgerEvent[], keys: ReadonlyMap<string, FoundKey>): Promise<void> {
  await scope.core.limiter.count(
    events.flatMap(({ ownerId, keyId, requests, usage, costNanos }) => {
      const limits = keys.get(keyId)?.limits;
      return limits ? [{ ownerId, keyId, limits, requests, usage, costNanos }] : [];
    }),
  );
}

/** Not by the union of both shapes: it could only say that neither fits, and not which field of which event is wrong. */
function parseEvents(input: unknown): z.output<typeof usageEventList> {
  return Array.isArray(input) ? parseInput(eventList, { events: input }).events : [parseInput(usageEvent, input)];
}
const eventList = z.strictObject({ events: usageEventList });

/** Every event that is out of time, not only the first. */
function requireTimes(times: readonly Date[], now: Date, several: boolean): void {
  const issues = times.flatMap((at, index): InputIssue[] => {
    const path = several ? `events.${index}.at` : "at";
    if (at.getTime() < now.getTime() - oldestMs) return [{ path, message: "lies more than 35 days back; older usage is not taken" }];
    if (at.getTime() > now.getTime() + aheadMs) return [{ path, message: "lies more than 5 minutes ahead; check the clock" }];
    return [];
  });
  if (issues.length > 0) throw new InvalidInputError(`${issues[0]!.path}: ${issues[0]!.message}`, { issues });
}

function sourceOf(owner: Owner): LedgerEvent["source"] {
  if ("userId" in owner) return "user";
  return "organizationId" in owner ? "organization" : "system";
}

const kinds = [
  "model",
  "inputTokens",
  "outputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "reasoningTokens",
  "audioInputTokens",
  "audioOutputTokens",
  "audioSeconds",
  "characters",
  "segments",
  "units",
] as const satisfies readonly (keyof MeteredUsage)[];

function usageOf(event: Pick<UsageEvent, (typeof kinds)[number]>): MeteredUsage {
  return Object.fromEntries(kinds.flatMap((kind) => (event[kind] === undefined ? [] : [[kind, event[kind]]])));
}

import type { MeteredUsage } from "@stack-2025/byok-providers";
import type { Scope } from "../scope.ts";
import type { OwnerRef } from "../owners.ts";
import type { Try } from "./with-key.ts";

/** The longest that an answer waits for its own usage to be durable. After that the ledger keeps it, and the answer goes. */
const longestWaitMs = 1_000;

export interface SettledCall {
  usage: MeteredUsage | null;
  outcome: "ok" | "error";
  status: number | null;
  operation: string;
  model: string | null;
  label: string | null;
  latencyMs: number;
  vendorRequestId: string | null;
  /** 1 on the attempt that answered the caller, 0 on those that were passed over. */
  requests: 0 | 1;
}

/** Makes the reservation true and the usage durable. Waits for at most a second; never rejects. */
export async function settle(scope: Scope, owner: OwnerRef, one: Try, call: SettledCall): Promise<void> {
  const { core } = scope;
  const { candidate, key } = one;
  // The limits learn the truth now: a ledger that waits for its database must keep no slot taken.
  const settled = one.reservation.settle(call.usage, null);
  const written = core.ledger.write([
    {
      ownerId: candidate.ownerId,
      eventId: `${one.requestId}.${one.number}.1`,
      requestId: one.requestId,
      attempt: one.number,
      part: 1,
      keyId: candidate.keyId,
      at: core.clock.now(),
      provider: key.provider,
      environment: key.environment,
      source: candidate.source,
      operation: call.operation,
      userId: owner.kind === "user" ? owner.externalId : null,
      label: call.label,
      outcome: call.outcome,
      status: call.status,
      latencyMs: Math.round(call.latencyMs),
      requests: call.requests,
      usage: { ...call.usage, ...(call.usage?.model === undefined && call.model !== null && { model: call.model }) },
      costNanos: null,
      priceBook: null,
      vendorRequestId: call.vendorRequestId,
    },
  ]);
  const done = Promise.all([settled, written]);
  core.background(done);
  await settledWithin(done, longestWaitMs);
}

/** Resolves when the work has ended, well or badly, or when the time is up. */
async function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([Promise.allSettled([work]), timeIsUp]);
  clearTimeout(timer);
}

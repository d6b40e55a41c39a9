import { providerFor, type Failure } from "@stack-2025/byok-providers";
import { askVendor } from "../keys/probe.ts";
import { recordOutcome } from "../keys/health.ts";
import type { Scope } from "../scope.ts";
import type { CandidateKey } from "./candidates.ts";

/** How long a key rests while a probe decides whether it is dead; the probe itself ends it sooner. */
const suspicionMs = 15_000;
/** Without a hint of the provider's: long enough to pass a burst, short enough not to be felt. */
const restMs = 1_000;
/** Out of credit, and nobody knows until when: asked again after this. */
const exhaustedMs = 60 * 60_000;

/**
 * What a failure means for the key it was met with, done beside the call: the caller never waits for it. A 429 rests the
 * key for this model; an empty account rests the key until its time; a key that the vendor calls dead is probed at once,
 * and is `invalid` when that agrees: one 401 alone does not kill a key.
 */
export function takeConsequences(scope: Scope, key: CandidateKey, failure: Failure, model: string | null): void {
  const { core } = scope;
  const now = core.clock.now().getTime();
  if (failure.verdict === "rate_limited") core.parked.park(key, model, now + (failure.retryAfterMs ?? restMs));
  if (failure.verdict === "exhausted" && failure.scope === "model") {
    core.parked.park(key, model, failure.until?.getTime() ?? now + exhaustedMs);
  } else if (failure.verdict === "exhausted") {
    const until = failure.until ?? new Date(now + exhaustedMs);
    core.parked.park(key, null, Math.min(until.getTime(), now + suspicionMs));
    if (key.graceUntil === null) core.background(recordOutcome(core, key, { status: "exhausted", until, reason: failure.reason }));
  }
  if (failure.verdict === "invalid") {
    core.parked.suspect(key, now + suspicionMs);
    // A version in its grace goes by itself; what became of it says nothing of the key.
    if (key.graceUntil === null) core.background(confirm(scope, key));
  }
}

async function confirm(scope: Scope, key: CandidateKey): Promise<void> {
  const { core } = scope;
  const opened = key.open();
  const provider = providerFor(opened.provider);
  try {
    const probed = await provider.probe(opened.keyData, askVendor(core, provider, opened.keyData), core.clock.now(), core.baseUrl(provider.type));
    if (probed.outcome === "refused" && probed.failure.verdict === "invalid") {
      await recordOutcome(core, key, { status: "invalid", until: null, reason: probed.failure.reason });
    }
  } finally {
    core.parked.release(key, null);
  }
}

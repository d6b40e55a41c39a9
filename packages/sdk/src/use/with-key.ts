import type { Failure, ProviderType, Route } from "@stack-2025/byok-providers";
import type { ActiveKey, UseOptions } from "../byok.ts";
import { newId } from "../ids.ts";
import type { Reservation } from "../limits/limiter.ts";
import type { OwnerRef } from "../owners.ts";
import type { Scope } from "../scope.ts";
import { judge, type CandidateKey, type Judged } from "./candidates.ts";
import { takeConsequences } from "./consequences.ts";
import { refusal } from "./refusal.ts";

/** What one try came to. `settle` has been called, or will be when the answer's last byte has passed. */
export type Outcome<T> =
  /** The caller's answer, whatever its status. */
  | { kind: "answer"; value: T }
  /** The provider refused. `value` is what the caller gets where no other key helps. */
  | { kind: "refused"; failure: Failure; value: () => T | Promise<T>; discard(): void }
  /** Nothing reached the provider, so another key, or the same one, may be tried. */
  | { kind: "unsent"; error: Error };

/** What an attempt works with. */
export interface Try {
  readonly key: ActiveKey;
  readonly candidate: CandidateKey;
  readonly requestId: string;
  /** 1 for the first key. */
  readonly number: number;
  /** The tries before this one, and what each came to. */
  readonly previous: { keyId: string; error: unknown }[];
  readonly reservation: Reservation;
}

export interface UseRequest {
  owner: OwnerRef;
  provider: ProviderType;
  options: UseOptions;
  model: string | null;
  route: Route | "unknown" | null;
  /** The body is a stream: once it was sent, it is gone. */
  once: boolean;
}

/**
 * One call with the owner's keys, top to bottom: resolve, reserve, open, use; settling is the attempt's, since an answer
 * may stream for long after this returns. It alone loops, branches and catches; the rooms it calls do not call each other.
 *
 * @throws BYOKError no key was usable before any call
 * @throws RateLimitedError the ledger can hold no further event (`details.reason` is `ledger_full`)
 */
export async function withCandidates<T>(scope: Scope, request: UseRequest, attempt: (one: Try) => Promise<Outcome<T>>): Promise<T> {
  const { core } = scope;
  // What could not be counted is not begun.
  core.ledger.requireRoom();
  const requestId = newId("request");
  const judged = await candidates(scope, request);
  const previous: { keyId: string; error: unknown }[] = [];
  let last: Extract<Outcome<T>, { kind: "refused" }> | undefined;
  let unsent: Error | undefined;

  try {
    for (const one of judged) {
      if (one.reason !== "usable" || spendsForTheOwner(one, judged, previous)) continue;
      const key = one.key.open();

      request.options.signal?.throwIfAborted();
      const reserved = await core.limiter.reserve({ ownerId: one.key.ownerId, keyId: one.key.keyId, limits: one.key.limits });
      if ("refused" in reserved) {
        one.reason = reserved.refused.reason;
        one.until = reserved.refused.until;
        continue;
      }

      const outcome = await attempt({ key, candidate: one.key, requestId, number: previous.length + 1, previous, reservation: reserved.granted });
      if (outcome.kind === "answer") {
        last?.discard();
        return outcome.value;
      }
      if (outcome.kind === "unsent") {
        unsent = outcome.error;
        previous.push({ keyId: one.key.keyId, error: outcome.error });
        continue;
      }

      takeConsequences(scope, one.key, outcome.failure, request.model);
      previous.push({ keyId: one.key.keyId, error: outcome.failure });
      last?.discard();
      last = outcome;
      if (!mayMoveOn(outcome.failure, request)) break;
    }
  } catch (error) {
    // The try before this one was passed over all the same: it is counted, and what it held is given back.
    last?.discard();
    throw error;
  }

  // If any answer came, the last one is the caller's, untouched: the SDK raises its own class.
  if (last) return last.value();
  if (unsent) throw unsent;
  throw refusal(judged, request.provider, request.options.environment ?? "production", core.clock.now().getTime());
}

/** Every key that could come into question, in order, and why it would or would not be taken. Decrypts nothing. */
export async function candidates(scope: Scope, request: Omit<UseRequest, "once">): Promise<Judged[]> {
  const { core } = scope;
  const { options } = request;
  const keys = await core.resolver.keys(request.owner, request.provider);
  return judge(
    keys,
    {
      environment: options.environment ?? "production",
      organizationId: options.organizationId,
      keyId: options.keyId,
      model: request.model,
      fallbackToSystem: options.fallbackToSystem ?? true,
      route: request.route,
    },
    core.clock.now().getTime(),
    core.parked,
  );
}

/**
 * A customer's limit never moves spend to the operator: a system key is not taken where one of the owner's own was passed
 * over for a limit, a 429 or a provider's 5xx.
 */
export function spendsForTheOwner(one: Judged, judged: readonly Judged[], previous: readonly { keyId: string; error: unknown }[]): boolean {
  if (one.key.source !== "system") return false;
  return judged.some((other) => {
    if (other.key.source === "system") return false;
    if (other.reason === "rate_limited" || other.reason === "over_budget") return true;
    const failed = previous.find((attempt) => attempt.keyId === other.key.keyId)?.error;
    return isFailure(failed) && (failed.verdict === "rate_limited" || failed.verdict === "transient");
  });
}

function isFailure(error: unknown): error is Failure {
  return typeof error === "object" && error !== null && "verdict" in error;
}

/**
 * Another key could help, and nothing was done in the world that a second call would do again: an operation that acts
 * moves on only from answers that prove that nothing was done.
 */
function mayMoveOn(failure: Failure, request: UseRequest): boolean {
  if (!failure.failover || request.once) return false;
  const { route } = request;
  if (route === null || route === "unknown") return true;
  if (route.stateful) return false;
  return !route.acts || failure.verdict === "invalid" || failure.verdict === "forbidden" || failure.verdict === "rate_limited" || failure.verdict === "exhausted";
}

import { KeyNotFoundError, KeyValidationError, PermissionDeniedError, QuotaExceededError, RateLimitedError, type BYOKError, type CandidateReason } from "@stack-2025/byok-crypto";
import { toCandidate, type Judged } from "./candidates.ts";

/**
 * No key is left: the error of the best candidate, which is the first in resolution order, with every candidate's reason.
 * Keys of another environment, or not shared with the caller, are as good as none.
 */
export function refusal(judged: readonly Judged[], provider: string, environment: string, now: number): BYOKError {
  const candidates = judged.map(toCandidate);
  const best = judged.find((one) => one.reason !== "wrong_environment" && one.reason !== "not_shared");
  if (!best) {
    return new KeyNotFoundError(`There is no ${provider} key for ${environment}. Add one, or allow the system default.`, { candidates, details: { provider, environment } });
  }
  const { keyId } = best.key;
  const options = { candidates, details: { keyId, provider, reason: best.reason } };
  const sentence = `${sentences[best.reason]} (${provider} key ${keyId}${best.until ? `, until ${best.until.toISOString()}` : ""}).`;
  switch (best.reason) {
    case "sealed":
    case "route_not_allowed":
    case "suspended":
    case "own_keys_only":
      return new PermissionDeniedError(sentence, options);
    case "exhausted":
    case "over_budget":
    case "unpriced":
      return new QuotaExceededError(sentence, options);
    case "rate_limited":
      return new RateLimitedError(sentence, { ...options, retryAfterMs: best.until ? Math.max(0, best.until.getTime() - now) : null });
    default:
      return new KeyValidationError(sentence, options);
  }
}

const sentences: Record<CandidateReason, string> = {
  usable: "The key could not be used",
  disabled: "The key is disabled; enable it, or add another",
  expired: "The key's expiry date has passed; rotate it, or move the date",
  invalid: "The provider refused the key; replace it",
  exhausted: "The account behind the key is out of credit",
  rate_limited: "The key is at a rate limit; try again later",
  over_budget: "The key is over its budget for this period",
  model_not_allowed: "The key does not allow this model",
  route_not_allowed: "This operation is not allowed with a shared or system key",
  unpriced: "The key has a cost limit, and this model has no known price",
  suspended: "The operator has suspended this owner",
  own_keys_only: "The owner allows own keys only: the system's is not used, whatever the call asks for; add a key",
  wrong_environment: "The key is of another environment",
  not_shared: "The key is not shared",
  sealed: "The key is sealed; only a caller that can unseal it may use it",
};

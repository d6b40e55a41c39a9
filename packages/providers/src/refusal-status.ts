/**
 * The HTTP status of each of our codes on a vendor's path. It is the table of the service ("Error codes → HTTP"): the
 * vendors' SDKs choose their error class by it. `satisfies` makes a new code fail to compile until it is decided here.
 */
import { RateLimitedError } from "@stack-2025/byok-crypto";
import type { BYOKError, ErrorCode } from "@stack-2025/byok-crypto";
import type { Refusal } from "./provider.ts";

const statuses = {
  KEY_NOT_FOUND: 404,
  NOT_FOUND: 404,
  KEY_VALIDATION: 422,
  INVALID_INPUT: 400,
  PERMISSION_DENIED: 403,
  UNAUTHENTICATED: 401,
  QUOTA_EXCEEDED: 429,
  RATE_LIMITED: 429,
  CONFLICT: 409,
  PROVIDER_UNAVAILABLE: 503,
  ENCRYPTION: 500,
  CONFIGURATION: 500,
} as const satisfies Record<ErrorCode, number>;

/** Those that another try can cure. The SDKs of OpenAI and Anthropic retry 409, 429 and 5xx unless told not to. */
const passing: readonly ErrorCode[] = ["RATE_LIMITED", "PROVIDER_UNAVAILABLE"];

/** A refusal with the vendor's body for it. `Retry-After` is in whole seconds, at least one. */
export function refuse(error: BYOKError, body: (status: number) => object): Refusal {
  const status = statuses[error.code];
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (!passing.includes(error.code)) headers["x-should-retry"] = "false";
  if (error instanceof RateLimitedError && error.retryAfterMs !== null) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000)));
  }
  return { status, headers, body: JSON.stringify(body(status)) };
}

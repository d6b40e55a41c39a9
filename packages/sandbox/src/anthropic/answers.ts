// The headers and refusals that Anthropic's routes share. Shapes and types: Anthropic's API reference, read 2026-11-24.
import { accountOf } from "../account.ts";
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { badGatewayPage, echoing, json } from "../dialect.ts";

/** On every answer. */
export function vendorHeaders(call: Call): Record<string, string> {
  const account = accountOf(call.credential.key);
  return {
    "request-id": call.requestId,
    "anthropic-organization-id": `00000000-0000-4000-${account.slice(0, 4)}-${account.slice(4, 16)}`,
    "anthropic-workspace-id": `wrkspc_sandbox${account}`,
  };
}

/** On answers of models. The limits are wide and do not fill up: being limited is asked for by a fault. */
export function limitHeaders(call: Call, inputRemaining = 29_000, resetS = 2): Record<string, string> {
  const inSeconds = (seconds: number): string => new Date(call.at.getTime() + seconds * 1000).toISOString().replace(/\.\d{3}Z$/, "Z");
  const limits = [
    { name: "requests", limit: 50, remaining: 49, reset: inSeconds(1) },
    { name: "tokens", limit: 38_000, remaining: 37_000, reset: inSeconds(2) },
    { name: "input-tokens", limit: 30_000, remaining: inputRemaining, reset: inSeconds(resetS) },
    { name: "output-tokens", limit: 8000, remaining: 8000, reset: inSeconds(0) },
  ];
  return Object.fromEntries(
    limits.flatMap(({ name, limit, remaining, reset }) => [
      [`anthropic-ratelimit-${name}-limit`, String(limit)],
      [`anthropic-ratelimit-${name}-remaining`, String(remaining)],
      [`anthropic-ratelimit-${name}-reset`, reset],
    ]),
  );
}

export function errorBody(call: Call, type: string, message: string): object {
  return { type: "error", error: { type, message }, request_id: call.requestId };
}

export function refusal(call: Call, status: number, type: string, message: string, headers: Record<string, string> = {}): PlainAnswer {
  return json(status, { ...vendorHeaders(call), ...headers }, errorBody(call, type, message));
}

export function badRequest(call: Call, message: string): PlainAnswer {
  return refusal(call, 400, "invalid_request_error", message);
}

export function missingKey(call: Call): PlainAnswer {
  return json(401, { "request-id": call.requestId }, errorBody(call, "authentication_error", "x-api-key header is required"));
}

export function notFound(call: Call): PlainAnswer {
  return refusal(call, 404, "not_found_error", "Not Found");
}

export function methodNotAllowed(call: Call): PlainAnswer {
  return refusal(call, 405, "invalid_request_error", "Method Not Allowed");
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, 413, "request_too_large", "Request exceeds the maximum size");
}

export const refusals: Refusals = {
  badKey: (call) => unknownKey(call),
  noQuota: (call) => (call.paid ? badRequest(call, creditTooLow) : null),
  rateLimited: (call, retryAfterS) => rateLimited(call, Math.ceil(retryAfterS)),
  serverError,
  scoped: (call) => (/^\/v1\/models(\/|$)/.test(call.path) ? refusal(call, 403, "permission_error", notPermitted) : null),
  echoKey: (call) => echoing(unknownKey(call, `: ${call.credential.key}`), call.credential.key),
};

const notPermitted = "Your API key does not have permission to use the specified resource.";
const creditTooLow =
  "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.";

function unknownKey(call: Call, more = ""): PlainAnswer {
  const message = call.credential.header === "x-api-key" ? "invalid x-api-key" : "Invalid bearer token";
  return json(401, { "request-id": call.requestId }, errorBody(call, "authentication_error", `${message}${more}`));
}

function rateLimited(call: Call, retryAfterS: number): PlainAnswer {
  const message =
    "This request would exceed your organization's rate limit of 30,000 input tokens per minute. For details, refer to the rate limits documentation.";
  const headers = { ...limitHeaders(call, 0, retryAfterS), "retry-after": String(retryAfterS), "x-should-retry": "true" };
  return refusal(call, 429, "rate_limit_error", message, headers);
}

function serverError(call: Call, status: number): PlainAnswer {
  if (status === 502) return badGatewayPage();
  if (status === 504) return refusal(call, 504, "timeout_error", "Request timed out");
  if (status === 529) return refusal(call, 529, "overloaded_error", "Overloaded", { "x-should-retry": "true" });
  return refusal(call, status, "api_error", "Internal server error");
}

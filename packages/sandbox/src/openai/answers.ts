// The headers and refusals that OpenAI's routes share. Shapes and codes: OpenAI's API reference and error guide, read 2026-11-24.
import { accountOf } from "../account.ts";
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { badGatewayPage, echoing, json } from "../dialect.ts";

/** On every answer. */
export function vendorHeaders(call: Call): Record<string, string> {
  return {
    "openai-organization": `org-${accountOf(call.credential.key)}`,
    "openai-processing-ms": "41",
    "openai-version": "2020-10-01",
    "x-request-id": call.requestId,
  };
}

/** On answers of models. The limits are wide and do not fill up: being limited is asked for by a fault. */
export function limitHeaders(remaining: { requests: number; tokens: number } = { requests: 4999, tokens: 159_900 }): Record<string, string> {
  return {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-limit-tokens": "160000",
    "x-ratelimit-remaining-requests": String(remaining.requests),
    "x-ratelimit-remaining-tokens": String(remaining.tokens),
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-reset-tokens": "37ms",
  };
}

export interface ErrorBody {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

export function refusal(call: Call, status: number, error: ErrorBody, headers: Record<string, string> = {}): PlainAnswer {
  return json(status, { ...vendorHeaders(call), ...headers }, { error });
}

/** A 400 about one field. */
export function badRequest(call: Call, message: string, param: string | null, code: string | null): PlainAnswer {
  return refusal(call, 400, { message, type: "invalid_request_error", param, code });
}

export function badJson(call: Call): PlainAnswer {
  return badRequest(call, "We could not parse the JSON body of your request. The API expects a JSON payload.", null, null);
}

export function missing(call: Call, param: string): PlainAnswer {
  return badRequest(call, `Missing required parameter: '${param}'.`, param, "missing_required_parameter");
}

/** Models whose name holds `does-not-exist` are the only ones that the sandbox does not have. */
export function unknownModel(call: Call, model: string): PlainAnswer | null {
  if (!model.includes("does-not-exist")) return null;
  const message = `The model \`${model}\` does not exist or you do not have access to it.`;
  return refusal(call, 404, { message, type: "invalid_request_error", param: null, code: "model_not_found" });
}

export function missingKey(call: Call): PlainAnswer {
  const message =
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
  const headers = { "www-authenticate": 'Bearer realm="OpenAI API"', "x-request-id": call.requestId };
  return json(401, headers, { error: { message, type: "invalid_request_error", param: null, code: null } });
}

export function notFound(call: Call): PlainAnswer {
  return refusal(call, 404, { message: `Invalid URL (${call.method} ${call.path})`, type: "invalid_request_error", param: null, code: null });
}

export function methodNotAllowed(call: Call): PlainAnswer {
  const message = `Not allowed to ${call.method} on ${call.path}. (HINT: Perhaps you meant to make your request using a different HTTP method?)`;
  return refusal(call, 405, { message, type: "invalid_request_error", param: null, code: "method_not_supported" });
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, 413, { message: "Request too large.", type: "invalid_request_error", param: null, code: null });
}

export const refusals: Refusals = {
  badKey: (call) => unknownKey(call, masked(call.credential.key)),
  // The Realtime API opens all the same; its responses fail.
  noQuota: (call) => (call.paid && call.headers["upgrade"] === undefined ? refusal(call, 429, noQuota) : null),
  rateLimited,
  serverError,
  scoped: (call) => (/^\/v1\/models(\/|$)/.test(call.path) ? json(403, vendorHeaders(call), { error: missingScope }) : null),
  echoKey: (call) => echoing(unknownKey(call, call.credential.key), call.credential.key),
};

const noQuota: ErrorBody = {
  message:
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
  type: "insufficient_quota",
  param: null,
  code: "insufficient_quota",
};

/** Told as a plain string, unlike every other error. */
const missingScope =
  "You have insufficient permissions for this operation. Missing scopes: api.model.read. Check that you have the correct role in your organization (Reader, Writer, Owner) and project (Member, Owner), and if you're using a restricted API key, that it has the necessary scopes.";

/** The refusal of a key that is not known says its masked form. */
function unknownKey(call: Call, shown: string): PlainAnswer {
  const message = `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`;
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "www-authenticate": 'Bearer realm="OpenAI API"',
    "x-request-id": call.requestId,
  };
  return json(401, headers, { error: { message, type: "invalid_request_error", param: null, code: "invalid_api_key" } });
}

function masked(key: string): string {
  return key.length < 14 ? "*".repeat(key.length) : `${key.slice(0, 8)}${"*".repeat(key.length - 12)}${key.slice(-4)}`;
}

function rateLimited(call: Call, retryAfterS: number): PlainAnswer {
  const retryAfterMs = Math.round(retryAfterS * 1000);
  const message = `Rate limit reached for requests in organization org-${accountOf(call.credential.key)} on tokens per min (TPM): Limit 160000, Used 159988, Requested 24754. Please try again in ${retryAfterMs / 1000}s. Visit https://platform.openai.com/account/rate-limits to learn more.`;
  return refusal(
    call, 429, { message, type: "tokens", param: null, code: "rate_limit_exceeded" },
    {
      ...limitHeaders({ requests: 4999, tokens: 12 }), "x-ratelimit-reset-tokens": `${retryAfterMs / 1000}s`,
      "retry-after": String(Math.ceil(retryAfterS)), "retry-after-ms": String(retryAfterMs),
    },
  );
}

export const serverErrorBody: ErrorBody = {
  message: "The server had an error while processing your request. Sorry about that!",
  type: "server_error",
  param: null,
  code: null,
};

function serverError(call: Call, status: number): PlainAnswer {
  if (status === 502) return badGatewayPage();
  if (status !== 503) return refusal(call, status, serverErrorBody);
  const message = "The model is currently overloaded. Please try again later.";
  return refusal(call, 503, { message, type: "service_unavailable_error", param: null, code: "server_is_overloaded" }, { "retry-after": "5" });
}

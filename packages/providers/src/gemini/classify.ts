/**
 * What Gemini's refusals mean (its troubleshooting guide, google.rpc.ErrorReason, and reports of developers). Decided by
 * status and `ErrorInfo.reason`; by text only where Google gives no details: leaked keys, denied projects, requests
 * without a key, countries that are not served, and a quota of none.
 */
import { failure } from "../failure.ts";
import { googleError } from "../google/error.ts";
import { retryAfterMs } from "../waiting.ts";
import type { Failure, VendorAnswer } from "../failure.ts";
import type { GoogleError } from "../google/error.ts";

/** The Interactions API has words in the place of numbers, and its errors may come inside a 200. */
const statusOfWord: Readonly<Record<string, number>> = {
  invalid_request: 400,
  invalid_argument: 400,
  authentication_error: 401,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  quota_exceeded: 429,
  rate_limit_exceeded: 429,
  resource_exhausted: 429,
};

/** Names Gemini's refusal. `now` is what a delay counts from. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const error = googleError(answer.body);
  const code = error.reason ?? error.state;
  const status = answer.status >= 400 ? answer.status : (error.status ?? statusOfWord[error.state ?? ""] ?? 500);
  switch (status) {
    case 400:
      return badRequest(error, code);
    case 401:
      return error.reason === "ACCESS_TOKEN_TYPE_UNSUPPORTED" || error.reason === "CREDENTIALS_MISSING"
        ? failure("forbidden", "Gemini does not take this kind of Google key; it may be one of Vertex AI. Give a key from Google AI Studio, or store it for Vertex.", { code, scope: "configuration" })
        : failure("invalid", "Gemini refuses this key without saying why.", { code, certain: false });
    case 402:
      return failure("exhausted", "The prepaid credit of this Gemini key's billing account is used up.", { code, accountWide: true });
    case 403:
      return denied(error, code);
    case 404:
      return /^models\/|^tunedModels\/|\bmodel\b/i.test(error.message) ? failure("forbidden", "This Gemini key has no access to that model, or the model does not exist.", { code, scope: "model" }) : atFault(code);
    case 429:
      return limited(answer, error, code, now);
    case 408:
    case 409:
    case 499:
      return unwell(answer, error, code, now);
    default:
      return status >= 500 ? unwell(answer, error, code, now) : atFault(code);
  }
}

function badRequest({ reason, state, message }: GoogleError, code: string | null): Failure {
  if (reason === "API_KEY_INVALID") return failure("invalid", "Google does not know this key: it is wrong, deleted or expired.", { code });
  if (state === "FAILED_PRECONDITION" && message.startsWith("User location is not supported")) {
    return failure("forbidden", "Gemini does not serve the country that this call came from, at least not without billing.", { code, scope: "region", failover: false });
  }
  return atFault(code);
}

const misconfigured: Readonly<Record<string, string>> = {
  API_KEY_SERVICE_BLOCKED: "This Google key is restricted to other APIs; allow it the Gemini API.",
  API_KEY_HTTP_REFERRER_BLOCKED: "This Google key is restricted to web pages; servers need one without that restriction.",
  API_KEY_IP_ADDRESS_BLOCKED: "This Google key is restricted to other network addresses.",
  SERVICE_DISABLED: "The Gemini API is not enabled in the Google project of this key.",
};

function denied({ reason, message }: GoogleError, code: string | null): Failure {
  if (reason === "CONSUMER_SUSPENDED") return failure("invalid", "Google has suspended the project of this key.", { code, accountWide: true });
  const remedy = misconfigured[reason ?? ""];
  if (remedy !== undefined) return failure("forbidden", remedy, { code, scope: "configuration" });
  // These come without details.
  if (message.startsWith("Your API key was reported as leaked")) return failure("invalid", "Google has disabled this key because it was found in public.", { code });
  if (message.startsWith("Your project has been denied access")) return failure("invalid", "Google denies the project of this key access.", { code, accountWide: true });
  if (message.startsWith("Method doesn't allow unregistered callers")) return failure("caller", "The request reached Gemini without a key.", { code });
  return failure("forbidden", "Gemini does not allow this key to make this call.", { code, scope: "endpoint" });
}

/** Quotas are counted by project and model: a sibling key of one project meets the same. */
function limited(answer: VendorAnswer, { state, message, quotas, retryDelayMs }: GoogleError, code: string | null, now: Date): Failure {
  if (quotas.some(({ limit }) => limit === "0") || /\blimit: 0\b/.test(message)) {
    return failure("forbidden", "The Google project of this key has no quota at all for that model; waiting does not help.", { code, scope: "model" });
  }
  if (quotas.some(({ id }) => id.includes("PerDay")) || state === "quota_exceeded") {
    const until = retryDelayMs === null ? null : new Date(now.getTime() + retryDelayMs);
    const scope = quotas.length > 0 ? ("model" as const) : null;
    return failure("exhausted", "The Google project of this key has used its quota of the day.", { code, until, scope, accountWide: true });
  }
  return failure("rate_limited", "Gemini asks this key's project to slow down.", {
    code,
    retryAfterMs: retryDelayMs ?? retryAfterMs(answer.headers, now),
    scope: quotas.length > 0 ? "model" : null,
    accountWide: true,
  });
}

const atFault = (code: string | null): Failure => failure("caller", "Gemini refuses the request itself.", { code });

const unwell = (answer: VendorAnswer, { retryDelayMs }: GoogleError, code: string | null, now: Date): Failure =>
  failure("transient", "Gemini has trouble of its own at the moment.", { code, retryAfterMs: retryDelayMs ?? retryAfterMs(answer.headers, now) });

// The refusals that OpenRouter's routes share. Shapes and words: OpenRouter's documentation on errors and limits, read 2026-11-24.
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { badGatewayPage, echoing, json } from "../dialect.ts";

/** On every answer. Answers that went well name no limits. */
export function vendorHeaders(call: Call): Record<string, string> {
  return { server: "cloudflare", "cf-ray": `sandbox${call.sequence}-FRA`, "access-control-allow-origin": "*" };
}

export interface ErrorBody {
  readonly code: number;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export function told(call: Call, body: unknown, status = 200): PlainAnswer {
  return json(status, vendorHeaders(call), body);
}

export function refusal(call: Call, error: ErrorBody, headers: Record<string, string> = {}): PlainAnswer {
  return json(error.code, { ...vendorHeaders(call), ...headers }, { error });
}

/** Errors of choosing a model and somebody who serves it. */
export function unavailable(
  call: Call,
  code: number,
  errorType: string,
  message: string,
  availability: { code: string; retryable: boolean; [field: string]: unknown },
  headers: Record<string, string> = {},
): PlainAnswer {
  const requested_models = [modelOf(call)];
  const docs_url = `https://openrouter.ai/docs/errors#${availability.code}`;
  return refusal(
    call,
    { code, message, error_type: errorType, http_status: code, availability: { requested_models, docs_url, ...availability } },
    headers,
  );
}

export function missingKey(call: Call): PlainAnswer {
  return refusal(call, { code: 401, message: "Missing Authentication header" });
}

export function notFound(call: Call): PlainAnswer {
  return refusal(call, { code: 404, message: "Not Found" });
}

export function methodNotAllowed(call: Call): PlainAnswer {
  return refusal(call, { code: 405, message: "Method Not Allowed" });
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, { code: 413, message: "Payload Too Large" });
}

/** What a provider behind OpenRouter did; also stands inside of answers with status 200. */
export const providerError: ErrorBody = {
  code: 502,
  message: "Provider returned error",
  metadata: { error_type: "provider_unavailable" },
};

export const refusals: Refusals = {
  badKey: (call) => refusal(call, { code: 401, message: "User not found." }),
  noQuota: (call) => (call.paid ? refusal(call, noCredits) : null),
  rateLimited,
  serverError,
  scoped: (call) =>
    call.paid
      ? unavailable(call, 403, "permission_denied", `${modelOf(call)} is not available in your region.`, {
          code: "region_restricted",
          retryable: false,
        })
      : null,
  echoKey: (call) =>
    echoing(refusal(call, { code: 401, message: `User not found: ${call.credential.key}` }), call.credential.key),
};

const noCredits: ErrorBody = {
  code: 402,
  message: "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
  metadata: { error_type: "payment_required", limit_source: "openrouter_credits" },
};

/** A free model's limit is the platform's and the day's; a paid one's is how much those who serve it can take. */
function rateLimited(call: Call, retryAfterS: number): PlainAnswer {
  const seconds = Math.ceil(retryAfterS);
  if (modelOf(call).endsWith(":free")) {
    const reset = String(call.at.getTime() + seconds * 1000);
    const headers = { "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset };
    const message = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day";
    return refusal(call, { code: 429, message, metadata: { error_type: "rate_limit_exceeded", headers } }, headers);
  }
  const message = `All providers for ${modelOf(call)} are at capacity. Retry after ${seconds} seconds.`;
  const availability = {
    code: "capacity_exhausted",
    retryable: true,
    retry_after: seconds,
    affected_providers: ["openai", "azure"],
    fallback_models: [],
  };
  return unavailable(call, 429, "rate_limit_exceeded", message, availability, { "retry-after": String(seconds) });
}

function serverError(call: Call, status: number): PlainAnswer {
  if (status === 502) return call.paid ? refusal(call, providerError) : badGatewayPage();
  if (status === 503) {
    const availability = { code: "temporarily_unavailable", retryable: true, retry_after: 12 };
    return unavailable(call, 503, "provider_overloaded", `${modelOf(call)} is temporarily unavailable.`, availability, {
      "retry-after": "12",
    });
  }
  return refusal(call, { code: status, message: "Internal Server Error", metadata: { error_type: "server" } });
}

/** The model that the request names. */
export function modelOf(call: Pick<Call, "body">): string {
  return /"model"\s*:\s*"([^"]*)"/.exec(call.body.toString("utf8"))?.[1] ?? "openrouter/auto";
}

/**
 * What OpenRouter's refusals mean (errors-and-debugging and limits guides of 2026-08-22, @openrouter/sdk 1.3.19).
 * Decided by the error's code with `limit_source`, `reason`, `availability.code` and `error_type`, which stand in the
 * error or its metadata; by text only for the older answers that have none of them. An error can come inside a 200.
 */
import { failure } from "../failure.ts";
import { answerObjects, object, text } from "../vendor-json.ts";
import { retryAfterMs } from "../waiting.ts";
import type { Failure, VendorAnswer } from "../failure.ts";
import type { JsonObject } from "../vendor-json.ts";

interface OpenRouterError {
  status: number | null;
  /** What the failure is known by. */
  code: string | null;
  type: string | null;
  message: string;
  metadata: JsonObject;
  availability: JsonObject;
}

const absent: OpenRouterError = { status: null, code: null, type: null, message: "", metadata: {}, availability: {} };

function errorOf(body: string): OpenRouterError {
  for (const answer of answerObjects(body)) {
    const error = object(answer["error"]) ?? object(object(answer["response"])?.["error"]);
    if (!error) continue;
    const metadata = object(error["metadata"]) ?? {};
    const availability = object(error["availability"]) ?? object(metadata["availability"]) ?? {};
    const type = text(metadata["error_type"]) ?? text(error["error_type"]) ?? null;
    const status = typeof error["code"] === "number" ? error["code"] : null;
    const code = text(availability["code"]) ?? text(metadata["reason"]) ?? text(metadata["limit_source"]) ?? type ?? (status === null ? null : String(status));
    return { status, code, type, message: text(error["message"]) ?? "", metadata, availability };
  }
  return absent;
}

/** Names OpenRouter's refusal. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const error = errorOf(answer.body);
  const { code } = error;
  const status = answer.status >= 400 ? answer.status : (error.status ?? 500);
  switch (status) {
    case 401:
      return unauthenticated(error);
    case 402:
      return unpaid(answer, error, now);
    case 403:
      return denied(error);
    case 400:
    case 404:
      return error.availability["code"] === undefined ? atFault(code) : unavailable(answer, error, now);
    case 429:
      return limited(answer, error, now);
    case 408:
    case 409:
      return unwell(answer, error, now);
    default:
      return status >= 500 ? unwell(answer, error, now) : atFault(code);
  }
}

function unauthenticated({ code, type, message }: OpenRouterError): Failure {
  // No code tells that no key was sent.
  if (/^(?:Missing Authentication header|No cookie auth credentials found)/.test(message)) {
    return failure("caller", "The request reached OpenRouter without a key.", { code });
  }
  return type === "authentication" || message === "User not found."
    ? failure("invalid", "OpenRouter does not know this key: it is wrong, deleted or disabled.", { code })
    : failure("invalid", "OpenRouter refuses this key without saying why.", { code, certain: false });
}

function unpaid(answer: VendorAnswer, { code, message, metadata }: OpenRouterError, now: Date): Failure {
  const source = metadata["limit_source"];
  if (source === "openrouter_in_flight_budget" || metadata["reason"] === "in_flight_budget_exhausted") {
    return failure("rate_limited", "Too many paid requests of this OpenRouter account are under way for its balance.", { code, retryAfterMs: retryAfterMs(answer.headers, now), accountWide: true });
  }
  // The limit's source is the credit here too; older answers say it in words alone.
  if (metadata["reason"] === "weight_exceeds_budget" || /\bcan only afford\b/.test(message)) {
    return failure("caller", "The request may cost more than this OpenRouter key can still pay; a smaller max_tokens, or a key with more credit, may pass.", { code, failover: true });
  }
  return source === "openrouter_key_limit"
    ? failure("exhausted", "This OpenRouter key has reached the limit that was set for it.", { code })
    : failure("exhausted", "The OpenRouter account of this key has no credit left.", { code, accountWide: true });
}

function denied(error: OpenRouterError): Failure {
  const { code, metadata, availability } = error;
  if (metadata["limit_source"] !== undefined || metadata["resets_at"] !== undefined) {
    return failure("exhausted", "A budget that is set for this OpenRouter key or its workspace is used up.", { code, until: dateOf(metadata["resets_at"]), accountWide: metadata["scope"] === "workspace" || metadata["scope"] === "organization" });
  }
  if (availability["code"] !== undefined) return noModel(code);
  if (["reasons", "flagged_input", "patterns"].some((name) => metadata[name] !== undefined)) {
    return failure("caller", "OpenRouter's moderation or a guardrail stopped the request.", { code });
  }
  return failure("forbidden", "OpenRouter does not allow this key to make this call.", { code, scope: "endpoint", certain: false });
}

function limited(answer: VendorAnswer, error: OpenRouterError, now: Date): Failure {
  const { code, metadata } = error;
  if (error.availability["code"] !== undefined) return unavailable(answer, error, now);
  // Only OpenRouter's own limits, those of free models, have a reset: epoch milliseconds.
  const reset = Number(answer.headers["x-ratelimit-reset"] ?? text(object(metadata["headers"])?.["X-RateLimit-Reset"]) ?? Number.NaN);
  const waitMs = reset - now.getTime();
  // A wait that can be expressed as one is a wait; a longer one is a day's allowance that is used up.
  if (waitMs > 3_600_000 && reset < 8e15) {
    return failure("exhausted", "This OpenRouter account has used its free requests of the day.", { code, until: new Date(reset), scope: "model", accountWide: true });
  }
  return failure("rate_limited", "OpenRouter, or the vendor behind it, asks to slow down.", {
    code,
    retryAfterMs: retryAfterMs(answer.headers, now) ?? (Number.isNaN(waitMs) ? null : waitMs),
    scope: "model",
  });
}

/** `availability` says that the model cannot be had, now or at all. */
function unavailable(answer: VendorAnswer, error: OpenRouterError, now: Date): Failure {
  return error.availability["retryable"] === true ? unwell(answer, error, now) : noModel(error.code);
}

const noModel = (code: string | null): Failure => failure("forbidden", "This OpenRouter key cannot reach that model, or the model does not exist.", { code, scope: "model" });

const atFault = (code: string | null): Failure => failure("caller", "OpenRouter refuses the request itself.", { code });

function unwell(answer: VendorAnswer, { code, availability }: OpenRouterError, now: Date): Failure {
  const told = availability["retry_after"];
  return failure("transient", "OpenRouter, or the vendor behind it, has trouble of its own at the moment.", {
    code,
    retryAfterMs: retryAfterMs(answer.headers, now) ?? (typeof told === "number" ? told * 1_000 : null),
  });
}

function dateOf(value: unknown): Date | null {
  const date = new Date(text(value) ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

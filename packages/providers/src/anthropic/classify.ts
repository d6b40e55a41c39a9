/**
 * What Anthropic's refusals mean (its error guide, the error types of @anthropic-ai/sdk 1.12.0, and reports of
 * developers). Decided by status, type and `details.error_code`; by text only where Anthropic gives neither a type nor
 * a code of its own: empty credit, spend limits and disabled organizations are all a 400 `invalid_request_error`.
 */
import { failure } from "../failure.ts";
import { answerObjects, object, text } from "../vendor-json.ts";
import { nextMonth, retryAfterMs } from "../waiting.ts";
import type { Failure, VendorAnswer } from "../failure.ts";

interface AnthropicError {
  type: string | null;
  /** `details.error_code`. */
  code: string | null;
  message: string;
  /** The edge in front of the API answers in a shape without `type: "error"`. */
  fromApi: boolean;
}

function errorOf(body: string): AnthropicError | undefined {
  for (const answer of answerObjects(body)) {
    const error = object(answer["error"]);
    if (!error) continue;
    return {
      type: text(error["type"]) ?? null,
      code: text(object(error["details"])?.["error_code"]) ?? null,
      message: text(error["message"]) ?? "",
      fromApi: answer["type"] === "error",
    };
  }
  return undefined;
}

/** An error inside a stream has come after a 200: what it would have been as a status. */
const statusInStream: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** Names Anthropic's refusal. `now` says which month a spend limit is about. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const error = errorOf(answer.body) ?? { type: null, code: null, message: "", fromApi: false };
  const status = answer.status >= 400 ? answer.status : (statusInStream[error.type ?? ""] ?? 500);
  const code = error.code ?? error.type;
  switch (status) {
    case 400:
      return badRequest(error, now);
    case 401:
      return error.type === "authentication_error"
        ? failure("invalid", "Anthropic does not know this key: it is wrong, expired or revoked.", { code })
        : failure("invalid", "Anthropic refuses this key without saying why.", { code, certain: false });
    case 402:
      return failure("exhausted", "The Anthropic organization of this key has a problem with its billing.", { code, accountWide: true });
    case 403:
      return denied(error);
    case 404:
      return error.type === "not_found_error" && error.message.startsWith("model:")
        ? failure("forbidden", "This Anthropic key has no access to that model, or the model does not exist.", { code, scope: "model" })
        : atFault(code);
    case 429:
      return limited(answer, error, now);
    case 408:
    case 409:
      return unwell(answer, code, now);
    default:
      return status >= 500 ? unwell(answer, code, now) : atFault(code);
  }
}

function badRequest({ type, code, message }: AnthropicError, now: Date): Failure {
  if (code === "organization_on_hold") {
    return failure("invalid", "The Anthropic organization of this key is on hold.", { code, accountWide: true });
  }
  if (code === "cmek_key_disabled") {
    return failure("forbidden", "The customer-managed encryption key of this Anthropic organization is disabled.", { code, scope: "configuration", accountWide: true });
  }
  if (type !== "invalid_request_error" || code !== null) return atFault(code ?? type);
  if (message.startsWith("This organization has been disabled")) {
    return failure("invalid", "The Anthropic organization of this key is disabled.", { code: type, accountWide: true });
  }
  if (message.startsWith("Your credit balance is too low")) {
    return failure("exhausted", "The Anthropic organization of this key has no credit left.", { code: type, accountWide: true });
  }
  const limit = /^You have reached your specified (workspace )?API usage limits/.exec(message);
  if (limit) {
    const whose = limit[1] === undefined ? "organization" : "workspace";
    return failure("exhausted", `The Anthropic ${whose} of this key has reached its spend limit.`, {
      code: type,
      until: dateIn(message) ?? nextMonth(now),
      accountWide: whose === "organization",
    });
  }
  return atFault(type);
}

/** `… on 2026-12-01 at 00:00 UTC.` */
function dateIn(message: string): Date | null {
  const found = /(\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC/.exec(message);
  if (!found) return null;
  const date = new Date(`${found[1]}T${found[2]}:00Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}

function denied({ type, code, fromApi }: AnthropicError): Failure {
  if (!fromApi && type === "forbidden") {
    return failure("forbidden", "Anthropic does not serve the network or country that this call came from.", { code: type, scope: "region", failover: false });
  }
  return type === "permission_error"
    ? failure("forbidden", "This Anthropic key lacks the permission for this call.", { code: code ?? type, scope: "endpoint" })
    : failure("forbidden", "Anthropic does not allow this key to make this call.", { code: code ?? type, certain: false });
}

function limited(answer: VendorAnswer, { type, code }: AnthropicError, now: Date): Failure {
  switch (code) {
    case "enforced_spend_limit_reached":
      return failure("exhausted", "The Anthropic organization of this key has reached its monthly spend limit.", { code, until: nextMonth(now), accountWide: true });
    case "contract_spend_limit_reached":
      return failure("exhausted", "The Anthropic organization of this key has reached the spend limit of its contract.", { code, accountWide: true });
    default:
      return failure("rate_limited", "Anthropic asks this key to slow down.", { code: code ?? type, retryAfterMs: retryAfterMs(answer.headers, now) });
  }
}

const atFault = (code: string | null): Failure => failure("caller", "Anthropic refuses the request itself.", { code });

const unwell = (answer: VendorAnswer, code: string | null, now: Date): Failure =>
  failure("transient", "Anthropic has trouble of its own at the moment.", { code, retryAfterMs: retryAfterMs(answer.headers, now) });

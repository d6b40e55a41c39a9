/**
 * What OpenAI's refusals mean (its error guide, openapi.yaml of 2026-08-21, and reports of developers). Decided by
 * status and machine code; by text only where OpenAI gives no code of its own, and such lines say so.
 */
import { failure } from "../failure.ts";
import { answerObjects, object, text } from "../vendor-json.ts";
import { durationMs, nextMonth, retryAfterMs } from "../waiting.ts";
import { openaiRegions } from "./credentials.ts";
import type { Failure, VendorAnswer } from "../failure.ts";

interface OpenAIError {
  code: string | null;
  type: string | null;
  message: string;
}

/** `{ error: { … } }`, `{ error: "…" }` (restricted keys), and the errors of both kinds of stream. */
function errorOf(body: string): OpenAIError | undefined {
  for (const answer of answerObjects(body)) {
    const response = object(answer["response"]);
    const error = answer["error"] ?? response?.["error"] ?? (answer["type"] === "error" ? answer : undefined);
    if (typeof error === "string") return { code: null, type: null, message: error };
    const fields = object(error);
    if (fields) return { code: text(fields["code"]) ?? null, type: text(fields["type"]) ?? null, message: text(fields["message"]) ?? "" };
  }
  return undefined;
}

/** An error inside a stream has come after a 200: what it would have been as a status. */
const statusInStream: Readonly<Record<string, number>> = {
  invalid_api_key: 401,
  incorrect_hostname: 401,
  data_residency_mismatch: 401,
  rate_limit_exceeded: 429,
  slow_down: 429,
  insufficient_quota: 429,
  credit_balance_exhausted: 429,
  billing_not_active: 429,
  organization_spend_limit_exceeded: 429,
  project_spend_limit_exceeded: 429,
  organization_usage_limit_exceeded: 429,
  model_not_found: 404,
};

function statusOf(answer: VendorAnswer, { code, type }: OpenAIError): number {
  if (answer.status >= 400) return answer.status;
  return statusInStream[code ?? ""] ?? (type === "invalid_request_error" ? 400 : 500);
}

/** Spend limits that begin anew with the month; a limit of a project leaves the organization's other projects alone. */
const monthly: ReadonlySet<string> = new Set(["organization_spend_limit_exceeded", "organization_usage_limit_exceeded", "project_spend_limit_exceeded"]);
const broke: ReadonlySet<string> = new Set([...monthly, "credit_balance_exhausted", "insufficient_quota", "billing_not_active"]);

/** Names OpenAI's refusal. `now` says which month a spend limit is about. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const error = errorOf(answer.body) ?? { code: null, type: null, message: "" };
  const status = statusOf(answer, error);
  const { code } = error;
  switch (status) {
    case 401:
    case 403:
      return denied(status, error);
    case 429:
      return limited(answer, error, now);
    case 404:
      return code === "model_not_found" ? noModel(code) : atFault(code);
    case 400:
      return code === "invalid_organization" ? wrongOrganization(code) : atFault(code);
    case 408:
    case 409:
      return unwell(answer, code, now);
    default:
      if (status < 500) return atFault(code);
      return code === "slow_down" ? limited(answer, error, now) : unwell(answer, code, now);
  }
}

function denied(status: 401 | 403, { code, message }: OpenAIError): Failure {
  // No documented code: one fixture shows `invalid_api_key` with an IP message, so the text is looked at first.
  if (status === 401 && (code === "ip_not_authorized" || /\bIP\b/.test(message))) {
    return failure("forbidden", "OpenAI refuses this key from our network address; it is not on the allow-list of the project or organization.", { code, scope: "network" });
  }
  // The error may be a plain string without a code.
  if (code === "missing_scope" || /\bMissing scopes:/.test(message)) {
    return failure("forbidden", "This OpenAI key is restricted and lacks the permission for this call.", { code, scope: "endpoint" });
  }
  switch (code) {
    case "mismatched_organization":
    case "invalid_organization":
      return wrongOrganization(code);
    case "incorrect_hostname":
    case "data_residency_mismatch":
      return wrongRegion(code, message);
    case "unsupported_country_region_territory":
      return failure("forbidden", "OpenAI does not serve the country that this call came from.", { code, scope: "region", failover: false });
    case "model_not_found":
      return noModel(code);
  }
  if (status === 403) return failure("forbidden", "OpenAI does not allow this key to make this call.", { code, certain: false });
  switch (code) {
    case "invalid_api_key":
      return failure("invalid", "OpenAI does not know this key: it is wrong, deleted or revoked.", { code });
    case "account_deactivated":
      return failure("invalid", "The OpenAI account of this key is deactivated.", { code, accountWide: true });
    case "no_organization":
      return failure("invalid", "The owner of this OpenAI key is no longer a member of any organization.", { code });
  }
  if (code === null && message.startsWith("You didn't provide an API key")) {
    return failure("caller", "The request reached OpenAI without a key.", { code });
  }
  return failure("invalid", "OpenAI refuses this key without saying why.", { code, certain: false });
}

function limited(answer: VendorAnswer, { code, type, message }: OpenAIError, now: Date): Failure {
  if (type === "insufficient_quota" || broke.has(code ?? "")) {
    if (monthly.has(code ?? "")) {
      const project = code === "project_spend_limit_exceeded";
      return failure("exhausted", `The ${project ? "OpenAI project" : "OpenAI organization"} of this key has reached its monthly limit.`, {
        code,
        until: nextMonth(now),
        accountWide: !project,
      });
    }
    const reason = code === "billing_not_active" ? "The OpenAI account of this key is not active; its billing needs attention." : "The OpenAI account of this key has no credit left.";
    return failure("exhausted", reason, { code, accountWide: true });
  }
  const waitInText = /try again in (\S+)/.exec(message)?.[1];
  // The one code means "slow down" and "can never pass on this tier"; only the text tells them apart.
  if (message.startsWith("Request too large") && waitInText === undefined) {
    return failure("caller", "The request is larger than OpenAI's whole limit a minute for this key; it has to be shorter.", { code });
  }
  return failure("rate_limited", "OpenAI asks this key to slow down.", {
    code,
    retryAfterMs: retryAfterMs(answer.headers, now) ?? durationMs(waitInText) ?? spentLimitMs(answer.headers),
  });
}

/** The longer reset of those limits that have nothing left. The header tells when a limit is full again, so this waits long enough. */
function spentLimitMs(headers: VendorAnswer["headers"]): number | null {
  const resets = ["requests", "tokens"]
    .filter((limit) => headers[`x-ratelimit-remaining-${limit}`] === "0")
    .flatMap((limit) => durationMs(headers[`x-ratelimit-reset-${limit}`]) ?? []);
  return resets.length > 0 ? Math.max(...resets) : null;
}

const noModel = (code: string): Failure => failure("forbidden", "This OpenAI key has no access to that model, or the model does not exist.", { code, scope: "model" });

const wrongOrganization = (code: string): Failure =>
  failure("forbidden", "The organization stored with this OpenAI key is not one that the key belongs to. Correct keyData.organization, or leave it out.", { code, scope: "configuration" });

function wrongRegion(code: string, message: string): Failure {
  // The right host stands in the text alone; only one of the fixed list is repeated.
  const region = openaiRegions.find((one) => message.includes(`${one}.api.openai.com`));
  const remedy = region ? `Set keyData.region to "${region}".` : "Set keyData.region to the project's region, or leave it out.";
  return failure("forbidden", `The project of this OpenAI key has to be called at another regional host. ${remedy}`, { code, scope: "configuration" });
}

const atFault = (code: string | null): Failure => failure("caller", "OpenAI refuses the request itself.", { code });

const unwell = (answer: VendorAnswer, code: string | null, now: Date): Failure =>
  failure("transient", "OpenAI has trouble of its own at the moment.", { code, retryAfterMs: retryAfterMs(answer.headers, now) });

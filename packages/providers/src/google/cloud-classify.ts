/**
 * What the refusals of Google Cloud's APIs and of its token endpoint mean (google.rpc.ErrorReason, cloud.google.com
 * error pages, and reports of developers). Decided by status and `ErrorInfo.reason`; by text only where Google gives no
 * reason: the causes of `invalid_grant`, billing, and the three kinds of 429 at Vertex.
 */
import { failure } from "../failure.ts";
import { parseObject, text } from "../vendor-json.ts";
import { retryAfterMs } from "../waiting.ts";
import { googleError } from "./error.ts";
import type { Failure, VendorAnswer } from "../failure.ts";
import type { GoogleError } from "./error.ts";

/** How a product's own refusals are told. */
interface Product {
  /** `Vertex AI`. */
  name: string;
  /** The role that a service account needs, as the console names it. */
  role: string;
}

/** Makes the classifier of a product. `now` is what a delay counts from. */
export function cloudClassifier(product: Product): (answer: VendorAnswer, now: Date) => Failure {
  return (answer, now) => {
    const grant = parseObject(answer.body);
    const word = text(grant?.["error"]);
    if (word !== undefined) return tokenRefused(word, text(grant?.["error_description"]) ?? "", answer, now);
    const error = googleError(answer.body);
    const code = error.reason ?? error.state;
    const status = answer.status >= 400 ? answer.status : (error.status ?? 500);
    switch (status) {
      case 400:
        return error.reason === "API_KEY_INVALID" ? failure("invalid", "Google does not know this key: it is wrong, deleted or expired.", { code }) : atFault(product, code);
      case 401:
        return unauthenticated(product, error, code);
      case 402:
        return failure("exhausted", "The billing of this key's Google project needs attention.", { code, accountWide: true });
      case 403:
        return denied(product, error, code);
      case 404:
        return /\bmodel\b/i.test(error.message)
          ? failure("forbidden", `This ${product.name} key has no access to that model in this location, or the model does not exist.`, { code, scope: "model" })
          : atFault(product, code);
      case 429:
        return limited(product, answer, error, code, now);
      case 408:
      case 409:
      case 499:
        return unwell(product, answer, error, code, now);
      default:
        return status >= 500 ? unwell(product, answer, error, code, now) : atFault(product, code);
    }
  };
}

/** The token endpoint has one word for most of its refusals; only the description tells a deleted key from our clock. */
function tokenRefused(word: string, description: string, answer: VendorAnswer, now: Date): Failure {
  if (answer.status >= 500) return failure("transient", "Google's token endpoint has trouble of its own at the moment.", { code: word, retryAfterMs: retryAfterMs(answer.headers, now) });
  if (answer.status === 429) return failure("rate_limited", "Google's token endpoint asks to slow down.", { code: word, retryAfterMs: retryAfterMs(answer.headers, now) });
  if (word === "deleted_client") return failure("invalid", "The service account of this key is deleted.", { code: word });
  if (word !== "invalid_grant") return failure("caller", "Google's token endpoint refuses the request itself.", { code: word });
  if (/reasonable timeframe/.test(description)) return failure("transient", "Our clock is wrong: Google does not accept the time of the signature.", { code: word, failover: false });
  if (/Invalid JWT Signature/i.test(description)) return failure("invalid", "Google does not accept the signature: this key of the service account is deleted or disabled.", { code: word });
  if (/account not found|disabled/i.test(description)) return failure("invalid", "The service account of this key is deleted or disabled.", { code: word });
  return failure("invalid", "Google gives this service account no token without saying why.", { code: word, certain: false });
}

function unauthenticated({ name }: Product, { reason }: GoogleError, code: string | null): Failure {
  switch (reason) {
    // The call carried a token that we made; a new one cures it, another key is not needed.
    case "ACCESS_TOKEN_EXPIRED":
      return failure("transient", "The access token that was made of this key has ended.", { code, failover: false });
    case "CREDENTIALS_MISSING":
    case "ACCESS_TOKEN_TYPE_UNSUPPORTED":
      return failure("forbidden", `${name} does not take this kind of Google key here. Give a service account.`, { code, scope: "configuration" });
    default:
      return failure("invalid", `${name} refuses this key without saying why.`, { code, certain: false });
  }
}

function denied({ name, role }: Product, { reason, message }: GoogleError, code: string | null): Failure {
  const configuration = (remedy: string): Failure => failure("forbidden", remedy, { code, scope: "configuration" });
  switch (reason) {
    case "IAM_PERMISSION_DENIED":
      return failure("forbidden", `The service account may not do this; it needs the role ${role}.`, { code, scope: "endpoint" });
    case "SERVICE_DISABLED":
      return configuration(`The API of ${name} is not enabled in the Google project of this key.`);
    case "CONSUMER_INVALID":
      return configuration("The Google project stored with this key is not one that the key belongs to.");
    case "API_KEY_SERVICE_BLOCKED":
      return configuration(`This Google key is restricted to other APIs; allow it ${name}.`);
    case "API_KEY_HTTP_REFERRER_BLOCKED":
      return configuration("This Google key is restricted to web pages; servers need one without that restriction.");
    case "API_KEY_IP_ADDRESS_BLOCKED":
      return configuration("This Google key is restricted to other network addresses.");
    case "BILLING_DISABLED":
      return failure("exhausted", "Billing is disabled for the Google project of this key.", { code, accountWide: true });
    case "CONSUMER_SUSPENDED":
      return failure("exhausted", "Google has suspended the project of this key.", { code, accountWide: true });
    default:
      return /requires billing to be enabled/.test(message)
        ? failure("exhausted", "Billing is disabled for the Google project of this key.", { code, accountWide: true })
        : failure("forbidden", `${name} does not allow this key to make this call.`, { code, scope: "endpoint" });
  }
}

function limited({ name }: Product, answer: VendorAnswer, { message, metadata, quotas, retryDelayMs }: GoogleError, code: string | null, now: Date): Failure {
  const waitMs = retryDelayMs ?? retryAfterMs(answer.headers, now);
  // Capacity that all customers share: another location may have some, another key has not.
  if (/^Resource exhausted\b/.test(message)) return failure("transient", `${name} has no capacity left for that model at the moment.`, { code, retryAfterMs: waitMs, scope: "model" });
  const daily = /\/d\b|\bday\b|PerDay/i.test(text(metadata["quota_unit"]) ?? "") || quotas.some(({ id }) => id.includes("PerDay"));
  if (daily) {
    const until = retryDelayMs === null ? pacificMidnight(now) : new Date(now.getTime() + retryDelayMs);
    return failure("exhausted", "The Google project of this key has used its quota of the day.", { code, until, accountWide: true });
  }
  return failure("rate_limited", `${name} asks this key's project to slow down.`, { code, retryAfterMs: waitMs, accountWide: true });
}

/** When Google's daily quotas begin anew: the next midnight in California. In the night of a clock change it is an hour off. */
function pacificMidnight(now: Date): Date {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: "America/Los_Angeles", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" }).formatToParts(now);
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value ?? 0);
  const goneSeconds = part("hour") * 3_600 + part("minute") * 60 + part("second");
  return new Date(Math.floor(now.getTime() / 1_000) * 1_000 + (86_400 - goneSeconds) * 1_000);
}

const atFault = ({ name }: Product, code: string | null): Failure => failure("caller", `${name} refuses the request itself.`, { code });

const unwell = ({ name }: Product, answer: VendorAnswer, { retryDelayMs }: GoogleError, code: string | null, now: Date): Failure =>
  failure("transient", `${name} has trouble of its own at the moment.`, { code, retryAfterMs: retryDelayMs ?? retryAfterMs(answer.headers, now) });

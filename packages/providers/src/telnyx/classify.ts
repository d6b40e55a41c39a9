/**
 * What Telnyx's refusals mean (developers.telnyx.com, API errors, and its machine-readable catalogue of codes). Decided by
 * Telnyx's own code, which is text; by its words only where one code means both a wrong key and none.
 */
import { failure } from "../failure.ts";
import { answerObjects, objects, text } from "../vendor-json.ts";
import { retryAfterMs } from "../waiting.ts";
import type { Failure, VendorAnswer } from "../failure.ts";

/** No funds; inactive, which mostly means none; blocked. */
const broke: ReadonlySet<string> = new Set(["20100", "20012", "20013"]);
/** Destinations, levels and features that an account has not been verified for. */
const unverified: ReadonlySet<string> = new Set(["10039", "20014", "20015", "20016", "20017"]);

function errorOf(body: string): { code: string | null; detail: string } {
  const [answer] = answerObjects(body);
  const [error] = objects(answer?.["errors"]);
  return { code: text(error?.["code"]) ?? null, detail: text(error?.["detail"]) ?? "" };
}

/** Names Telnyx's refusal. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const { code, detail } = errorOf(answer.body);
  const { status } = answer;
  if (broke.has(code ?? "") || status === 402) {
    return failure("exhausted", code === "20013" ? "Telnyx has blocked the account of this key." : "The Telnyx account of this key has no funds left, or is not active.", { code, accountWide: true });
  }
  if (unverified.has(code ?? "")) {
    return failure("forbidden", "The Telnyx account of this key is not verified for this.", { code, scope: "configuration", accountWide: true });
  }
  if (code === "20002") return failure("invalid", "This Telnyx key has been revoked.", { code });
  switch (status) {
    case 401:
      return code === "10009" && detail.startsWith("No key found")
        ? failure("invalid", "Telnyx does not know this key: it is wrong or deleted.", { code })
        : failure("invalid", "Telnyx refuses this key without saying why.", { code, certain: false });
    case 403:
      return failure("forbidden", "Telnyx does not allow this key to make this call.", { code, scope: "endpoint" });
    case 429:
      return failure("rate_limited", "Telnyx asks this account to slow down.", { code, retryAfterMs: retryAfterMs(answer.headers, now) ?? resetMs(answer.headers), accountWide: true });
    case 408:
    case 409:
      return unwell(answer, code, now);
    default:
      return status >= 500 ? unwell(answer, code, now) : failure("caller", "Telnyx refuses the request itself.", { code });
  }
}

/** Seconds that are left, not a moment. */
function resetMs(headers: VendorAnswer["headers"]): number | null {
  const left = headers["x-ratelimit-reset"] ?? "";
  return /^\d{1,9}$/.test(left) ? Number(left) * 1_000 : null;
}

const unwell = (answer: VendorAnswer, code: string | null, now: Date): Failure =>
  failure("transient", "Telnyx has trouble of its own at the moment.", { code, retryAfterMs: retryAfterMs(answer.headers, now) });

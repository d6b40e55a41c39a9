/**
 * What Twilio's refusals mean (twilio.com/docs/api/errors). Decided by Twilio's numeric code, in the old shape
 * (`{ code, message, more_info, status }`) as in the newer one (RFC 9457). 20003 and 70051 have at least six documented
 * causes each, so neither is certain: the probe's ladder decides.
 */
import { failure } from "../failure.ts";
import { answerObjects } from "../vendor-json.ts";
import { retryAfterMs } from "../waiting.ts";
import type { Failure, VendorAnswer } from "../failure.ts";

/** Balance used up, suspended or closed; active again 5 to 10 minutes after a payment, which nobody announces. */
const inactive: ReadonlySet<number> = new Set([20005, 10001, 90010, 30002]);
/** Limits on a destination or flow (Verify, the loop protection of SMS): another key would meet the same. */
const limitsOfDestination: ReadonlySet<number> = new Set([60212, 60203, 14107]);

/** `error_code` is that of a message which failed after it was taken: its answer is a 200. */
function codeOf(body: string): number | null {
  const [answer] = answerObjects(body);
  const code = answer?.["code"] ?? answer?.["error_code"];
  return typeof code === "number" && Number.isSafeInteger(code) ? code : null;
}

/** Names Twilio's refusal. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const number = codeOf(answer.body);
  const code = number === null ? null : String(number);
  const { status } = answer;
  if (number !== null && inactive.has(number)) {
    return failure("exhausted", "The Twilio account is not active: its balance is used up, or it is suspended or closed.", { code, accountWide: true });
  }
  if (number === 20008) {
    return failure("forbidden", "These are Twilio test credentials, which reach only a few resources.", { code, scope: "endpoint" });
  }
  if (number === 70051) {
    return failure("forbidden", "This Twilio API key is restricted and lacks the permission for this call.", { code, scope: "endpoint", certain: false });
  }
  if (status === 401) {
    return failure("invalid", "Twilio refuses this account SID and token, or API key and secret; they may also belong to another region.", { code, certain: false });
  }
  if (status === 403) {
    return failure("forbidden", "Twilio does not allow this key to make this call.", { code, certain: false });
  }
  if (status === 429) {
    if (number !== null && limitsOfDestination.has(number)) {
      return failure("caller", "Twilio limits messages to this destination; no other key helps.", { code });
    }
    // Concurrency is the account's. A 429 was never processed (twilio.com/docs/api/errors/20429).
    return failure("rate_limited", "The Twilio account has too many requests under way.", { code, retryAfterMs: retryAfterMs(answer.headers, now), accountWide: true });
  }
  if (status >= 500 || status === 408) {
    return failure("transient", "Twilio has trouble of its own at the moment.", { code, retryAfterMs: retryAfterMs(answer.headers, now) });
  }
  return failure("caller", "Twilio refuses the request itself.", { code });
}

/**
 * What Deepgram's refusals mean (developers.deepgram.com/docs/errors). Bodies come in three shapes: `{ err_code, err_msg }`,
 * `{ category, message }` and plain text. A WebSocket that is refused says it in the header `dg-error`. Limits and credit
 * are those of the project.
 */
import { failure } from "../failure.ts";
import { answerObjects, parseObject, text } from "../vendor-json.ts";
import { retryAfterMs } from "../waiting.ts";
import type { Failure, VendorAnswer } from "../failure.ts";

/** Names Deepgram's refusal. */
export function classify(answer: VendorAnswer, now: Date): Failure {
  const [error] = answerObjects(answer.body);
  const told = error ?? parseObject(answer.headers["dg-error"] ?? "") ?? {};
  const code = text(told["err_code"]) ?? text(told["category"]) ?? text(told["code"]) ?? null;
  const { status } = answer;
  // An error inside a session may be that of a language model or voice behind the agent: no key is blamed, and it is too late for another.
  if (status < 400) return failure("transient", "The Deepgram session ended with an error.", { code, failover: false });
  switch (status) {
    case 401:
      if (code === "INSUFFICIENT_PERMISSIONS") return notAllowed(code);
      return code === "INVALID_AUTH"
        ? failure("invalid", "Deepgram does not know this key: it is wrong, deleted or expired.", { code })
        : failure("invalid", "Deepgram refuses this key without saying why.", { code, certain: false });
    case 402:
      return failure("exhausted", "The Deepgram project of this key has no credit left.", { code, accountWide: true });
    case 403:
      // The code is that of a missing scope too; only the text says that it is about the model.
      return /\bmodel\b/i.test(text(told["err_msg"]) ?? text(told["message"]) ?? "")
        ? failure("forbidden", "The Deepgram project of this key has no access to that model.", { code, scope: "model", accountWide: true })
        : notAllowed(code);
    case 429:
      return failure("rate_limited", "The Deepgram project of this key has as many requests under way as it may.", { code, retryAfterMs: retryAfterMs(answer.headers, now), accountWide: true });
    case 408:
    case 499:
      return unwell(answer, code, now);
    default:
      return status >= 500 ? unwell(answer, code, now) : failure("caller", "Deepgram refuses the request itself.", { code });
  }
}

const notAllowed = (code: string | null): Failure => failure("forbidden", "This Deepgram key lacks the permission for this call.", { code, scope: "endpoint" });

const unwell = (answer: VendorAnswer, code: string | null, now: Date): Failure =>
  failure("transient", "Deepgram has trouble of its own at the moment.", { code, retryAfterMs: retryAfterMs(answer.headers, now) });

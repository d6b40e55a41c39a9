/**
 * Asks Google's speech APIs whether a key is alive. A service account is exchanged for a token, which proves its key and no
 * rights. Then each of the two products is asked something free: the voices, and a list of recognizers (or, with an API
 * key, a recognition of nothing, which is refused for its emptiness only after the key was accepted). One that answers
 * proves the key; the note says what the other one lacks.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { extra } from "../extra-question.ts";
import { exchange } from "../google/access-token.ts";
import { accountOf } from "../google/service-account.ts";
import { parseObject } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import { projectOf } from "./hosts.ts";
import type { Failure, VendorAnswer } from "../failure.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome, Question, TokenOutcome } from "../provider.ts";

export function accessToken(keyData: KeyData<"google_speech">, ask: Ask, now: Date, baseUrl?: string): Promise<TokenOutcome> | null {
  return "serviceAccount" in keyData ? exchange({ account: accountOf(keyData.serviceAccount), ask, now, baseUrl, classify }) : null;
}

export async function probe(keyData: KeyData<"google_speech">, ask: Ask, now: Date, baseUrl?: string): Promise<ProbeOutcome> {
  let made = await accessToken(keyData, ask, now, baseUrl);
  // A good signature was seen refused once: what is said twice is true.
  if (made?.outcome === "refused" && made.failure.verdict === "invalid") made = await accessToken(keyData, ask, now, baseUrl);
  if (made?.outcome === "refused") return { outcome: "refused", failure: { ...made.failure, certain: true } };
  const token = made?.token;
  const put = (question: Question & { headers: Record<string, string> }) => ask(authorize(question, keyData, token));

  const voices = reading(await put({ method: "GET", path: "/v1/voices?languageCode=en-US", headers: {} }), now, false);
  const speech = await extra(put(speechQuestion(keyData)));
  const heard = speech && reading(speech, now, "apiKey" in keyData);
  if (voices === null || heard === null) {
    const lacking = voices ? `Text-to-Speech: ${voices.reason}` : heard ? `Speech-to-Text: ${heard.reason}` : null;
    const project = projectOf(keyData);
    return { outcome: "alive", balance: null, note: lacking, ...(project !== undefined && { metadata: { project } }) };
  }
  return { outcome: "refused", failure: worst(voices, heard) };
}

function speechQuestion(keyData: KeyData<"google_speech">): Question & { headers: Record<string, string> } {
  const project = projectOf(keyData);
  return "apiKey" in keyData || project === undefined
    ? { method: "POST", path: "/v1/speech:recognize", headers: { "content-type": "application/json" }, body: "{}" }
    : { method: "GET", path: `/v2/projects/${project}/locations/global/recognizers?pageSize=1`, headers: {} };
}

/** null: the product took the key. `emptyIsTaken`: its complaint about an empty request is no refusal of the key. */
function reading(answer: VendorAnswer, now: Date, emptyIsTaken: boolean): Failure | null {
  if (answer.status === 200) {
    // The list may be cut at what a probe reads, so it is not parsed whole; a page in HTML is not Google speaking.
    if (!/^\s*\{/.test(answer.body)) throw new ProviderUnavailableError("The answer is not Google's; something else answered in its place.", { details: { provider: "google_speech" } });
    return null;
  }
  const refused = classify(answer, now);
  return emptyIsTaken && refused.verdict === "caller" && parseObject(answer.body) ? null : refused;
}

/** Of two refusals the one that says most about the key; two that only suggest that it is dead agree. */
function worst(first: Failure, second: Failure | undefined): Failure {
  const both = second ? [first, second] : [first];
  if (second && both.every(({ verdict }) => verdict === "invalid")) return { ...first, certain: true };
  const order: readonly Failure["verdict"][] = ["invalid", "exhausted", "transient", "rate_limited", "forbidden", "caller"];
  const certain = both.filter((one) => one.verdict !== "invalid" || one.certain);
  const [found = first] = certain.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  return found;
}

// POST /v1/listen. Every recording says the same; what it costs depends on how long it lasts, which the metadata tells.
import { createHash } from "node:crypto";
import { type Answer, type Call, jsonBody, type PlainAnswer, textIn } from "../dialect.ts";
import { noTokens } from "../ledger.ts";
import { modernRefusal, refusal, told } from "./answers.ts";
import { noteUse } from "./usage-book.ts";
import { modelInfo, uuidOf } from "./voices.ts";

export const transcript = ["yeah", "as", "much", "as", "it", "is", "worth", "celebrating"];
/** A recording that lies elsewhere is not fetched. */
const secondsElsewhere = 10;
const bytesPerSecond = 16_000;

export function listen(call: Call): Answer {
  const model = call.query.get("model") ?? "nova-3";
  if (model.includes("does-not-exist")) return noSuchModel(call);
  const byAddress = (call.headers["content-type"] ?? "").includes("json");
  const body = byAddress ? jsonBody(call) : null;
  if (byAddress && (body === null || textIn(body, "url") === "")) {
    return modernRefusal(
      call,
      400,
      "INVALID_JSON",
      "Invalid JSON submitted.",
      "Json deserialize error: missing field `url` at line 1 column 2",
    );
  }
  if (!byAddress && call.body.length === 0)
    return refusal(call, 400, "Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data");
  const duration = byAddress ? secondsElsewhere : durationOf(call.body.length, bytesPerSecond);
  const channels = call.query.get("multichannel") === "true" ? 2 : 1;
  noteUse(call, "listen", { seconds: duration * channels });
  if (call.query.has("callback")) return { ...told(call, { request_id: call.requestId }), model };
  const alternative = {
    transcript: transcript.join(" "),
    confidence: 0.9991,
    words: transcript.map((_word, at) => wordAt(at, at * 0.3)),
  };
  const uuid = uuidOf(model);
  const metadata = {
    transaction_key: "deprecated",
    request_id: call.requestId,
    sha256: createHash("sha256").update(call.body).digest("hex"),
    created: call.at.toISOString(),
    duration,
    channels,
    models: [uuid],
    model_info: { [uuid]: modelInfo(model) },
    ...(call.query.has("tag") && { tags: call.query.getAll("tag") }),
  };
  const results = { channels: Array.from({ length: channels }, () => ({ alternatives: [alternative] })) };
  return { ...told(call, { metadata, results }), model, usage: { ...noTokens, audioSeconds: duration } };
}

export function noSuchModel(call: Call): PlainAnswer {
  return refusal(call, 400, "Bad Request", "Bad Request: No such model/language/tier combination found.");
}

/** In seconds, to the millisecond; never nothing. */
export function durationOf(bytes: number, perSecond: number): number {
  return Math.max(1, Math.round((bytes * 1000) / perSecond)) / 1000;
}

export function wordAt(at: number, start: number) {
  const word = transcript[at % transcript.length] ?? "";
  return { word, start, end: start + 0.24, confidence: 0.9975, punctuated_word: at === 0 ? "Yeah." : word };
}

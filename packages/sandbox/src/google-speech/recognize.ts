// Speech-to-Text, versions 1 and 2. Every recording says the same; what it costs depends on how long it lasts.
import { type Answer, type Call, Drawer, isObject, type JsonObject, jsonBody } from "../dialect.ts";
import { badJson, badRequest, missing, told } from "../google/answers.ts";
import { noTokens, type Usage } from "../ledger.ts";
import { secondsOfAudio } from "../speech.ts";

const transcript = "how old is the Brooklyn Bridge";
/** A recording that lies in a bucket is not looked at. */
const secondsInBucket = 10;

const operations = new Drawer<object>();

export function recognizeV1(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const seconds = secondsIn(isObject(body["audio"]) ? body["audio"] : {}, body["config"]);
  if (seconds === null) return badRequest(call, "RecognitionAudio not set.");
  return { ...told(recognizedV1(call, seconds)), model: modelOf(body["config"]), usage: usageOf(seconds) };
}

/** The answer waits in an operation, done as soon as it is asked for. */
export function recognizeLongV1(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const seconds = secondsIn(isObject(body["audio"]) ? body["audio"] : {}, body["config"]);
  if (seconds === null) return badRequest(call, "RecognitionAudio not set.");
  const name = String(1_000_000_000_000_000 + call.sequence);
  const type = "type.googleapis.com/google.cloud.speech.v1.LongRunningRecognize";
  const time = call.at.toISOString();
  operations
    .of(call.shelf)
    .set(name, {
      name,
      metadata: { "@type": `${type}Metadata`, progressPercent: 100, startTime: time, lastUpdateTime: time },
      done: true,
      response: { "@type": `${type}Response`, ...recognizedV1(call, seconds) },
    });
  return { ...told({ name }), model: modelOf(body["config"]), usage: usageOf(seconds) };
}

export function listOperations(call: Call): Answer {
  const all = [...operations.of(call.shelf).values()];
  return told(all.length === 0 ? {} : { operations: all });
}

export function readOperation(call: Call): Answer {
  const operation = operations.of(call.shelf).get(call.params[0] ?? "");
  return operation === undefined ? missing(call, `Operation not found: ${call.params[0] ?? ""}`) : told(operation);
}

export function recognizeV2(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const seconds = secondsIn(body, body["config"]);
  if (seconds === null) return badRequest(call, "No audio source was given.");
  const results = [{ alternatives: [{ transcript, confidence: 0.98 }], resultEndOffset: `${seconds}s`, languageCode: "en-US" }];
  const requestId = `00000000-0000-4000-8000-${call.sequence.toString(16).padStart(12, "0")}`;
  return {
    ...told({ results, metadata: { totalBilledDuration: `${seconds}s`, requestId } }),
    model: modelOf(body["config"]),
    usage: usageOf(seconds),
  };
}

function recognizedV1(call: Call, seconds: number): object {
  const results = [
    { alternatives: [{ transcript, confidence: 0.9828748 }], resultEndTime: `${seconds}s`, languageCode: "en-us" },
  ];
  return { results, totalBilledTime: `${seconds}s`, requestId: String(4_429_582_735_000_000 + call.sequence) };
}

/** Of 16-bit samples the length is known; other encodings are taken for telephone audio. Null when there is nothing to hear. */
function secondsIn(audio: JsonObject, config: unknown): number | null {
  if (typeof audio["uri"] === "string") return secondsInBucket;
  if (typeof audio["content"] !== "string" || audio["content"] === "") return null;
  const bytes = Buffer.from(audio["content"], "base64").length;
  const rate =
    isObject(config) && (config["encoding"] === "LINEAR16" || config["encoding"] === 1) ? config["sampleRateHertz"] : undefined;
  return typeof rate === "number" && rate > 0 ? secondsOfAudio(bytes, rate * 2) : secondsOfAudio(bytes);
}

function modelOf(config: unknown): string {
  return isObject(config) && typeof config["model"] === "string" && config["model"] !== "" ? config["model"] : "default";
}

function usageOf(seconds: number): Usage {
  return { ...noTokens, audioSeconds: seconds };
}

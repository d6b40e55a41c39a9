// POST /v1/audio/speech: sound as it is, or in events that tell usage at the end. The older models bill characters and tell nothing,
// so the ledger has those; the newer ones tell tokens, but in events only.
import { type Answer, type Call, jsonBody, sse, type StreamEvent, textIn } from "../dialect.ts";
import { noTokens, type Usage } from "../ledger.ts";
import { countCharacters, countTokens, soundOf } from "../speech.ts";
import { badJson, badRequest, limitHeaders, missing, serverErrorBody, unknownModel, vendorHeaders } from "./answers.ts";

const mostCharacters = 4096;
const audioTokensPerWord = 4;
const contentTypes: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  opus: "audio/ogg",
  aac: "audio/aac",
  flac: "audio/flac",
  wav: "audio/wav",
  pcm: "audio/pcm",
};

export function createSpeech(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const lacking = ["model", "input", "voice"].find((name) => body[name] === undefined || body[name] === "");
  if (lacking !== undefined) return missing(call, lacking);
  const model = textIn(body, "model");
  const input = textIn(body, "input");
  const format = textIn(body, "response_format") || "mp3";
  const characters = countCharacters(input);
  if (characters > mostCharacters) {
    return badRequest(
      call,
      `Invalid 'input': string too long. Expected a string with maximum length ${mostCharacters}, but got a string with length ${characters} instead.`,
      "input",
      "string_above_max_length",
    );
  }
  if (contentTypes[format] === undefined)
    return badRequest(call, `Invalid value: '${format}'.`, "response_format", "invalid_value");
  const refusal = unknownModel(call, model);
  if (refusal !== null) return refusal;
  const byCharacters = model.startsWith("tts-1");
  const inEvents = body["stream_format"] === "sse";
  if (inEvents && byCharacters)
    return badRequest(call, `stream_format 'sse' is not supported for model ${model}.`, "stream_format", "unsupported_value");
  const headers = { ...vendorHeaders(call), ...limitHeaders() };
  const words = input.split(/\s+/u).filter((word) => word !== "");
  if (inEvents) {
    return {
      status: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8", ...headers },
      events: events(words, input),
      failure: { text: sse(null, { error: serverErrorBody }) },
    };
  }
  return {
    status: 200,
    headers: { "content-type": contentTypes[format] ?? "audio/mpeg", ...headers },
    events: sounds(words),
    failure: { text: "" },
    ...(byCharacters && { headerUsage: { ...noTokens, characters } }),
  };
}

function* sounds(words: readonly string[]): Generator<StreamEvent> {
  for (const word of words) yield { text: soundOf(word) };
}

function* events(words: readonly string[], input: string): Generator<StreamEvent> {
  for (const word of words) yield { text: sse(null, { type: "speech.audio.delta", audio: soundOf(word).toString("base64") }) };
  const outputTokens = words.length * audioTokensPerWord;
  const usage: Usage = { ...noTokens, inputTokens: countTokens(input), outputTokens, audioOutputTokens: outputTokens };
  const told = { input_tokens: usage.inputTokens, output_tokens: outputTokens, total_tokens: usage.inputTokens + outputTokens };
  yield { text: sse(null, { type: "speech.audio.done", usage: told }), usage };
}

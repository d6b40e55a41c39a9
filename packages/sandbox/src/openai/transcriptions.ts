// POST /v1/audio/transcriptions. Every recording says the same; what it costs depends on how many bytes it has.
import { type Answer, type Call, json, type PlainAnswer, sse, type StreamEvent } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { audioTokensPerSecond, countTokens, secondsOfAudio } from "../speech.ts";
import { badRequest, limitHeaders, missing, serverErrorBody, unknownModel, vendorHeaders } from "./answers.ts";
import { formOf, textField } from "../multipart.ts";

const transcript = "Hello there from the byok sandbox.";

export async function transcribe(call: Call): Promise<Answer> {
  const form = await formOf(call);
  if (form === null) return badRequest(call, "Invalid body: failed to parse multipart form.", null, null);
  const model = textField(form, "model");
  const file = form.get("file");
  if (model === null) return missing(call, "model");
  if (file === null || typeof file === "string") return missing(call, "file");
  const refusal = unknownModel(call, model);
  if (refusal !== null) return refusal;
  const seconds = secondsOfAudio(file.size);
  const headers = { ...vendorHeaders(call), ...limitHeaders() };
  const format = textField(form, "response_format") ?? "json";
  if (format === "text" || format === "srt" || format === "vtt") return withoutUsage(model, format, headers);
  const byDuration = model === "whisper-1" || model === "gpt-transcribe";
  const { usage, told } = byDuration ? durationUsage(seconds) : tokenUsage(seconds);
  if (textField(form, "stream") === "true" && model !== "whisper-1") {
    return {
      status: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8", ...headers },
      model,
      events: events(usage, told),
      failure: { text: sse(null, { error: serverErrorBody }) },
    };
  }
  return { ...json(200, headers, { text: transcript, usage: told }), model, usage };
}

function withoutUsage(model: string, format: string, headers: Record<string, string>): PlainAnswer {
  const cue = "00:00:00.000 --> 00:00:01.000";
  const bodies: Record<string, string> = {
    text: `${transcript}\n`,
    srt: `1\n${cue.replaceAll(".", ",")}\n${transcript}\n\n`,
    vtt: `WEBVTT\n\n${cue}\n${transcript}\n\n`,
  };
  return { status: 200, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, model, body: bodies[format] ?? transcript };
}

function* events(usage: Usage, told: object): Generator<StreamEvent> {
  for (const [at, word] of transcript.split(" ").entries()) {
    yield { text: sse(null, { type: "transcript.text.delta", delta: at === 0 ? word : ` ${word}`, logprobs: [] }) };
  }
  yield { text: sse(null, { type: "transcript.text.done", text: transcript, logprobs: [], usage: told }), usage };
}

function durationUsage(seconds: number): { usage: Usage; told: object } {
  const usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, audioSeconds: seconds };
  return { usage, told: { type: "duration", seconds } };
}

function tokenUsage(seconds: number): { usage: Usage; told: object } {
  const inputTokens = seconds * audioTokensPerSecond;
  const outputTokens = countTokens(transcript);
  const details = { text_tokens: 0, audio_tokens: inputTokens };
  return {
    usage: { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    told: { type: "tokens", input_tokens: inputTokens, input_token_details: details, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
  };
}

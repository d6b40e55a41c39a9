// One response of the Realtime API, event by event: `response.done` tells what it used, also when it was cancelled on its way.
import type { SocketEvent } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { piece, type Prompt, soundOf, speak } from "../speech.ts";

/** A spoken word is this many tokens of audio, beside the one of its transcript. */
const audioTokensPerWord = 4;

/** A response that is being told. */
export interface Active {
  cancelled: boolean;
  done: boolean;
}

export interface Wanted {
  readonly id: string;
  readonly itemId: string;
  readonly model: string;
  readonly prompt: Prompt;
  readonly spoken: boolean;
  /** The most output tokens; null for no bound. */
  readonly bound: number | null;
  readonly outOfMoney: boolean;
}

/**
 * Told as it is pulled: a cancellation that came in between ends it, and it is counted so far.
 *
 * @returns what was said, for the conversation; null when nothing could be
 */
export function* tellResponse(
  wanted: Wanted,
  active: Active,
  event: (type: string, fields: object) => SocketEvent,
): Generator<SocketEvent, { text: string; audioTokens: number } | null> {
  const { id, itemId, spoken, bound } = wanted;
  const begun = { object: "realtime.response", id, status: "in_progress", status_details: null, output: [], usage: null };
  yield event("response.created", { response: begun });
  yield event("rate_limits.updated", { rate_limits: rateLimits });
  if (wanted.outOfMoney) {
    active.done = true;
    yield event("response.done", { response: { ...begun, status: "failed", status_details: { type: "failed", error: noMoney } } });
    return null;
  }
  const maxTokens = bound === null ? null : Math.floor(bound / (spoken ? 1 + audioTokensPerWord : 1));
  const speech = speak(wanted.model, wanted.prompt, { maxTokens, thinks: false });
  const at = { response_id: id, item_id: itemId, output_index: 0, content_index: 0 };
  const item = { id: itemId, object: "realtime.item", type: "message", role: "assistant" };
  yield event("response.output_item.added", {
    response_id: id,
    output_index: 0,
    item: { ...item, status: "in_progress", content: [] },
  });
  yield event("response.content_part.added", { ...at, part: spoken ? { type: "audio", transcript: "" } : { type: "text", text: "" } });
  let words = 0;
  for (; words < speech.words.length && !active.cancelled; words += 1) {
    const delta = piece(speech.words, words);
    if (!spoken) yield event("response.output_text.delta", { ...at, delta });
    else {
      yield event("response.output_audio_transcript.delta", { ...at, delta });
      yield event("response.output_audio.delta", { ...at, delta: soundOf(speech.words[words] ?? "").toString("base64") });
    }
  }
  const text = speech.words.slice(0, words).join(" ");
  const status = active.cancelled ? "cancelled" : speech.truncated ? "incomplete" : "completed";
  if (spoken) yield event("response.output_audio.done", at);
  yield spoken
    ? event("response.output_audio_transcript.done", { ...at, transcript: text })
    : event("response.output_text.done", { ...at, text });
  const content = [spoken ? { type: "output_audio", transcript: text } : { type: "output_text", text }];
  const ended = { ...item, status: status === "completed" ? "completed" : "incomplete", content };
  yield event("response.output_item.done", { response_id: id, output_index: 0, item: ended });
  const audioTokens = spoken ? words * audioTokensPerWord : 0;
  const usage: Usage = {
    ...speech.usage,
    outputTokens: words + audioTokens,
    ...(audioTokens > 0 && { audioOutputTokens: audioTokens }),
  };
  active.done = true;
  const response = { ...begun, status, status_details: detailsOf(status), output: [ended], usage: toldOf(usage) };
  yield { ...event("response.done", { response }), turn: { kind: "response", usage } };
  return { text, audioTokens };
}

const rateLimits = [
  { name: "requests", limit: 1000, remaining: 999, reset_seconds: 60 },
  { name: "tokens", limit: 50_000, remaining: 49_950, reset_seconds: 0.06 },
];

const noMoney = {
  type: "insufficient_quota",
  code: "credit_balance_exhausted",
  message: "You exceeded your current quota, please check your plan and billing details.",
};

function detailsOf(status: string): object | null {
  if (status === "cancelled") return { type: "cancelled", reason: "client_cancelled" };
  return status === "incomplete" ? { type: "incomplete", reason: "max_output_tokens" } : null;
}

function toldOf(usage: Usage): object {
  const { inputTokens, outputTokens, cachedInputTokens, audioInputTokens = 0, audioOutputTokens = 0 } = usage;
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_token_details: {
      text_tokens: inputTokens - audioInputTokens,
      audio_tokens: audioInputTokens,
      image_tokens: 0,
      cached_tokens: cachedInputTokens,
      cached_tokens_details: { text_tokens: cachedInputTokens, audio_tokens: 0, image_tokens: 0 },
    },
    output_token_details: { text_tokens: outputTokens - audioOutputTokens, audio_tokens: audioOutputTokens },
  };
}

// POST /api/v1/chat/completions: OpenAI's shape, with what it cost in every usage, whether asked for or not.
import { decimal } from "../decimal.ts";
import { type Answer, type Call, Drawer, json, jsonBody, sse, type StreamEvent } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { boundOf, promptOf, thinks } from "../openai/prompt.ts";
import { piece, speak, type Speech } from "../speech.ts";
import { providerError, refusal, unavailable, vendorHeaders } from "./answers.ts";

/** In millionths of a dollar, a token. */
const inputPrice = 1;
const outputPrice = 4;

/** What is told of a generation afterwards. */
export interface Generation {
  readonly id: string;
  readonly model: string;
  readonly at: Date;
  readonly usage: Usage;
  readonly streamed: boolean;
  readonly finish: string;
}

export const generations = new Drawer<Generation>();

export function chatCompletion(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return refusal(call, { code: 400, message: "Invalid JSON body" });
  const { model, messages } = body;
  if (typeof model !== "string") return refusal(call, { code: 400, message: 'Input required: specify "model"' });
  if (!Array.isArray(messages) || messages.length === 0)
    return refusal(call, { code: 400, message: 'Input required: specify "prompt" or "messages"' });
  if (model.includes("does-not-exist")) {
    return unavailable(call, 400, "invalid_request", `${model} is not a valid model ID`, {
      code: "model_not_found",
      retryable: false,
    });
  }
  if (/-mgmt-/i.test(call.credential.key)) {
    return refusal(call, {
      code: 403,
      message: "Management keys cannot be used for inference.",
      metadata: { error_type: "permission_denied" },
    });
  }
  const speech = speak(model, promptOf(messages), {
    maxTokens: boundOf(body, "max_completion_tokens", "max_tokens"),
    thinks: thinks(model.replace(/^[^/]*\//, "")),
  });
  const usage = { ...speech.usage, ...costOf(call, model, speech.usage) };
  const id = `gen-sandbox${String(call.sequence).padStart(6, "0")}`;
  const head = { id, provider: "OpenAI", model, created: Math.floor(call.at.getTime() / 1000) };
  const streamed = body["stream"] === true;
  generations.of(call.shelf).set(id, { id, model, at: call.at, usage, streamed, finish: finishReason(speech) });
  if (!streamed) {
    const failure = JSON.stringify({ ...head, object: "chat.completion", choices: [], error: providerError });
    return { ...json(200, vendorHeaders(call), completion(call, head, speech, usage)), usage, failure };
  }
  return {
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache", ...vendorHeaders(call) },
    events: chunks(call, head, speech, usage),
    failure: { text: sse(null, { ...chunkOf(head, { content: "" }, "error"), error: providerError }) },
  };
}

/** A key that holds `-ownkey-` has the vendor's own key behind it: OpenRouter charges a twentieth, and the vendor the rest. */
function costOf(call: Call, model: string, usage: Usage): Pick<Usage, "cost" | "upstreamCost" | "currency"> {
  const millionths = model.endsWith(":free") ? 0 : usage.inputTokens * inputPrice + usage.outputTokens * outputPrice;
  if (!usesOwnKey(call)) return { cost: decimal(millionths * 100, 8), currency: "USD" };
  return { cost: decimal(millionths * 5, 8), upstreamCost: decimal(millionths * 100, 8), currency: "USD" };
}

function usesOwnKey(call: Call): boolean {
  return /-ownkey-/i.test(call.credential.key);
}

function completion(call: Call, head: object, speech: Speech, usage: Usage): object {
  const message = {
    role: "assistant",
    content: speech.text,
    refusal: null,
    reasoning: usage.reasoningTokens > 0 ? "The sandbox thinks before it speaks." : null,
  };
  const choice = {
    index: 0,
    finish_reason: finishReason(speech),
    native_finish_reason: finishReason(speech),
    message,
    logprobs: null,
  };
  return { ...head, object: "chat.completion", choices: [choice], system_fingerprint: null, usage: told(call, usage) };
}

function* chunks(call: Call, head: object, speech: Speech, usage: Usage): Generator<StreamEvent> {
  yield { text: ": OPENROUTER PROCESSING\n\n" };
  const chunk = (delta: object, finish: string | null, more: object = {}): StreamEvent => ({
    text: sse(null, { ...chunkOf(head, delta, finish), ...more }),
  });
  yield chunk({ role: "assistant", content: "" }, null);
  for (let at = 0; at < speech.words.length; at += 1) yield chunk({ content: piece(speech.words, at) }, null);
  yield chunk({ content: "" }, finishReason(speech));
  yield { ...chunk({ role: "assistant", content: "" }, null, { usage: told(call, usage) }), usage };
  yield { text: sse(null, "[DONE]") };
}

function chunkOf(head: object, delta: object, finish: string | null): object {
  return {
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish, native_finish_reason: finish, logprobs: null }],
  };
}

function finishReason(speech: Speech): string {
  return speech.truncated ? "length" : "stop";
}

function told(call: Call, usage: Usage): object {
  const upstream = usage.upstreamCost === undefined ? null : Number(usage.upstreamCost);
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    cost: Number(usage.cost),
    is_byok: usesOwnKey(call),
    cost_details: {
      upstream_inference_cost: upstream,
      upstream_inference_prompt_cost: (usage.inputTokens * inputPrice) / 1e6,
      upstream_inference_completions_cost: (usage.outputTokens * outputPrice) / 1e6,
    },
    prompt_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      audio_tokens: 0,
      video_tokens: 0,
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens, audio_tokens: 0 },
  };
}

// POST /v1/chat/completions.
import type { Answer, Call, StreamEvent } from "../dialect.ts";
import { isObject, json, jsonBody, sse } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { piece, speak, type Speech } from "../speech.ts";
import { badJson, badRequest, limitHeaders, missing, serverErrorBody, unknownModel, vendorHeaders } from "./answers.ts";
import { boundOf, promptOf, thinks } from "./prompt.ts";

const roles = ["system", "assistant", "user", "function", "tool", "developer"];

export function chatCompletion(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const { model, messages } = body;
  if (typeof model !== "string") return badRequest(call, "you must provide a model parameter", null, null);
  if (!Array.isArray(messages) || messages.length === 0) return missing(call, "messages");
  const oddRole = messages.findIndex((message) => !isObject(message) || !roles.includes(String(message["role"])));
  if (oddRole >= 0) {
    const given: unknown = isObject(messages[oddRole]) ? messages[oddRole]["role"] : undefined;
    const supported = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'";
    return badRequest(call, `Invalid value: '${String(given)}'. Supported values are: ${supported}.`, `messages[${oddRole}].role`, "invalid_value");
  }
  const refusal = unknownModel(call, model);
  if (refusal !== null) return refusal;

  const maxTokens = boundOf(body, "max_completion_tokens", "max_tokens");
  const speech = speak(model, promptOf(messages), { maxTokens, thinks: thinks(model) });
  const head = {
    id: `chatcmpl-sandbox${String(call.sequence).padStart(6, "0")}`,
    created: Math.floor(call.at.getTime() / 1000),
    model,
    service_tier: "default",
    system_fingerprint: "fp_sandbox",
  };
  const headers = { ...vendorHeaders(call), ...limitHeaders() };
  if (body["stream"] !== true) return { ...json(200, headers, completion(head, speech)), usage: speech.usage };
  const options = isObject(body["stream_options"]) ? body["stream_options"] : {};
  return {
    status: 200,
    headers: { "content-type": "text/event-stream; charset=utf-8", ...headers },
    events: chunks(head, speech, options["include_usage"] === true, options["include_obfuscation"] !== false),
    failure: { text: sse(null, { error: serverErrorBody }) },
  };
}

function completion(head: object, speech: Speech): object {
  const message = { role: "assistant", content: speech.text, refusal: null, annotations: [] };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReason(speech) }];
  return { ...head, object: "chat.completion", choices, usage: told(speech.usage) };
}

/** With `include_usage` every chunk has a `usage`: null, until a last one without choices tells it. */
function* chunks(head: object, speech: Speech, includeUsage: boolean, obfuscated: boolean): Generator<StreamEvent> {
  const more = { ...(includeUsage && { usage: null }), ...(obfuscated && { obfuscation: "k2" }) };
  const chunk = (delta: object, finish: string | null): StreamEvent => ({
    text: sse(null, {
      ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], ...more,
    }),
  });
  yield chunk({ role: "assistant", content: "", refusal: null }, null);
  for (let at = 0; at < speech.words.length; at += 1) yield chunk({ content: piece(speech.words, at) }, null);
  yield chunk({}, finishReason(speech));
  if (includeUsage) {
    const text = sse(null, { ...head, object: "chat.completion.chunk", choices: [], ...more, usage: told(speech.usage) });
    yield { text, usage: speech.usage };
  }
  yield { text: sse(null, "[DONE]") };
}

function finishReason(speech: Speech): string {
  return speech.truncated ? "length" : "stop";
}

function told(usage: Usage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: usage.cacheWriteTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

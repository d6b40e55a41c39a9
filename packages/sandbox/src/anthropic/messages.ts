// POST /v1/messages and POST /v1/messages/count_tokens.
import type { Answer, Call, JsonObject, PlainAnswer, StreamEvent } from "../dialect.ts";
import { isObject, json, jsonBody, sse } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { countPrompt, piece, type Prompt, speak, type Speech } from "../speech.ts";
import { badRequest, errorBody, limitHeaders, refusal, vendorHeaders } from "./answers.ts";

/** What a model that was asked to think shows of it. */
const thought = "The sandbox thinks before it speaks.";

interface Asked {
  readonly body: JsonObject;
  readonly model: string;
  readonly prompt: Prompt;
}

export function createMessage(call: Call): Answer {
  const asked = readRequest(call);
  if ("status" in asked) return asked;
  const { body, model, prompt } = asked;
  const maxTokens = body["max_tokens"];
  if (maxTokens === undefined) return badRequest(call, "max_tokens: Field required");
  if (!Number.isInteger(maxTokens) || Number(maxTokens) < 1) return badRequest(call, "max_tokens: Input should be greater than or equal to 1");
  const thinks = isObject(body["thinking"]) && body["thinking"]["type"] !== "disabled";
  const speech = speak(model, prompt, { maxTokens: Number(maxTokens), thinks });
  const head = { id: `msg_sandbox${String(call.sequence).padStart(18, "0")}`, type: "message", role: "assistant", model };
  const headers = { ...vendorHeaders(call), ...limitHeaders(call) };
  if (body["stream"] !== true) return { ...json(200, headers, wholeMessage(head, speech)), usage: speech.usage };
  return {
    status: 200,
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...headers },
    events: events(head, speech),
    failure: { text: sse("error", errorBody(call, "overloaded_error", "Overloaded")) },
  };
}

export function countMessageTokens(call: Call): Answer {
  const asked = readRequest(call);
  if ("status" in asked) return asked;
  return json(200, vendorHeaders(call), { input_tokens: countPrompt(asked.prompt).inputTokens });
}

function readRequest(call: Call): Asked | PlainAnswer {
  const version = call.headers["anthropic-version"];
  if (version === undefined) return badRequest(call, "anthropic-version: header is required");
  const body = jsonBody(call);
  if (body === null) return badRequest(call, "The request body is not valid JSON");
  const { model, messages } = body;
  if (typeof model !== "string") return badRequest(call, "model: Field required");
  if (!Array.isArray(messages)) return badRequest(call, "messages: Field required");
  if (messages.length === 0) return badRequest(call, "messages: at least one message is required");
  const sampling = version >= "2026-10-21" ? ["temperature", "top_p", "top_k"].find((name) => body[name] !== undefined) : undefined;
  if (sampling !== undefined) return badRequest(call, `${sampling}: Extra inputs are not permitted`);
  if (model.includes("does-not-exist")) return refusal(call, 404, "not_found_error", `model: ${model}`);
  return { body, model, prompt: promptOf(body["system"], messages) };
}

function promptOf(system: unknown, messages: readonly unknown[]): Prompt {
  const turns: string[] = [];
  let lastUser = "";
  for (const message of messages) {
    if (!isObject(message)) continue;
    const text = textsOf(message["content"]).join("\n");
    turns.push(text);
    if (message["role"] === "user") lastUser = text;
  }
  return { system: textsOf(system), turns, lastUser };
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((block: unknown) => (isObject(block) && typeof block["text"] === "string" ? [block["text"]] : []));
}

function wholeMessage(head: object, speech: Speech): object {
  const thinking = speech.usage.reasoningTokens > 0 ? [{ type: "thinking", thinking: thought, signature: "c2FuZGJveA==" }] : [];
  const content = [...thinking, { type: "text", text: speech.text }];
  const output = { output_tokens: speech.usage.outputTokens, output_tokens_details: { thinking_tokens: speech.usage.reasoningTokens } };
  return { ...head, content, stop_reason: stopReason(speech), stop_sequence: null, usage: { ...toldOfInput(speech.usage), ...output, ...circumstances } };
}

/** Usage comes twice: the input with one output token at the start, and everything, cumulative, with the stop reason. */
function* events(head: object, speech: Speech): Generator<StreamEvent> {
  const atStart: Usage = { ...speech.usage, outputTokens: 1, reasoningTokens: 0 };
  const begun = { ...head, content: [], stop_reason: null, stop_sequence: null, usage: { ...toldOfInput(atStart), output_tokens: 1, ...circumstances } };
  yield { ...event({ type: "message_start", message: begun }), usage: atStart };
  let index = 0;
  if (speech.usage.reasoningTokens > 0) {
    yield event({ type: "content_block_start", index, content_block: { type: "thinking", thinking: "", signature: "" } });
    yield event({ type: "content_block_delta", index, delta: { type: "thinking_delta", thinking: thought } });
    yield event({ type: "content_block_delta", index, delta: { type: "signature_delta", signature: "c2FuZGJveA==" } });
    yield event({ type: "content_block_stop", index });
    index += 1;
  }
  yield event({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
  yield event({ type: "ping" });
  for (let at = 0; at < speech.words.length; at += 1) {
    yield event({ type: "content_block_delta", index, delta: { type: "text_delta", text: piece(speech.words, at) } });
  }
  yield event({ type: "content_block_stop", index });
  const { cache_creation: _onlyAtStart, ...input } = toldOfInput(speech.usage);
  const output = { output_tokens: speech.usage.outputTokens, output_tokens_details: { thinking_tokens: speech.usage.reasoningTokens } };
  const ended = event({
    type: "message_delta",
    delta: { stop_reason: stopReason(speech), stop_sequence: null },
    usage: { ...input, ...output, server_tool_use: null },
  });
  yield { ...ended, usage: speech.usage };
  yield event({ type: "message_stop" });
}

function event(data: { type: string; [field: string]: unknown }): StreamEvent {
  return { text: sse(data.type, data) };
}

function stopReason(speech: Speech): string {
  return speech.truncated ? "max_tokens" : "end_turn";
}

const circumstances = { server_tool_use: null, service_tier: "standard", inference_geo: "global", speed: "standard" };

/** Anthropic counts what the cache had or got beside `input_tokens`, not inside. */
function toldOfInput(usage: Usage) {
  return {
    input_tokens: usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cachedInputTokens,
    cache_creation: { ephemeral_5m_input_tokens: usage.cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
  };
}

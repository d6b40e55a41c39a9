// POST /v1/responses, what it stored, and POST /v1/responses/input_tokens.
import { type Answer, type Call, Drawer, json, type JsonObject, jsonBody, type PlainAnswer, sse, type StreamEvent } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { countPrompt, piece, type Prompt, speak, type Speech } from "../speech.ts";
import { badJson, limitHeaders, missing, refusal, unknownModel, vendorHeaders } from "./answers.ts";
import { boundOf, promptOf, thinks } from "./prompt.ts";

interface Asked {
  readonly body: JsonObject;
  readonly model: string;
  readonly prompt: Prompt;
}

const stored = new Drawer<object>();

export function createResponse(call: Call): Answer {
  const asked = readRequest(call);
  if ("status" in asked) return asked;
  const { body, model, prompt } = asked;
  const maxTokens = boundOf(body, "max_output_tokens");
  const speech = speak(model, prompt, { maxTokens, thinks: thinks(model) });
  const reply = replyTo(call, body, model, speech);
  if (body["store"] !== false) stored.of(call.shelf).set(reply.id, reply.ended);
  const headers = { ...vendorHeaders(call), ...limitHeaders() };
  if (body["stream"] !== true) return { ...json(200, headers, reply.ended), usage: speech.usage };
  const failure = { type: "error", sequence_number: 1, code: "server_error", message: "An error occurred while processing your request.", param: null };
  return {
    status: 200,
    headers: { "content-type": "text/event-stream; charset=utf-8", ...headers },
    events: events(reply, speech),
    failure: { text: sse("error", failure) },
  };
}

export function readResponse(call: Call): Answer {
  const response = stored.of(call.shelf).get(call.params[0] ?? "");
  return response === undefined ? noSuchResponse(call) : json(200, vendorHeaders(call), response);
}

export function deleteResponse(call: Call): Answer {
  const id = call.params[0] ?? "";
  return stored.of(call.shelf).delete(id) ? json(200, vendorHeaders(call), { id, object: "response", deleted: true }) : noSuchResponse(call);
}

export function countInputTokens(call: Call): Answer {
  const asked = readRequest(call);
  if ("status" in asked) return asked;
  return json(200, vendorHeaders(call), { object: "response.input_tokens", input_tokens: countPrompt(asked.prompt).inputTokens });
}

function readRequest(call: Call): Asked | PlainAnswer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const { model, input, instructions } = body;
  if (typeof model !== "string") return missing(call, "model");
  if (input === undefined) return missing(call, "input");
  const messages = typeof input === "string" ? [{ role: "user", content: input }] : Array.isArray(input) ? input : [];
  return unknownModel(call, model) ?? { body, model, prompt: promptOf(messages, typeof instructions === "string" ? [instructions] : []) };
}

function noSuchResponse(call: Call): PlainAnswer {
  const message = `Response with id '${call.params[0] ?? ""}' not found.`;
  return refusal(call, 404, { message, type: "invalid_request_error", param: null, code: null });
}

/** A response as it begins, as it ends, and the items it is made of. */
interface Reply {
  readonly id: string;
  readonly begun: object;
  readonly ended: object;
  readonly reasoning: readonly { id: string; type: "reasoning"; summary: never[] }[];
  readonly message: { readonly id: string; readonly type: "message"; readonly role: "assistant" };
  readonly part: { readonly type: "output_text"; readonly text: string; readonly annotations: never[]; readonly logprobs: never[] };
  readonly truncated: boolean;
}

function replyTo(call: Call, body: JsonObject, model: string, speech: Speech): Reply {
  const number = String(call.sequence).padStart(6, "0");
  const id = `resp_sandbox${number}`;
  const reasoning = speech.usage.reasoningTokens > 0 ? [{ id: `rs_sandbox${number}`, type: "reasoning" as const, summary: [] }] : [];
  const message = { id: `msg_sandbox${number}`, type: "message" as const, role: "assistant" as const };
  const part = { type: "output_text" as const, text: speech.text, annotations: [], logprobs: [] };
  const begun = {
    id,
    object: "response",
    created_at: Math.floor(call.at.getTime() / 1000),
    status: "in_progress",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: body["max_output_tokens"] ?? null,
    model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: body["previous_response_id"] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: "default",
    store: body["store"] !== false,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    truncation: "disabled",
    usage: null,
    metadata: body["metadata"] ?? {},
  };
  const ended = {
    ...begun,
    status: speech.truncated ? "incomplete" : "completed",
    incomplete_details: speech.truncated ? { reason: "max_output_tokens" } : null,
    output: [...reasoning, { ...message, status: "completed", content: [part] }],
    usage: told(speech.usage),
  };
  return { id, begun, ended, reasoning, message, part, truncated: speech.truncated };
}

function* events(reply: Reply, speech: Speech): Generator<StreamEvent> {
  let sequence = 0;
  const event = (type: string, fields: object): StreamEvent => {
    const text = sse(type, { type, sequence_number: sequence, ...fields });
    sequence += 1;
    return { text };
  };
  const { begun, ended, message, part, reasoning } = reply;
  yield event("response.created", { response: begun });
  yield event("response.in_progress", { response: begun });
  for (const item of reasoning) {
    yield event("response.output_item.added", { output_index: 0, item });
    yield event("response.output_item.done", { output_index: 0, item });
  }
  const output = { output_index: reasoning.length };
  const at = { item_id: message.id, ...output, content_index: 0 };
  yield event("response.output_item.added", { ...output, item: { ...message, status: "in_progress", content: [] } });
  yield event("response.content_part.added", { ...at, part: { ...part, text: "" } });
  for (let word = 0; word < speech.words.length; word += 1) {
    yield event("response.output_text.delta", { ...at, delta: piece(speech.words, word), logprobs: [] });
  }
  yield event("response.output_text.done", { ...at, text: speech.text, logprobs: [] });
  yield event("response.content_part.done", { ...at, part });
  yield event("response.output_item.done", { ...output, item: { ...message, status: "completed", content: [part] } });
  const last = event(reply.truncated ? "response.incomplete" : "response.completed", { response: ended });
  yield { ...last, usage: speech.usage };
}

function told(usage: Usage): object {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      cache_write_tokens_details: { ttl_30m_tokens: usage.cacheWriteTokens, ttl_12h_tokens: 0 },
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

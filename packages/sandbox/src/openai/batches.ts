// Batches: a file of requests becomes a file of answers. A batch is done when it is read back; each account has its own.
import {
  type Answer,
  type Call,
  Drawer,
  isObject,
  json,
  type JsonObject,
  jsonBody,
  parseJson,
  type PlainAnswer,
  textIn,
} from "../dialect.ts";
import { addUsage, noTokens, type Usage } from "../ledger.ts";
import { speak } from "../speech.ts";
import { badJson, badRequest, missing, refusal, vendorHeaders } from "./answers.ts";
import { contentOf, storeFile } from "./files.ts";
import { boundOf, promptOf, thinks } from "./prompt.ts";

interface Batch {
  readonly id: string;
  readonly [field: string]: unknown;
}

const batches = new Drawer<Batch>();
const endpoints = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions"];
const dayS = 86_400;

export function createBatch(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const lacking = ["input_file_id", "endpoint", "completion_window"].find((name) => textIn(body, name) === "");
  if (lacking !== undefined) return missing(call, lacking);
  const input = contentOf(call, textIn(body, "input_file_id"));
  if (input === null) return badRequest(call, `No such File object: ${textIn(body, "input_file_id")}`, "input_file_id", null);
  if (!endpoints.includes(textIn(body, "endpoint")))
    return badRequest(call, `Invalid value: '${textIn(body, "endpoint")}'.`, "endpoint", "invalid_value");
  const lines = input.toString("utf8").split("\n").map(parseJson).filter(isObject);
  const answered = lines.map((line, at) => answerOf(call, line, at));
  const created = Math.floor(call.at.getTime() / 1000);
  const batch: Batch = {
    id: `batch_sandbox${String(call.sequence).padStart(6, "0")}`,
    object: "batch",
    endpoint: body["endpoint"],
    errors: null,
    input_file_id: body["input_file_id"],
    completion_window: body["completion_window"],
    status: "completed",
    output_file_id: storeFile(call, "batch_output.jsonl", "batch_output", answered.map(({ text }) => text).join("\n")),
    error_file_id: null,
    created_at: created,
    in_progress_at: created,
    expires_at: created + dayS,
    finalizing_at: created,
    completed_at: created,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: lines.length, completed: lines.length, failed: 0 },
    metadata: body["metadata"] ?? null,
    usage: usageOf(answered.reduce<Usage>((sum, { usage }) => addUsage(sum, usage), noTokens)),
  };
  batches.of(call.shelf).set(batch.id, batch);
  return json(200, vendorHeaders(call), { ...batch, ...notYet });
}

/** The newest first; `after` names the last one seen. */
export function listBatches(call: Call): Answer {
  const all = [...batches.of(call.shelf).values()].toReversed();
  const limit = Math.max(1, Math.min(100, Number(call.query.get("limit") ?? 20) || 20));
  const start = all.findIndex((batch) => batch.id === call.query.get("after")) + 1;
  const data = all.slice(start, start + limit);
  const page = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: start + limit < all.length };
  return json(200, vendorHeaders(call), { object: "list", data, ...page });
}

export function readBatch(call: Call): Answer {
  const batch = batches.of(call.shelf).get(call.params[0] ?? "");
  return batch === undefined ? noSuchBatch(call) : json(200, vendorHeaders(call), batch);
}

/** Too late for any that is here: they are all done. */
export function cancelBatch(call: Call): Answer {
  const batch = batches.of(call.shelf).get(call.params[0] ?? "");
  if (batch === undefined) return noSuchBatch(call);
  return refusal(call, 409, {
    message: "Cannot cancel a batch with status 'completed'.",
    type: "invalid_request_error",
    param: null,
    code: null,
  });
}

const notYet = {
  status: "validating",
  output_file_id: null,
  in_progress_at: null,
  finalizing_at: null,
  completed_at: null,
  request_counts: { total: 0, completed: 0, failed: 0 },
  usage: null,
};

/** One line of the output, and what it used. */
function answerOf(call: Call, line: JsonObject, at: number): { text: string; usage: Usage } {
  const body = isObject(line["body"]) ? line["body"] : {};
  const model = textIn(body, "model");
  const messages = Array.isArray(body["messages"]) ? body["messages"] : [{ role: "user", content: body["input"] }];
  const { text, usage } = speak(model, promptOf(messages), {
    maxTokens: boundOf(body, "max_completion_tokens", "max_tokens", "max_output_tokens"),
    thinks: thinks(model),
  });
  const id = `${call.sequence}_${at}`;
  const choices = [
    { index: 0, message: { role: "assistant", content: text, refusal: null }, finish_reason: "stop", logprobs: null },
  ];
  const told = {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
  const answer = {
    id: `chatcmpl-sandbox${id}`,
    object: "chat.completion",
    created: Math.floor(call.at.getTime() / 1000),
    model,
    choices,
    usage: told,
  };
  const response = { status_code: 200, request_id: `req_sandbox${id}`, body: answer };
  return {
    text: JSON.stringify({ id: `batch_req_sandbox${id}`, custom_id: line["custom_id"] ?? null, response, error: null }),
    usage,
  };
}

function usageOf(usage: Usage): object {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function noSuchBatch(call: Call): PlainAnswer {
  return refusal(call, 404, {
    message: `No batch found with id '${call.params[0] ?? ""}'.`,
    type: "invalid_request_error",
    param: null,
    code: null,
  });
}

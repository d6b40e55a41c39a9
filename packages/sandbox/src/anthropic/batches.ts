// Message batches: many requests at once, answered when the batch is read back. Each account has its own.
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
import { badRequest, refusal, vendorHeaders } from "./answers.ts";
import { createMessage } from "./messages.ts";

interface Batch {
  readonly described: { readonly id: string; readonly [field: string]: unknown };
  readonly results: string;
}

const batches = new Drawer<Batch>();
const dayMs = 86_400_000;

export function createBatch(call: Call): Answer {
  const requests = jsonBody(call)?.["requests"];
  if (!Array.isArray(requests) || requests.length === 0) return badRequest(call, "requests: Field required");
  const lines = requests.filter(isObject).map((request, at) => resultOf(call, request, at));
  const errored = lines.filter((line) => line.type === "errored").length;
  const id = `msgbatch_sandbox${String(call.sequence).padStart(12, "0")}`;
  const counts = { processing: 0, succeeded: lines.length - errored, errored, canceled: 0, expired: 0 };
  const described = {
    id,
    type: "message_batch",
    processing_status: "ended",
    request_counts: counts,
    created_at: call.at.toISOString(),
    ended_at: call.at.toISOString(),
    expires_at: new Date(call.at.getTime() + dayMs).toISOString(),
    archived_at: null,
    cancel_initiated_at: null,
    results_url: `${call.baseUrl}/v1/messages/batches/${id}/results`,
  };
  batches.of(call.shelf).set(id, { described, results: lines.map((line) => line.text).join("\n") });
  const begun = {
    processing_status: "in_progress",
    ended_at: null,
    results_url: null,
    request_counts: { ...counts, processing: lines.length, succeeded: 0, errored: 0 },
  };
  return json(200, vendorHeaders(call), { ...described, ...begun });
}

/** The newest first. */
export function listBatches(call: Call): Answer {
  const all = [...batches.of(call.shelf).values()].map((batch) => batch.described).toReversed();
  const limit = Math.max(1, Math.min(1000, Number(call.query.get("limit") ?? 20) || 20));
  const start = all.findIndex((batch) => batch.id === call.query.get("after_id")) + 1;
  const data = all.slice(start, start + limit);
  return json(200, vendorHeaders(call), {
    data,
    has_more: start + limit < all.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  });
}

export function readBatch(call: Call): Answer {
  const batch = batches.of(call.shelf).get(call.params[0] ?? "");
  return batch === undefined ? noSuchBatch(call) : json(200, vendorHeaders(call), batch.described);
}

export function readResults(call: Call): Answer {
  const batch = batches.of(call.shelf).get(call.params[0] ?? "");
  if (batch === undefined) return noSuchBatch(call);
  return { status: 200, headers: { ...vendorHeaders(call), "content-type": "application/x-jsonl" }, body: `${batch.results}\n` };
}

/** Too late for any that is here: they have all ended. */
export function cancelBatch(call: Call): Answer {
  const batch = batches.of(call.shelf).get(call.params[0] ?? "");
  return batch === undefined
    ? noSuchBatch(call)
    : badRequest(call, `Batch ${batch.described.id} cannot be canceled because it has already ended.`);
}

export function deleteBatch(call: Call): Answer {
  const id = call.params[0] ?? "";
  return batches.of(call.shelf).delete(id)
    ? json(200, vendorHeaders(call), { id, type: "message_batch_deleted" })
    : noSuchBatch(call);
}

/** Answered as if it had come alone. */
function resultOf(call: Call, request: JsonObject, at: number): { type: string; text: string } {
  const params = isObject(request["params"]) ? request["params"] : {};
  const answer = createMessage({
    ...call,
    sequence: call.sequence * 1000 + at,
    body: Buffer.from(JSON.stringify({ ...params, stream: false })),
  });
  const body = "body" in answer ? parseJson(answer.body.toString()) : undefined;
  const result = answer.status === 200 ? { type: "succeeded", message: body } : { type: "errored", error: body };
  return { type: result.type, text: JSON.stringify({ custom_id: textIn(request, "custom_id"), result }) };
}

function noSuchBatch(call: Call): PlainAnswer {
  return refusal(call, 404, "not_found_error", `Message batch ${call.params[0] ?? ""} not found`);
}

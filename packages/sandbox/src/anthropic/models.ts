// GET /v1/models, page by page, and GET /v1/models/{id}.
import type { Answer, Call } from "../dialect.ts";
import { json } from "../dialect.ts";
import { refusal, vendorHeaders } from "./answers.ts";

const models = [
  { type: "model", id: "claude-opus-5-5", display_name: "Claude Opus 5.5", created_at: "2026-09-01T00:00:00Z" },
  { type: "model", id: "claude-sonnet-5", display_name: "Claude Sonnet 5", created_at: "2026-05-12T00:00:00Z" },
  { type: "model", id: "claude-haiku-5", display_name: "Claude Haiku 5", created_at: "2026-03-03T00:00:00Z" },
];

export function listModels(call: Call): Answer {
  const limit = Math.max(1, Math.min(1000, Number(call.query.get("limit") ?? 20) || 20));
  const after = models.findIndex((model) => model.id === call.query.get("after_id")) + 1;
  const data = models.slice(after, after + limit);
  const body = { data, has_more: after + limit < models.length, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return json(200, vendorHeaders(call), body);
}

export function getModel(call: Call): Answer {
  const id = call.params[0] ?? "";
  const model = models.find((each) => each.id === id);
  return model === undefined ? refusal(call, 404, "not_found_error", `model: ${id}`) : json(200, vendorHeaders(call), model);
}

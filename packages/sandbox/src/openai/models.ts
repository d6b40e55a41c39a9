// GET /v1/models and GET /v1/models/{id}.
import type { Answer, Call } from "../dialect.ts";
import { json } from "../dialect.ts";
import { refusal, vendorHeaders } from "./answers.ts";

const models = [
  { id: "gpt-6-luna", object: "model", created: 1786000000, owned_by: "system" },
  { id: "gpt-5-mini", object: "model", created: 1754425928, owned_by: "system" },
  { id: "gpt-4o", object: "model", created: 1715367049, owned_by: "system" },
  { id: "gpt-4o-mini", object: "model", created: 1721172741, owned_by: "system" },
  { id: "gpt-4o-transcribe", object: "model", created: 1742068463, owned_by: "system" },
  { id: "gpt-realtime-2.1", object: "model", created: 1783000000, owned_by: "system" },
  { id: "text-embedding-3-small", object: "model", created: 1705948997, owned_by: "system" },
  { id: "whisper-1", object: "model", created: 1677532384, owned_by: "openai-internal" },
];

export function listModels(call: Call): Answer {
  return json(200, vendorHeaders(call), { object: "list", data: models });
}

export function getModel(call: Call): Answer {
  const id = call.params[0] ?? "";
  const model = models.find((each) => each.id === id);
  if (model !== undefined) return json(200, vendorHeaders(call), model);
  const message = `The model '${id}' does not exist`;
  return refusal(call, 404, { message, type: "invalid_request_error", param: "model", code: "model_not_found" });
}

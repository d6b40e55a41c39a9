// embedContent and batchEmbedContents. The vendor tells no usage of them.
import { createHash } from "node:crypto";
import { type Answer, type Call, isObject, type JsonObject, jsonBody } from "../dialect.ts";
import { badJson, badRequest, told } from "../google/answers.ts";
import { field, textOf } from "../google/contents.ts";
import { unknownModel } from "./models.ts";

const defaultDimensions = 3072;

export function embedContent(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const refusal = unknownModel(call, call.params[1] ?? "");
  if (refusal !== null) return refusal;
  return told({ embedding: { values: vectorOf(body) } });
}

export function batchEmbedContents(call: Call): Answer {
  const requests = jsonBody(call)?.["requests"];
  if (!Array.isArray(requests) || requests.length === 0)
    return badRequest(call, "* BatchEmbedContentsRequest.requests: at least one request is required");
  const refusal = unknownModel(call, call.params[1] ?? "");
  if (refusal !== null) return refusal;
  return told({ embeddings: requests.map((request) => ({ values: vectorOf(isObject(request) ? request : {}) })) });
}

/** Made of the text's hash: equal texts are equal, and nothing else means anything. */
function vectorOf(request: JsonObject): number[] {
  const content = isObject(request["content"]) ? textOf(request["content"]) : "";
  const wanted = field(request, "outputDimensionality");
  const dimensions =
    typeof wanted === "number" && wanted >= 1 && wanted <= defaultDimensions ? Math.floor(wanted) : defaultDimensions;
  const digest = createHash("sha256").update(content).digest();
  return Array.from({ length: dimensions }, (_, at) => Number(((digest.readUInt8((at * 7) % 32) - 127.5) / 7000).toFixed(6)));
}

// POST /v1/embeddings. A text's vector is made of its hash: equal texts are equal, and nothing else means anything.
import { createHash } from "node:crypto";
import { type Answer, type Call, json, jsonBody } from "../dialect.ts";
import { countTokens } from "../speech.ts";
import { badJson, badRequest, limitHeaders, missing, unknownModel, vendorHeaders } from "./answers.ts";

const defaultDimensions = 1536;
const mostDimensions = 3072;
const mostInputs = 2048;

export function createEmbeddings(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const { model, input } = body;
  if (typeof model !== "string") return missing(call, "model");
  const inputs = inputsOf(input);
  if (inputs === null || inputs.length === 0 || inputs.length > mostInputs) return badRequest(call, "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.", null, null);
  const refusal = unknownModel(call, model);
  if (refusal !== null) return refusal;
  const dimensions = typeof body["dimensions"] === "number" ? body["dimensions"] : defaultDimensions;
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > mostDimensions) return badRequest(call, "Invalid value for 'dimensions'.", "dimensions", "invalid_value");
  const inputTokens = inputs.reduce((total, each) => total + (typeof each === "string" ? countTokens(each) : each.length), 0);
  const data = inputs.map((each, index) => {
    const vector = vectorOf(JSON.stringify(each), dimensions);
    const embedding = body["encoding_format"] === "base64" ? Buffer.from(vector.buffer).toString("base64") : [...vector];
    return { object: "embedding", index, embedding };
  });
  const answer = json(200, { ...vendorHeaders(call), ...limitHeaders() }, {
    object: "list", data, model, usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
  });
  return { ...answer, usage: { inputTokens, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 } };
}

/** A text, a list of token numbers, or a list of either. */
function inputsOf(input: unknown): (string | number[])[] | null {
  if (typeof input === "string") return input === "" ? null : [input];
  if (!Array.isArray(input)) return null;
  if (isTokens(input)) return [input];
  const inputs: (string | number[])[] = [];
  for (const each of input as unknown[]) {
    if (typeof each === "string" && each !== "") inputs.push(each);
    else if (isTokens(each)) inputs.push(each);
    else return null;
  }
  return inputs;
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => typeof token === "number");
}

/** Of length one, as the vendor's are. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const digest = createHash("sha256").update(text).digest();
  const raw = Array.from({ length: dimensions }, (_, at) => (digest.readUInt8((at * 7) % 32) - 127.5) * (1 + (at % 13)));
  const length = Math.hypot(...raw);
  return Float32Array.from(raw, (value) => value / length);
}

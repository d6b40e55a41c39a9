// GET /models, page by page, and GET /models/{model}.
import type { Answer, Call, PlainAnswer } from "../dialect.ts";
import { missing, told } from "../google/answers.ts";

const generating = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"];

const models = [
  {
    name: "models/gemini-3.6-flash",
    version: "3.6",
    displayName: "Gemini 3.6 Flash",
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: generating,
    thinking: true,
  },
  {
    name: "models/gemini-3.6-flash-lite",
    version: "3.6",
    displayName: "Gemini 3.6 Flash-Lite",
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: generating,
  },
  {
    name: "models/gemini-3.1-flash-live-preview",
    version: "3.1",
    displayName: "Gemini 3.1 Flash Live Preview",
    inputTokenLimit: 131_072,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ["bidiGenerateContent"],
  },
  {
    name: "models/gemini-embedding-2",
    version: "2",
    displayName: "Gemini Embedding 2",
    inputTokenLimit: 8192,
    outputTokenLimit: 1,
    supportedGenerationMethods: ["embedContent", "countTokens"],
  },
];

export function listModels(call: Call): Answer {
  const pageSize = Math.max(1, Math.min(1000, Number(call.query.get("pageSize") ?? 50) || 50));
  const start = Math.max(0, Number(/^page-(\d+)$/.exec(call.query.get("pageToken") ?? "")?.[1] ?? 0));
  const next = start + pageSize;
  return told({ models: models.slice(start, next), ...(next < models.length && { nextPageToken: `page-${next}` }) });
}

export function getModel(call: Call): Answer {
  const name = `models/${call.params[1] ?? ""}`;
  const model = models.find((each) => each.name === name);
  return model === undefined ? missing(call, `Model is not found: ${name} for api version ${call.params[0] ?? ""}`) : told(model);
}

/** Models whose name holds `does-not-exist` are the only ones that the sandbox does not have. */
export function unknownModel(call: Call, model: string): PlainAnswer | null {
  if (!model.includes("does-not-exist")) return null;
  const [version = "v1beta", , method = "generateContent"] = call.params;
  const message = `models/${model} is not found for API version ${version}, or is not supported for ${method}. Call ListModels to see the list of available models and their supported methods.`;
  return missing(call, message);
}

/**
 * Vertex AI's API as of @google/genai 3.1.0, with the endpoints of Anthropic's and OpenAI's shape. Endpoints, caches, tuned
 * models, stores, sessions and batches live in the project; what deploys or trains is management.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, create, meteredCreate, read, list, manage, catalogue } = kinds;
/** A deployed endpoint is the project's own. */
const ownInference = { ...inference, stateful: true };

/** A collection kept at the vendor: create, list, and everything below one of its items. */
const collection = (path: string, operation: string): RouteLine[] => [
  ["POST", path, `${operation}.create`, create],
  ["GET", path, `${operation}.list`, list],
  ["GET", `${path}/**`, `${operation}.get`, read],
  ["POST", `${path}/**`, `${operation}.update`, create],
  ["PATCH", `${path}/**`, `${operation}.update`, create],
  ["DELETE", `${path}/**`, `${operation}.delete`, create],
];

const managed = (path: string, operation: string): RouteLine[] => [
  ["*", path, operation, manage],
  ["*", `${path}/**`, operation, manage],
];

/** What a model can be asked, wherever it stands. */
const asked = (model: string, kind: typeof inference): RouteLine[] => [
  ["POST", `${model}:generateContent`, "models.generate", kind],
  ["POST", `${model}:streamGenerateContent`, "models.generate", kind],
  ["POST", `${model}:countTokens`, "models.count_tokens", kind],
  ["POST", `${model}:computeTokens`, "models.count_tokens", kind],
  ["POST", `${model}:embedContent`, "models.embed", kind],
  ["POST", `${model}:predict`, "models.predict", kind],
];

const linesOf = (version: string): RouteLine[] => {
  const v = `/${version}`;
  const here = `${v}/projects/{project}/locations/{location}`;
  return [
    ...asked(`${here}/publishers/{publisher}/models/{model}`, inference),
    ...asked(`${v}/publishers/{publisher}/models/{model}`, inference),
    ...asked(`${here}/endpoints/{endpoint}`, ownInference),
    ["POST", `${here}/publishers/anthropic/models/{model}:rawPredict`, "messages", inference],
    ["POST", `${here}/publishers/anthropic/models/{model}:streamRawPredict`, "messages", inference],
    ["POST", `${here}/endpoints/openapi/chat/completions`, "chat.completions", inference],
    ["POST", `${here}/publishers/{publisher}/models/{model}:predictLongRunning`, "models.predict_long", meteredCreate],
    ["POST", `${here}/publishers/{publisher}/models/{model}:fetchPredictOperation`, "operations.get", read],
    ["GET", `${v}/publishers/{publisher}/models`, "models.list", catalogue],
    ["GET", `${v}/publishers/{publisher}/models/{model}`, "models.get", catalogue],

    ...collection(`${here}/cachedContents`, "caches"),
    ...collection(`${here}/batchPredictionJobs`, "batches"),
    ...collection(`${here}/ragCorpora`, "rag_corpora"),
    ...collection(`${here}/reasoningEngines`, "reasoning_engines"),
    ["GET", `${here}/operations`, "operations.list", list],
    ["GET", `${here}/operations/{id}`, "operations.get", read],
    ["GET", `${here}/publishers/{publisher}/models/{model}/operations/{id}`, "operations.get", read],
    ...managed(`${here}/tuningJobs`, "tuning_jobs"),
    ...managed(`${here}/models`, "own_models"),
    ...managed(`${here}/datasets`, "datasets"),
    ["GET", `${here}/endpoints`, "endpoints.list", list],
    ["GET", `${here}/endpoints/{endpoint}`, "endpoints.get", read],
    ["POST", `${here}/endpoints`, "endpoints", manage],
    ["PATCH", `${here}/endpoints/{endpoint}`, "endpoints", manage],
    ["DELETE", `${here}/endpoints/{endpoint}`, "endpoints", manage],
    ["POST", `${here}/endpoints/{endpoint}:deployModel`, "endpoints", manage],
    ["POST", `${here}/endpoints/{endpoint}:undeployModel`, "endpoints", manage],
  ];
};

export const vertexRoutes = routeTable(["v1", "v1beta1"].flatMap(linesOf));

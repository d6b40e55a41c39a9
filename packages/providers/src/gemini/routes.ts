/**
 * Gemini's API as of @google/genai 3.1.0, in each of its versions. Files, caches, tuned models, stores and batches live in
 * the key's project; agents, triggers, webhooks and stored credentials act by themselves later, so they are management.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, create, meteredCreate, read, list, manage, catalogue } = kinds;
/** A tuned model is the project's own. */
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

const linesOf = (version: string): RouteLine[] => {
  const v = `/${version}`;
  return [
    ["POST", `${v}/models/{model}:generateContent`, "models.generate", inference],
    ["POST", `${v}/models/{model}:streamGenerateContent`, "models.generate", inference],
    ["POST", `${v}/models/{model}:countTokens`, "models.count_tokens", inference],
    ["POST", `${v}/models/{model}:embedContent`, "models.embed", inference],
    ["POST", `${v}/models/{model}:batchEmbedContents`, "models.embed", inference],
    ["POST", `${v}/models/{model}:predict`, "models.predict", inference],
    ["POST", `${v}/models/{model}:predictLongRunning`, "models.predict_long", meteredCreate],
    ["POST", `${v}/models/{model}:batchGenerateContent`, "batches.create", meteredCreate],
    ["POST", `${v}/models/{model}:asyncBatchEmbedContent`, "batches.create", meteredCreate],
    ["GET", `${v}/models`, "models.list", catalogue],
    ["GET", `${v}/models/{model}`, "models.get", catalogue],
    ["GET", `${v}/models/{model}/operations/{id}`, "operations.get", read],
    ["GET", `${v}/operations/{id}`, "operations.get", read],

    ["POST", `${v}/tunedModels/{model}:generateContent`, "models.generate", ownInference],
    ["POST", `${v}/tunedModels/{model}:streamGenerateContent`, "models.generate", ownInference],
    ...collection(`${v}/tunedModels`, "tuned_models"),
    ["*", `${v}/tunedModels/{model}/permissions`, "tuned_models.permissions", manage],
    ["*", `${v}/tunedModels/{model}/permissions/{id}`, "tuned_models.permissions", manage],

    ["POST", `${v}/interactions`, "interactions", inference],
    ["GET", `${v}/interactions/{id}`, "interactions.get", read],
    ["POST", `${v}/interactions/{id}/cancel`, "interactions.cancel", create],
    ["DELETE", `${v}/interactions/{id}`, "interactions.delete", create],

    ...collection(`${v}/cachedContents`, "caches"),
    ...collection(`${v}/files`, "files"),
    ["POST", `${v}/files:register`, "files.create", create],
    ["POST", `/upload${v}/files`, "files.create", create],
    ["PUT", `/upload${v}/files`, "files.create", create],
    ["GET", `/download${v}/files/{id}`, "files.get", read],
    ...collection(`${v}/fileSearchStores`, "file_search_stores"),
    ["GET", `${v}/fileSearchStores/{id}/documents`, "file_search_stores.documents.list", list],
    ["POST", `/upload${v}/fileSearchStores/{id}`, "file_search_stores.update", create],
    ["PUT", `/upload${v}/fileSearchStores/{id}`, "file_search_stores.update", create],
    ...collection(`${v}/batches`, "batches"),
    ...collection(`${v}/voices`, "voices"),

    ["POST", `${v}/auth_tokens`, "auth_tokens", manage],
    ...managed(`${v}/agents`, "agents"),
    ...managed(`${v}/credentials`, "credentials"),
    ...managed(`${v}/environments`, "environments"),
    ...managed(`${v}/triggers`, "triggers"),
    ...managed(`${v}/webhooks`, "webhooks"),

    ["POST", `${v}/openai/chat/completions`, "chat.completions", inference],
    ["POST", `${v}/openai/embeddings`, "embeddings", inference],
    ["POST", `${v}/openai/images/generations`, "images.generate", inference],
    ["GET", `${v}/openai/models`, "models.list", catalogue],
    ["GET", `${v}/openai/models/{model}`, "models.get", catalogue],
  ];
};

export const geminiRoutes = routeTable(["v1", "v1beta", "v1alpha"].flatMap(linesOf));

/**
 * OpenRouter's API as of @openrouter/sdk 1.3.19, with the older completions and the messages of Anthropic's shape. What
 * concerns an account, its keys, its members or other vendors' keys that it holds is management. The key's own limits
 * and spending are a list: they tell what everybody used.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, create, meteredCreate, read, list, manage, catalogue } = kinds;
const api = "/api/v1";
/** A preset is stored in the account, and brings a model and a prompt of its own. */
const presetInference = { ...inference, stateful: true };

const managed = (path: string, operation: string): RouteLine[] => [
  ["*", `${api}${path}`, operation, manage],
  ["*", `${api}${path}/**`, operation, manage],
];

export const openrouterRoutes = routeTable([
  ["POST", `${api}/chat/completions`, "chat.completions", inference],
  ["POST", `${api}/completions`, "completions", inference],
  ["POST", `${api}/responses`, "responses", inference],
  ["POST", `${api}/messages`, "messages", inference],
  ["POST", `${api}/embeddings`, "embeddings", inference],
  ["POST", `${api}/rerank`, "rerank", inference],
  ["POST", `${api}/audio/speech`, "audio.speech", inference],
  ["POST", `${api}/audio/transcriptions`, "audio.transcriptions", inference],
  ["POST", `${api}/images`, "images.generate", inference],

  ["POST", `${api}/presets/{slug}/chat/completions`, "chat.completions", presetInference],
  ["POST", `${api}/presets/{slug}/responses`, "responses", presetInference],
  ["POST", `${api}/presets/{slug}/messages`, "messages", presetInference],
  ["GET", `${api}/presets`, "presets.list", list],
  ["GET", `${api}/presets/{slug}`, "presets.get", read],
  ["GET", `${api}/presets/{slug}/versions`, "presets.versions", list],
  ["GET", `${api}/presets/{slug}/versions/{version}`, "presets.versions.get", read],

  ["GET", `${api}/models`, "models.list", catalogue],
  ["GET", `${api}/models/count`, "models.count", catalogue],
  ["GET", `${api}/models/user`, "models.user", read],
  ["GET", `${api}/models/{author}/{slug}/endpoints`, "models.endpoints", catalogue],
  ["GET", `${api}/model/{author}/{slug}`, "models.get", catalogue],
  ["GET", `${api}/embeddings/models`, "models.list", catalogue],
  ["GET", `${api}/images/models`, "models.list", catalogue],
  ["GET", `${api}/images/models/{author}/{slug}/endpoints`, "models.endpoints", catalogue],
  ["GET", `${api}/videos/models`, "models.list", catalogue],
  ["GET", `${api}/providers`, "providers.list", catalogue],
  ["GET", `${api}/endpoints/zdr`, "models.endpoints", catalogue],

  ["POST", `${api}/videos`, "videos.create", meteredCreate],
  ["GET", `${api}/videos/{id}`, "videos.get", read],
  ["GET", `${api}/videos/{id}/content`, "videos.get", read],
  ["POST", `${api}/files`, "files.create", create],
  ["GET", `${api}/files`, "files.list", list],
  ["GET", `${api}/files/{id}`, "files.get", read],
  ["GET", `${api}/files/{id}/content`, "files.get", read],
  ["DELETE", `${api}/files/{id}`, "files.delete", create],
  ["GET", `${api}/containers/{id}/files`, "containers.files.list", list],
  ["GET", `${api}/containers/{id}/files/**`, "containers.files.get", read],
  ["POST", `${api}/containers/{id}/files/{file}/promote`, "containers.files.promote", create],
  ["GET", `${api}/generation`, "generations.get", read],
  ["GET", `${api}/generation/content`, "generations.get", read],
  ["POST", `${api}/generation/feedback`, "generations.feedback", create],

  ["GET", `${api}/key`, "key", list],
  ["GET", `${api}/credits`, "credits", list],
  ["GET", `${api}/activity`, "activity", list],
  ["GET", `${api}/analytics/meta`, "analytics", list],
  ["POST", `${api}/analytics/query`, "analytics", list],
  ["GET", `${api}/datasets/session-cost`, "activity", list],

  ...managed("/auth", "auth"),
  ...managed("/oauth", "oauth"),
  ...managed("/keys", "keys"),
  ...managed("/byok", "provider_keys"),
  ...managed("/guardrails", "guardrails"),
  ...managed("/interns", "interns"),
  ...managed("/observability", "observability"),
  ...managed("/organization", "organization"),
  ...managed("/scim", "scim"),
  ...managed("/vault", "vault"),
  ...managed("/workspaces", "workspaces"),
]);

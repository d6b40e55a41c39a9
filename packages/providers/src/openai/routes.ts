/**
 * OpenAI's API as of openai 7.57.0. What mints a credential (client secrets, sessions) is `manage`: such a token spends
 * outside every limit of ours. Containers, vector stores, assistants and the like live at the vendor.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, unmetered, create, meteredCreate, read, list, manage, catalogue, actOnStored } = kinds;

/** A collection kept at the vendor: create, list, and everything below one of its items. */
function collection(path: string, operation: string): RouteLine[] {
  return [
    ["POST", path, `${operation}.create`, create],
    ["GET", path, `${operation}.list`, list],
    ["GET", `${path}/**`, `${operation}.get`, read],
    ["POST", `${path}/**`, `${operation}.update`, create],
    ["DELETE", `${path}/**`, `${operation}.delete`, create],
  ];
}

/** A list below one item names that item; it is still a list of what others may have stored. */
const sublists = (path: string, operation: string): RouteLine[] => [["GET", path, `${operation}.list`, list]];

export const openaiRoutes = routeTable([
  ["POST", "/v1/chat/completions", "chat.completions", inference],
  ["GET", "/v1/chat/completions", "chat.completions.list", list],
  ["GET", "/v1/chat/completions/{id}", "chat.completions.get", read],
  ["GET", "/v1/chat/completions/{id}/messages", "chat.completions.messages", read],
  ["POST", "/v1/chat/completions/{id}", "chat.completions.update", create],
  ["DELETE", "/v1/chat/completions/{id}", "chat.completions.delete", create],
  ["POST", "/v1/completions", "completions", inference],

  ["POST", "/v1/responses", "responses", inference],
  ["POST", "/v1/responses/compact", "responses.compact", inference],
  ["POST", "/v1/responses/input_tokens", "responses.input_tokens", inference],
  ["GET", "/v1/responses/{id}", "responses.get", read],
  ["GET", "/v1/responses/{id}/input_items", "responses.input_items", read],
  ["POST", "/v1/responses/{id}/cancel", "responses.cancel", create],
  ["DELETE", "/v1/responses/{id}", "responses.delete", create],

  ["POST", "/v1/embeddings", "embeddings", inference],
  ["POST", "/v1/moderations", "moderations", unmetered],
  ["POST", "/v1/audio/transcriptions", "audio.transcriptions", inference],
  ["POST", "/v1/audio/translations", "audio.translations", inference],
  ["POST", "/v1/audio/speech", "audio.speech", inference],
  ...collection("/v1/audio/voices", "audio.voices"),
  ...collection("/v1/audio/voice_consents", "audio.voice_consents"),
  ["POST", "/v1/images/generations", "images.generate", inference],
  ["POST", "/v1/images/edits", "images.edit", inference],
  ["POST", "/v1/images/variations", "images.variation", inference],
  ...collection("/v1/videos", "videos"),

  ["GET", "/v1/models", "models.list", catalogue],
  ["GET", "/v1/models/{id}", "models.get", catalogue],
  ["DELETE", "/v1/models/{id}", "models.delete", manage],

  ...collection("/v1/files", "files"),
  ...collection("/v1/uploads", "uploads"),
  ...collection("/v1/batches", "batches"),
  ...collection("/v1/conversations", "conversations"),
  ...sublists("/v1/conversations/{id}/items", "conversations.items"),
  ...collection("/v1/vector_stores", "vector_stores"),
  ...sublists("/v1/vector_stores/{id}/files", "vector_stores.files"),
  ...collection("/v1/containers", "containers"),
  ...sublists("/v1/containers/{id}/files", "containers.files"),
  ...collection("/v1/assistants", "assistants"),
  ...collection("/v1/threads", "threads"),
  ...sublists("/v1/threads/{id}/messages", "threads.messages"),
  ...sublists("/v1/threads/{id}/runs", "threads.runs"),
  ["POST", "/v1/threads/runs", "threads.create_and_run", meteredCreate],
  ["POST", "/v1/threads/{id}/runs", "threads.runs.create", meteredCreate],
  ["POST", "/v1/threads/{id}/runs/{run}/submit_tool_outputs", "threads.runs.submit_tool_outputs", meteredCreate],
  ...collection("/v1/fine_tuning/jobs", "fine_tuning.jobs"),
  ["POST", "/v1/fine_tuning/alpha/graders/run", "fine_tuning.graders.run", unmetered],
  ["POST", "/v1/fine_tuning/alpha/graders/validate", "fine_tuning.graders.validate", unmetered],
  ["*", "/v1/fine_tuning/checkpoints/**", "fine_tuning.checkpoints", manage],
  ...collection("/v1/evals", "evals"),
  ...collection("/v1/skills", "skills"),

  ["POST", "/v1/realtime/client_secrets", "realtime.client_secrets", manage],
  ["POST", "/v1/realtime/translations/client_secrets", "realtime.client_secrets", manage],
  ["POST", "/v1/realtime/sessions", "realtime.sessions", manage],
  ["POST", "/v1/realtime/transcription_sessions", "realtime.transcription_sessions", manage],
  ["POST", "/v1/live/sessions", "live.sessions", manage],
  ["POST", "/v1/chatkit/sessions", "chatkit.sessions", manage],
  ["POST", "/v1/realtime/calls", "realtime.calls.create", actOnStored],
  ["POST", "/v1/realtime/calls/{id}/{verb}", "realtime.calls", actOnStored],

  ["*", "/v1/organization/**", "organization", manage],
  ["*", "/v1/projects/**", "projects", manage],
  ["*", "/v1/webhook_endpoints", "webhook_endpoints", manage],
  ["*", "/v1/webhook_endpoints/**", "webhook_endpoints", manage],
  ["*", "/v1/vaults", "vaults", manage],
  ["*", "/v1/vaults/**", "vaults", manage],
]);

/** Anthropic's API as of @anthropic-ai/sdk 1.12.0, its beta resources included. */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, create, read, list, manage, catalogue } = kinds;

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

export const anthropicRoutes = routeTable([
  ["POST", "/v1/messages", "messages", inference],
  ["POST", "/v1/messages/count_tokens", "messages.count_tokens", inference],
  ...collection("/v1/messages/batches", "messages.batches"),
  ["GET", "/v1/models", "models.list", catalogue],
  ["GET", "/v1/models/{id}", "models.get", catalogue],
  ...collection("/v1/files", "files"),
  ...collection("/v1/skills", "skills"),
  ...collection("/v1/agents", "agents"),
  ...collection("/v1/sessions", "sessions"),
  ...collection("/v1/environments", "environments"),
  ...collection("/v1/memory_stores", "memory_stores"),
  ...collection("/v1/dreams", "dreams"),
  ["*", "/v1/organizations/**", "organizations", manage],
  ["*", "/v1/deployments", "deployments", manage],
  ["*", "/v1/deployments/**", "deployments", manage],
  ["*", "/v1/deployment_runs", "deployment_runs", manage],
  ["*", "/v1/deployment_runs/**", "deployment_runs", manage],
  ["*", "/v1/vaults", "vaults", manage],
  ["*", "/v1/vaults/**", "vaults", manage],
  ["*", "/v1/tunnels", "tunnels", manage],
  ["*", "/v1/tunnels/**", "tunnels", manage],
  ["*", "/v1/user_profiles", "user_profiles", manage],
  ["*", "/v1/user_profiles/**", "user_profiles", manage],
]);

/**
 * Deepgram's API as of sdk 5.13.0. A GET of the voice endpoints opens a WebSocket. What concerns keys, members, invitations
 * and self-hosting is management, as is what mints a token.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, create, read, list, manage, catalogue } = kinds;
const project = "/v1/projects/{project}";

const managed = (path: string, operation: string): RouteLine[] => [
  ["*", path, operation, manage],
  ["*", `${path}/**`, operation, manage],
];

export const deepgramRoutes = routeTable([
  ["POST", "/v1/listen", "listen", inference],
  ["POST", "/v1/speak", "speak", inference],
  ["POST", "/v2/speak", "speak", inference],
  ["POST", "/v1/read", "read", inference],
  ["GET", "/v1/listen", "listen.live", inference],
  ["GET", "/v2/listen", "listen.live", inference],
  ["GET", "/v1/speak", "speak.live", inference],
  ["GET", "/v2/speak", "speak.live", inference],
  ["GET", "/v1/agent/converse", "agent.converse", inference],

  ["GET", "/v1/models", "models.list", catalogue],
  ["GET", "/v1/models/{model}", "models.get", catalogue],
  ["GET", "/v1/agent/settings/think/models", "models.list", catalogue],

  ["POST", "/v1/auth/grant", "auth.grant", manage],
  ["GET", "/v1/auth/token", "auth.token", read],

  ["GET", "/v1/projects", "projects.list", list],
  ["GET", project, "projects.get", read],
  ["PATCH", project, "projects.update", manage],
  ["DELETE", project, "projects.delete", manage],
  ["DELETE", `${project}/leave`, "projects.leave", manage],
  ["GET", `${project}/models`, "projects.models", read],
  ["GET", `${project}/models/{model}`, "projects.models", read],
  ["GET", `${project}/requests`, "requests.list", list],
  ["GET", `${project}/requests/{id}`, "requests.get", read],
  ["GET", `${project}/usage`, "usage", list],
  ["GET", `${project}/usage/**`, "usage", list],
  ["GET", `${project}/billing/**`, "billing", list],
  ["GET", `${project}/balances`, "balances", list],
  ["GET", `${project}/balances/{id}`, "balances", list],
  ["GET", `${project}/purchases`, "purchases", list],
  ["GET", `${project}/agents`, "agents.list", list],
  ["POST", `${project}/agents`, "agents.create", create],
  ["GET", `${project}/agents/{id}`, "agents.get", read],
  ["PUT", `${project}/agents/{id}`, "agents.update", create],
  ["DELETE", `${project}/agents/{id}`, "agents.delete", create],
  ...managed(`${project}/agent-variables`, "agent_variables"),
  ...managed(`${project}/keys`, "keys"),
  ...managed(`${project}/members`, "members"),
  ...managed(`${project}/invites`, "invites"),
  ["*", `${project}/self-hosted/**`, "self_hosted", manage],
]);

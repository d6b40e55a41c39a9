/** Variables that give a key of Anthropic: those of @anthropic-ai/sdk 1.12.0, and the name that LangChain adds. */
import { baseUrlNote, settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const anthropicVariables: readonly Variable[] = [
  { name: "ANTHROPIC_API_KEY", field: "apiKey", key: true },
  { name: "ANTHROPIC_WORKSPACE_ID", field: "workspaceId" },
  { name: "ANTHROPIC_AUTH_TOKEN", field: null, note: "is an OAuth token, which ends and is no API key" },
  { name: "ANTHROPIC_BASE_URL", field: null, note: baseUrlNote },
  { name: "ANTHROPIC_API_URL", field: null, note: baseUrlNote },
  { name: "ANTHROPIC_CUSTOM_HEADERS", field: null, note: settingNote },
  { name: "ANTHROPIC_PROFILE", field: null, note: settingNote },
  { name: "ANTHROPIC_ORGANIZATION_ID", field: null, note: "names the organization of a federated login, which is not stored here" },
  { name: "ANTHROPIC_SERVICE_ACCOUNT_ID", field: null, note: "names the account of a federated login, which is not stored here" },
  { name: "ANTHROPIC_FEDERATION_RULE_ID", field: null, note: "names the rule of a federated login, which is not stored here" },
  { name: "ANTHROPIC_IDENTITY_TOKEN", field: null, note: "is the token of a federated login, which ends" },
  { name: "ANTHROPIC_IDENTITY_TOKEN_FILE", field: null, note: "is the file of a federated login, which is not stored here" },
];

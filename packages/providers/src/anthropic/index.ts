/** Anthropic. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { refuse } from "../refusal-status.ts";
import { text } from "../vendor-json.ts";
import { authorize, presentedToken } from "./authorize.ts";
import { classify } from "./classify.ts";
import { origin, ownsHost, sdkConfig, workspaceHeader } from "./config.ts";
import { anthropicCredentials } from "./credentials.ts";
import { anthropicHelp } from "./help.ts";
import { anthropicMeter } from "./meter.ts";
import { probe } from "./probe.ts";
import { anthropicRoutes } from "./routes.ts";
import { readsStored } from "./stored-state.ts";
import { anthropicVariables } from "./variables.ts";
import type { ErrorCode } from "@stack-2025/byok-crypto";

/** The `type` that Anthropic's users know, where it is not that of a bad request. */
const errorTypes: Partial<Record<ErrorCode, string>> = {
  KEY_NOT_FOUND: "not_found_error",
  NOT_FOUND: "not_found_error",
  PERMISSION_DENIED: "permission_error",
  UNAUTHENTICATED: "authentication_error",
  QUOTA_EXCEEDED: "rate_limit_error",
  RATE_LIMITED: "rate_limit_error",
  PROVIDER_UNAVAILABLE: "api_error",
  ENCRYPTION: "api_error",
  CONFIGURATION: "api_error",
};

export const anthropic = defineProvider({
  type: "anthropic",
  name: "Anthropic",
  credentials: anthropicCredentials,
  variables: anthropicVariables,
  help: anthropicHelp,

  parse: (keyData) => parseKeyData("anthropic", anthropicCredentials, keyData),
  principal: ({ apiKey }) => apiKey,
  secrets: ({ apiKey }) => [apiKey],
  canonical: ({ apiKey }) => apiKey,
  metadata: ({ workspaceId }) => present({ workspaceId }),

  origin: () => origin,
  owns: ownsHost,
  credentialHeaders: [...commonCredentialHeaders, workspaceHeader],
  credentialParameters: commonCredentialParameters,
  presentedToken,
  authorize,

  route: anthropicRoutes,
  readsStored,
  model: (_path, body) => text(body?.["model"]) ?? null,
  meter: anthropicMeter,
  classify,
  vendorRequestId: (headers) => headers["request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: (error) =>
    refuse(error, () => ({
      type: "error",
      error: { type: errorTypes[error.code] ?? "invalid_request_error", message: error.message, details: { error_code: error.code } },
    })),
});

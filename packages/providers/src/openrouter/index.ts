/** OpenRouter. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { defineProvider } from "../provider.ts";
import { refuse } from "../refusal-status.ts";
import { text } from "../vendor-json.ts";
import { authorize, presentedToken } from "./authorize.ts";
import { classify } from "./classify.ts";
import { origin, ownsHost, sdkConfig } from "./config.ts";
import { openrouterCredentials } from "./credentials.ts";
import { openrouterHelp } from "./help.ts";
import { openrouterMeter } from "./meter.ts";
import { probe } from "./probe.ts";
import { openrouterRoutes } from "./routes.ts";
import { readsStored } from "./stored-state.ts";
import { openrouterVariables } from "./variables.ts";
import type { ErrorCode } from "@stack-2025/byok-crypto";

/** OpenRouter's own `error_type` for our codes, where it is not that of a bad request. */
const errorTypes: Partial<Record<ErrorCode, string>> = {
  KEY_NOT_FOUND: "not_found",
  NOT_FOUND: "not_found",
  PERMISSION_DENIED: "permission_denied",
  UNAUTHENTICATED: "authentication",
  QUOTA_EXCEEDED: "payment_required",
  RATE_LIMITED: "rate_limit_exceeded",
  PROVIDER_UNAVAILABLE: "provider_unavailable",
  ENCRYPTION: "server",
  CONFIGURATION: "server",
};

export const openrouter = defineProvider({
  type: "openrouter",
  name: "OpenRouter",
  credentials: openrouterCredentials,
  variables: openrouterVariables,
  help: openrouterHelp,

  parse: (keyData) => parseKeyData("openrouter", openrouterCredentials, keyData),
  principal: ({ apiKey }) => apiKey,
  secrets: ({ apiKey }) => [apiKey],
  canonical: ({ apiKey }) => apiKey,
  metadata: () => ({}),

  origin: () => origin,
  owns: ownsHost,
  credentialHeaders: commonCredentialHeaders,
  credentialParameters: commonCredentialParameters,
  presentedToken,
  authorize,

  route: openrouterRoutes,
  readsStored,
  model: (_path, body) => text(body?.["model"]) ?? null,
  meter: openrouterMeter,
  classify,
  vendorRequestId: (headers) => headers["x-generation-id"] ?? headers["x-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: (error) =>
    refuse(error, (status) => ({
      error: { code: status, message: error.message, metadata: { error_type: errorTypes[error.code] ?? "invalid_request", code: error.code } },
    })),
});

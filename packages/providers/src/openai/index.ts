/** OpenAI. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { refuse } from "../refusal-status.ts";
import { text } from "../vendor-json.ts";
import { authorize, presentedToken } from "./authorize.ts";
import { classify } from "./classify.ts";
import { originOf, ownsHost, sdkConfig } from "./config.ts";
import { openaiCredentials } from "./credentials.ts";
import { openaiHelp } from "./help.ts";
import { openaiMeter } from "./meter.ts";
import { probe } from "./probe.ts";
import { openaiRoutes } from "./routes.ts";
import { readsStored } from "./stored-state.ts";
import { openaiVariables } from "./variables.ts";
import type { ErrorCode } from "@stack-2025/byok-crypto";

/** The `type` that OpenAI's users know, where it is not that of a bad request. */
const errorTypes: Partial<Record<ErrorCode, string>> = {
  QUOTA_EXCEEDED: "insufficient_quota",
  RATE_LIMITED: "requests",
  PROVIDER_UNAVAILABLE: "server_error",
  ENCRYPTION: "server_error",
  CONFIGURATION: "server_error",
};

export const openai = defineProvider({
  type: "openai",
  name: "OpenAI",
  credentials: openaiCredentials,
  variables: openaiVariables,
  help: openaiHelp,

  parse: (keyData) => parseKeyData("openai", openaiCredentials, keyData),
  principal: ({ apiKey }) => apiKey,
  secrets: ({ apiKey }) => [apiKey],
  canonical: ({ apiKey }) => apiKey,
  metadata: ({ organization, project, region }) => present({ organization, project, region }),

  origin: originOf,
  owns: ownsHost,
  credentialHeaders: [...commonCredentialHeaders, "openai-organization", "openai-project"],
  credentialParameters: commonCredentialParameters,
  presentedToken,
  authorize,

  route: openaiRoutes,
  readsStored,
  // The path names it where a WebSocket is opened: `/v1/realtime?model=…`.
  model: (path, body) => text(body?.["model"]) ?? new URL(path, "https://api.openai.com").searchParams.get("model"),
  meter: openaiMeter,
  classify,
  vendorRequestId: (headers) => headers["x-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: (error) =>
    refuse(error, () => ({
      error: { message: error.message, type: errorTypes[error.code] ?? "invalid_request_error", param: null, code: error.code },
    })),
});

/** Gemini, the developer API. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { modelOf } from "../google/model-of.ts";
import { googleToken } from "../google/presented-token.ts";
import { googleRefusal } from "../google/refusal.ts";
import { readsStored } from "../google/stored-state.ts";
import { defineProvider } from "../provider.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import { origin, ownsHost, sdkConfig } from "./config.ts";
import { geminiCredentials } from "./credentials.ts";
import { geminiHelp } from "./help.ts";
import { geminiMeter } from "./meter.ts";
import { probe } from "./probe.ts";
import { geminiRoutes } from "./routes.ts";
import { geminiVariables } from "./variables.ts";

export const gemini = defineProvider({
  type: "gemini",
  name: "Gemini",
  credentials: geminiCredentials,
  variables: geminiVariables,
  help: geminiHelp,

  parse: (keyData) => parseKeyData("gemini", geminiCredentials, keyData),
  principal: ({ apiKey }) => apiKey,
  secrets: ({ apiKey }) => [apiKey],
  canonical: ({ apiKey }) => apiKey,
  metadata: () => ({}),

  origin: () => origin,
  owns: ownsHost,
  // A project that a caller names there would pay in the key's name.
  credentialHeaders: [...commonCredentialHeaders, "x-goog-user-project"],
  credentialParameters: commonCredentialParameters,
  presentedToken: googleToken,
  authorize,

  route: geminiRoutes,
  readsStored,
  model: modelOf,
  meter: geminiMeter,
  classify,
  // Google gives calls an id in their body alone.
  vendorRequestId: (headers) => headers["x-goog-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: googleRefusal,
});

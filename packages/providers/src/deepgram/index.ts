/** Deepgram. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { refuse } from "../refusal-status.ts";
import { authorize, presentedToken } from "./authorize.ts";
import { classify } from "./classify.ts";
import { originOf, ownsHost, sdkConfig } from "./config.ts";
import { deepgramCredentials } from "./credentials.ts";
import { deepgramHelp } from "./help.ts";
import { deepgramMeter, report } from "./meter.ts";
import { probe } from "./probe.ts";
import { deepgramRoutes } from "./routes.ts";
import { deepgramVariables } from "./variables.ts";

export const deepgram = defineProvider({
  type: "deepgram",
  name: "Deepgram",
  credentials: deepgramCredentials,
  variables: deepgramVariables,
  help: deepgramHelp,

  parse: (keyData) => parseKeyData("deepgram", deepgramCredentials, keyData),
  principal: ({ apiKey }) => apiKey,
  secrets: ({ apiKey }) => [apiKey],
  canonical: ({ apiKey }) => apiKey,
  metadata: ({ projectId, region }) => present({ projectId, region }),

  origin: originOf,
  owns: ownsHost,
  credentialHeaders: commonCredentialHeaders,
  credentialParameters: commonCredentialParameters,
  presentedToken,
  authorize,

  route: deepgramRoutes,
  readsStored: (route) => route.stateful,
  model: (path) => new URLSearchParams(path.split("?")[1]).get("model"),
  meter: deepgramMeter,
  report,
  classify,
  vendorRequestId: (headers) => headers["dg-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: (error) => refuse(error, () => ({ err_code: error.code, err_msg: error.message, request_id: null })),
});

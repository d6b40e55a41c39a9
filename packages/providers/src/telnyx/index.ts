/** Telnyx. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { refuse } from "../refusal-status.ts";
import { text } from "../vendor-json.ts";
import { authorize, presentedToken } from "./authorize.ts";
import { classify } from "./classify.ts";
import { origin, ownsHost, sdkConfig } from "./config.ts";
import { telnyxCredentials } from "./credentials.ts";
import { telnyxHelp } from "./help.ts";
import { report, telnyxMeter } from "./meter.ts";
import { probe } from "./probe.ts";
import { telnyxRoutes } from "./routes.ts";
import { telnyxVariables } from "./variables.ts";

/** Telnyx's own code for each status that we refuse with. Ours stands in `meta`. */
const telnyxCodes: Readonly<Record<number, string>> = { 400: "10015", 401: "10009", 403: "10010", 404: "10005", 409: "10015", 422: "10015", 429: "10011", 500: "10007", 503: "10016" };

export const telnyx = defineProvider({
  type: "telnyx",
  name: "Telnyx",
  credentials: telnyxCredentials,
  variables: telnyxVariables,
  help: telnyxHelp,

  parse: (keyData) => parseKeyData("telnyx", telnyxCredentials, keyData),
  principal: ({ apiKey }) => apiKey,
  secrets: ({ apiKey }) => [apiKey],
  canonical: ({ apiKey }) => apiKey,
  metadata: ({ publicKey }) => present({ publicKey }),

  origin: () => origin,
  owns: ownsHost,
  credentialHeaders: commonCredentialHeaders,
  credentialParameters: commonCredentialParameters,
  presentedToken,
  authorize,

  route: telnyxRoutes,
  readsStored: (route) => route.stateful,
  model: (_path, body) => text(body?.["model"]) ?? null,
  meter: telnyxMeter,
  report,
  classify,
  vendorRequestId: (headers) => headers["x-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: (error) =>
    refuse(error, (status) => ({ errors: [{ code: telnyxCodes[status] ?? "10007", title: "Refused before it was sent", detail: error.message, meta: { code: error.code } }] })),
});

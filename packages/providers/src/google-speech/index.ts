/** Google's Speech-to-Text and Text-to-Speech. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { googleToken } from "../google/presented-token.ts";
import { googleRefusal } from "../google/refusal.ts";
import { accountCanonical, accountOf, accountSecrets, documentOf } from "../google/service-account.ts";
import { readsStored } from "../google/stored-state.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { object, text } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import { sdkConfig } from "./config.ts";
import { speechCredentials } from "./credentials.ts";
import { speechHelp } from "./help.ts";
import { originOf, ownsHost, projectOf } from "./hosts.ts";
import { speechMeter } from "./meter.ts";
import { accessToken, probe } from "./probe.ts";
import { speechRoutes } from "./routes.ts";
import { speechVariables } from "./variables.ts";

const credentials = speechCredentials();

export const googleSpeech = defineProvider({
  type: "google_speech",
  name: "Google Speech",
  credentials,
  variables: speechVariables,
  help: speechHelp,

  parse: (keyData, baseUrl) => parseKeyData("google_speech", baseUrl === undefined ? credentials : speechCredentials(baseUrl), keyData),
  principal: (keyData) => ("apiKey" in keyData ? keyData.apiKey : documentOf(keyData.serviceAccount)),
  secrets: (keyData) => ("apiKey" in keyData ? [keyData.apiKey] : accountSecrets(keyData.serviceAccount)),
  canonical: (keyData) => ("apiKey" in keyData ? keyData.apiKey : accountCanonical(keyData.serviceAccount)),
  metadata: (keyData) => ("apiKey" in keyData ? {} : present({ project: projectOf(keyData), clientEmail: accountOf(keyData.serviceAccount).clientEmail })),

  origin: originOf,
  owns: ownsHost,
  credentialHeaders: [...commonCredentialHeaders, "x-goog-user-project"],
  credentialParameters: commonCredentialParameters,
  presentedToken: googleToken,
  accessToken,
  authorize,

  route: speechRoutes,
  readsStored,
  /** The recognition's model, or the voice. */
  model: (_path, body) => text(object(body?.["config"])?.["model"]) ?? text(object(body?.["voice"])?.["name"]) ?? null,
  meter: speechMeter,
  classify,
  vendorRequestId: (headers) => headers["x-goog-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: googleRefusal,
});

/** Vertex AI, with a service account or in express mode. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { modelOf } from "../google/model-of.ts";
import { googleToken } from "../google/presented-token.ts";
import { googleRefusal } from "../google/refusal.ts";
import { accountCanonical, accountOf, accountSecrets, documentOf } from "../google/service-account.ts";
import { readsStored } from "../google/stored-state.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import { sdkConfig } from "./config.ts";
import { vertexCredentials } from "./credentials.ts";
import { vertexHelp } from "./help.ts";
import { originOf, ownsHost, projectOf } from "./hosts.ts";
import { vertexMeter } from "./meter.ts";
import { accessToken, probe } from "./probe.ts";
import { vertexRoutes } from "./routes.ts";
import { vertexVariables } from "./variables.ts";

const credentials = vertexCredentials();

export const vertex = defineProvider({
  type: "vertex",
  name: "Vertex AI",
  credentials,
  variables: vertexVariables,
  help: vertexHelp,

  parse: (keyData, baseUrl) => parseKeyData("vertex", baseUrl === undefined ? credentials : vertexCredentials(baseUrl), keyData),
  principal: (keyData) => ("apiKey" in keyData ? keyData.apiKey : documentOf(keyData.serviceAccount)),
  secrets: (keyData) => ("apiKey" in keyData ? [keyData.apiKey] : accountSecrets(keyData.serviceAccount)),
  canonical: (keyData) => ("apiKey" in keyData ? keyData.apiKey : accountCanonical(keyData.serviceAccount)),
  metadata: (keyData) => {
    if ("apiKey" in keyData) return {};
    const { clientEmail } = accountOf(keyData.serviceAccount);
    return present({ project: projectOf(keyData), location: keyData.location, clientEmail });
  },

  origin: originOf,
  owns: ownsHost,
  credentialHeaders: [...commonCredentialHeaders, "x-goog-user-project"],
  credentialParameters: commonCredentialParameters,
  presentedToken: googleToken,
  accessToken,
  authorize,

  route: vertexRoutes,
  readsStored,
  model: modelOf,
  meter: vertexMeter,
  classify,
  vendorRequestId: (headers) => headers["x-goog-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: googleRefusal,
});

/** Twilio. */
import { commonCredentialHeaders, commonCredentialParameters } from "../credential-places.ts";
import { parseKeyData } from "../credentials.ts";
import { present } from "../present.ts";
import { defineProvider } from "../provider.ts";
import { refuse } from "../refusal-status.ts";
import { authorize, basicLogin, loginOf, presentedToken } from "./authorize.ts";
import { classify } from "./classify.ts";
import { sdkConfig } from "./config.ts";
import { twilioCredentials } from "./credentials.ts";
import { twilioHelp } from "./help.ts";
import { locationOf, originOf, ownsHost } from "./hosts.ts";
import { report, twilioMeter } from "./meter.ts";
import { probe } from "./probe.ts";
import { twilioRoutes } from "./routes.ts";
import { twilioVariables } from "./variables.ts";

/** Twilio's own number for each status that we refuse with: its SDK gives it as `error.code`. Ours stands in `details`. */
const twilioCodes: Readonly<Record<number, number>> = { 400: 20001, 401: 20003, 403: 20003, 404: 20404, 409: 20409, 422: 20001, 429: 20429, 500: 20500, 503: 20503 };

export const twilio = defineProvider({
  type: "twilio",
  name: "Twilio",
  credentials: twilioCredentials,
  variables: twilioVariables,
  help: twilioHelp,

  parse: (keyData) => parseKeyData("twilio", twilioCredentials, keyData),
  principal: (keyData) => loginOf(keyData).password,
  // The header's form is a copy of the secret too.
  secrets: (keyData) => [loginOf(keyData).password, basicLogin(keyData)],
  canonical: (keyData) => loginOf(keyData).password,
  metadata: (keyData) => {
    const { region, edge } = locationOf(keyData) ?? {};
    return { accountSid: keyData.accountSid, ...present({ apiKeySid: keyData.apiKeySid, region, edge }) };
  },

  origin: originOf,
  owns: ownsHost,
  credentialHeaders: commonCredentialHeaders,
  credentialParameters: commonCredentialParameters,
  presentedToken,
  authorize,

  route: twilioRoutes,
  readsStored: (route) => route.stateful,
  model: () => null,
  meter: twilioMeter,
  report,
  classify,
  vendorRequestId: (headers) => headers["twilio-request-id"] ?? null,

  probe,
  config: sdkConfig,
  refusal: (error) =>
    refuse(error, (status) => {
      const code = twilioCodes[status] ?? 20500;
      return { code, message: error.message, more_info: `https://www.twilio.com/docs/api/errors/${code}`, status, details: { code: error.code } };
    }),
});

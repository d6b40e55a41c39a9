/**
 * The options of Google's SDK for Vertex AI. With the key alone the environment could name another project, location, base
 * URL or version (measured on @google/genai 3.1.0).
 */
import { exchange } from "../google/access-token.ts";
import { asOption, exchanged, GoogleAuthClient } from "../google/auth-client.ts";
import { accountOf } from "../google/service-account.ts";
import type { KeyData, ProviderConfig } from "../key-data.ts";
import { classify } from "./classify.ts";
import { locationOf, originOf, projectOf } from "./hosts.ts";

/**
 * `httpOptions` is made anew each time: the constructor writes into it. Google's library sends a service account's
 * assertion to Google, whatever the base URL: with one set, the tokens are made by an auth client of ours.
 */
export function sdkConfig(keyData: KeyData<"vertex">, baseUrl: string | undefined): ProviderConfig<"vertex"> {
  const httpOptions = { baseUrl: `${(baseUrl ?? originOf(keyData, "/")).replace(/\/+$/, "")}/`, apiVersion: "v1beta1" };
  if ("apiKey" in keyData) return { vertexai: true, apiKey: keyData.apiKey, httpOptions };
  const account = accountOf(keyData.serviceAccount);
  // The checks made sure that there is one.
  const project = projectOf(keyData) ?? "";
  const googleAuthOptions =
    baseUrl === undefined
      ? { credentials: { client_email: account.clientEmail, private_key: account.privateKey }, projectId: project, universeDomain: "googleapis.com" }
      : { authClient: asOption(new GoogleAuthClient(exchanged((ask, now) => exchange({ account, ask, now, baseUrl, classify }), baseUrl, (path) => originOf(keyData, path)), baseUrl)) };
  return { vertexai: true, project, location: locationOf(keyData), googleAuthOptions, httpOptions };
}

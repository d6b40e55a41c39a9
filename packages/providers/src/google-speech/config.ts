/**
 * The options of Google's speech SDKs. The universe would otherwise come from the environment, and so would the project that
 * pays for an API key (measured on @google-cloud/speech 8.1.0 and google-auth-library 11.3.4): such a key goes through an
 * auth client of ours, in the SDKs' gRPC as in their REST mode.
 */
import { exchange } from "../google/access-token.ts";
import { asOption, exchanged, GoogleAuthClient } from "../google/auth-client.ts";
import { accountOf } from "../google/service-account.ts";
import type { KeyData, ProviderConfig } from "../key-data.ts";
import { classify } from "./classify.ts";
import { originOf } from "./hosts.ts";

const universeDomain = "googleapis.com";

/** With a base URL set, the SDKs' REST mode is on: over gRPC nothing could be sent there. It has no streaming recognition. */
export function sdkConfig(keyData: KeyData<"google_speech">, baseUrl: string | undefined): ProviderConfig<"google_speech"> {
  const rest = baseUrl === undefined ? {} : { fallback: true as const };
  if ("apiKey" in keyData) {
    const { apiKey } = keyData;
    return { apiKey, universeDomain, authClient: asOption(new GoogleAuthClient(() => Promise.resolve({ "x-goog-api-key": apiKey }), baseUrl)), ...rest };
  }
  const account = accountOf(keyData.serviceAccount);
  return {
    credentials: { client_email: account.clientEmail, private_key: account.privateKey },
    ...(account.projectId !== undefined && { projectId: account.projectId }),
    universeDomain,
    ...(baseUrl !== undefined && {
      authClient: asOption(new GoogleAuthClient(exchanged((ask, now) => exchange({ account, ask, now, baseUrl, classify }), baseUrl, (path) => originOf(keyData, path)), baseUrl)),
    }),
    ...rest,
  };
}

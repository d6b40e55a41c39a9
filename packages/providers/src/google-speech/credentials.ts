/** A service account for Google's Speech-to-Text and Text-to-Speech, or an API key, which their first versions take. */
import { z } from "zod";
import { googleApiKeyField } from "../google/api-key.ts";
import { oneOfTwo } from "../google/either-key.ts";
import { serviceAccountField } from "../google/service-account.ts";
import type { CredentialSchema } from "../credentials.ts";
import type { KeyData } from "../key-data.ts";

/** `baseUrl`: an operator's, on which a `token_uri` may lie. */
export function speechCredentials(baseUrl?: string): CredentialSchema<"google_speech"> {
  return z
    .strictObject({
      serviceAccount: serviceAccountField(baseUrl).optional(),
      apiKey: googleApiKeyField("google_speech", "Instead of a service account; some keys are refused by these APIs.").optional(),
    })
    .check(oneOfTwo([]))
    .transform(({ serviceAccount, apiKey }): KeyData<"google_speech"> => (serviceAccount === undefined ? { apiKey: apiKey ?? "" } : { serviceAccount }));
}

/** A Google API key, as the products beside Gemini take one. */
import { secretField } from "../credentials.ts";
import type { ProviderType } from "../provider-type.ts";

export function googleApiKeyField(provider: ProviderType, description: string) {
  return secretField({ provider, what: "a Google API key" }, { title: "API key", description }, (key) => {
    if (/^\{\s*"/.test(key)) return { problem: "wrong_kind", message: "is a JSON document. A service account belongs into keyData.serviceAccount." };
    if (key.startsWith("ya29.")) return { problem: "wrong_kind", message: "is an access token, which ends within an hour. Give an API key, or a service account." };
    return undefined;
  });
}

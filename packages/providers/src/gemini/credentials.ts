/** A Gemini API key. Its form says nothing of what it opens: `AQ.` is that of Vertex express keys too, and Google changed it before. */
import { z } from "zod";
import { secretField } from "../credentials.ts";
import type { CredentialSchema } from "../credentials.ts";

export const geminiCredentials: CredentialSchema<"gemini"> = z.strictObject({
  apiKey: secretField({ provider: "gemini", what: "a Gemini key" }, { title: "API key", description: "From Google AI Studio, API keys." }, (key) => {
    if (key.startsWith("auth_tokens/")) return { problem: "wrong_kind", message: "is an ephemeral token, which ends within hours. Give the API key that it was made with." };
    if (key.startsWith("ya29.")) return { problem: "wrong_kind", message: "is an access token, which ends within an hour. Give an API key." };
    return undefined;
  }),
});

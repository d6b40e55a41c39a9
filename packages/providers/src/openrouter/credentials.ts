/** An OpenRouter key. Management keys look the same and call no models: only the probe tells them apart. */
import { z } from "zod";
import { secretField } from "../credentials.ts";
import type { CredentialSchema } from "../credentials.ts";

export const openrouterCredentials: CredentialSchema<"openrouter"> = z.strictObject({
  apiKey: secretField({ provider: "openrouter", what: "an OpenRouter key" }, { title: "API key", description: "From openrouter.ai, Keys. It begins with sk-or-." }),
});

/** An OpenAI key: the key itself and, where it needs them, the organization, project and region it acts in. */
import { z } from "zod";
import { choiceField, identifierField, secretField } from "../credentials.ts";
import type { CredentialSchema } from "../credentials.ts";

/** Data residency regions; each has a host of its own, and a project with residency must use it (openai 7.57.0, `data-residency.js`). */
export const openaiRegions = ["us", "eu", "ae", "au", "in", "jp"] as const;

export const openaiCredentials: CredentialSchema<"openai"> = z.strictObject({
  apiKey: secretField(
    { provider: "openai", what: "an OpenAI key" },
    { title: "API key", description: "From platform.openai.com, API keys. It begins with sk-." },
    (key) => {
      if (key.startsWith("ek_")) {
        return { problem: "wrong_kind", message: "is a short-lived client secret. Give the API key that it was made with." };
      }
      if (key.startsWith("sk-admin-")) {
        return { problem: "wrong_kind", message: "is an admin key, which cannot call models. Give a project's API key." };
      }
      return undefined;
    },
  ),
  organization: identifierField("the organization's id, such as org-…", { title: "Organization", description: "org-…, for keys of several organizations." }).optional(),
  project: identifierField("the project's id, such as proj_…", { title: "Project", description: "proj_…, for keys of several projects." }).optional(),
  region: choiceField(openaiRegions, { title: "Region", description: "For projects with data residency." }).optional(),
});

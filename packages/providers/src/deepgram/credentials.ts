/** A Deepgram key, with the project that it belongs to and the region that it is to be used in. */
import { z } from "zod";
import { choiceField, identifierField, secretField } from "../credentials.ts";
import type { CredentialSchema } from "../credentials.ts";

/** Regions with a host of their own; the same keys work in each, and nothing falls back from one to another. */
export const deepgramRegions = ["eu", "au", "in"] as const;

export const deepgramCredentials: CredentialSchema<"deepgram"> = z.strictObject({
  apiKey: secretField({ provider: "deepgram", what: "a Deepgram key" }, { title: "API key", description: "From console.deepgram.com, API keys." }, (key) =>
    /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(key) ? { problem: "wrong_kind", message: "is a temporary token, which ends within an hour. Give the API key that it was made with." } : undefined,
  ),
  projectId: identifierField("the project's id", { title: "Project", description: "The id of the key's project; found by itself where it is left out." }).optional(),
  region: choiceField(deepgramRegions, { title: "Region", description: "For audio that has to stay in a region." }).optional(),
});

/** What a customer of Gemini has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const geminiHelp: ProviderHelp = {
  keyUrl: "https://aistudio.google.com/apikey",
  find: "In Google AI Studio, open Get API key and create one. Newer keys begin with AQ., older ones with AIza.",
  permissions: "A key that is restricted to the Gemini API (Generative Language API) is enough; restrictions to web pages or network addresses have to allow the server.",
  checked: "GET /v1beta/models with one entry, which is free and proves the key; then the tokens of one word are counted, which is free too: some keys may list models and call none.",
  counted: "Prompt and what tools brought, candidates and thoughts, cached content, audio and images by their modality; the usage of the Interactions API; the endpoints of OpenAI's shape. In a stream the last count is the total.",
  limits: [
    "Quotas are counted by project and model: a second key of the same project gains nothing.",
    "A key of Vertex AI's express mode looks the same and is refused here; store it for Vertex.",
    "Google announces that keys without a service account (AIza) end; the check says so when it happens.",
    "No header tells how much quota is left, nor how long to wait; the error's own delay is used.",
    "Some countries are served with billing only.",
  ],
  rotate: "Create a second key in the same project, rotate here, then delete the old key in AI Studio.",
};

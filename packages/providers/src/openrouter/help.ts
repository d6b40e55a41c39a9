/** What a customer of OpenRouter has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const openrouterHelp: ProviderHelp = {
  keyUrl: "https://openrouter.ai/settings/keys",
  find: "Open Keys and create one. It begins with sk-or- and is shown once. A management key looks the same and cannot call models.",
  permissions: "Any API key. Give it a credit limit that begins anew each month: the check then tells when it is used up.",
  checked: "GET /api/v1/key, which is free and describes the key: management keys, expired keys and keys at their limit are told apart. The list of models is public and proves nothing.",
  counted: "Tokens in OpenAI's or Anthropic's counting, and what OpenRouter says it charged, which is taken as the cost; with a vendor key of the account, its charge is added to OpenRouter's fee.",
  limits: [
    "The account's credit cannot be asked with an API key: it is seen at the first call (402).",
    "Errors can come inside a 200, also in the middle of a stream.",
    "Limits of free models are the account's.",
    "A call with a preset stays on its key: the preset is stored in the account.",
  ],
  rotate: "Create a second key, rotate here, then delete the old one. A management key can do both over the API.",
};

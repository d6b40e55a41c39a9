/** What a customer of OpenAI has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const openaiHelp: ProviderHelp = {
  keyUrl: "https://platform.openai.com/api-keys",
  find: "Open API keys, choose the project, and create a secret key. It begins with sk- and is shown once. An admin key (sk-admin-) cannot call models.",
  permissions: "A restricted key with write on Model capabilities is enough for models, embeddings, images and speech. Without read on List models the key works too; the check then says that it is restricted.",
  checked: "GET /v1/models, which is free and needs the key, organization and project to be right. Where that is refused without a reason, counting the tokens of one word decides, which is free too.",
  counted: "Tokens of chat, responses, embeddings, images and transcriptions, cached and written-to-cache input, reasoning and audio apart; seconds where a model is paid by time; characters of speech. Chat streams are asked for their usage where the caller did not, and the extra chunk is taken out again.",
  limits: [
    "Whether credit is left is seen at the first call only: no free question tells it.",
    "A project with data residency has to be called at its region's host: set the region. Regional calls of newer models cost 10 % more, which the price book does not know.",
    "Service tiers (flex, priority, batch) have prices of their own, which the price book does not know.",
    "Rate limits and credit are the organization's or project's: a second key of the same project gains nothing.",
    "A client secret (ek_), a short-lived token of Realtime, is refused as a key.",
  ],
  rotate: "Create a second key in the same project, rotate here, then delete the old key at OpenAI. The old version works until the end of its grace.",
};

/** What a customer of Telnyx has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const telnyxHelp: ProviderHelp = {
  keyUrl: "https://portal.telnyx.com/#/app/api-keys",
  find: "Open API Keys and create one. It begins with KEY and is shown once. The public key for webhooks is under Keys & Credentials, Public Key.",
  permissions: "Keys have no scopes: what they may do is the account's level. Trial accounts reach verified numbers only.",
  checked: "GET /v2/balance, which is free and which Telnyx recommends as the first call; it tells what can be spent, the credit line included.",
  counted: "Parts of messages; calls by number. Seconds and cost come later by webhook: message.finalized, and call.cost apart from call.hangup. Inference is counted in tokens, speech in characters.",
  limits: [
    "Telnyx has no API to create keys: rotating is done in the portal.",
    "Trial accounts have one key.",
    "Prices are guesses for the United States, without carriers' fees; the cost that Telnyx tells later replaces them.",
    "Messages and calls are never sent twice: after a timeout no other key is tried.",
  ],
  rotate: "Create a second key in the portal, rotate here, then delete the old one there. The public key belongs to the account and stays.",
};

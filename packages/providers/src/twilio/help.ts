/** What a customer of Twilio has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const twilioHelp: ProviderHelp = {
  keyUrl: "https://console.twilio.com/",
  find: "The account SID (AC…) and auth token are on the Console's first page. Better: under API keys create a standard or restricted key, and give its SID (SK…) with its secret, which is shown once.",
  permissions: "A restricted key with /twilio/messaging/messages/create and /twilio/voice/calls/create, and their read permissions for the check. A standard key can do all but manage accounts and keys.",
  checked: "With the auth token GET the account and its balance; with an API key the list of messages, then calls, then numbers, since standard keys may not read the account. Only a refusal by all of them means a dead key.",
  counted: "Segments of messages, one for each by WhatsApp or with media. Calls tell their seconds and price minutes later, by a callback or by fetching them again.",
  limits: [
    "Credentials belong to one region: a US pair is refused in Ireland. Region and edge complete each other.",
    "Test credentials are alive, send nothing and cost nothing.",
    "Prices are for the United States, without carriers' and Meta's fees; the price that Twilio tells later replaces them.",
    "Messages and calls are never sent twice: after a timeout no other key is tried.",
    "Limits and balance are the account's.",
  ],
  rotate: "Create a second API key, rotate here, then delete the old one; with auth tokens, make a secondary token, rotate here, and promote it. Webhooks are signed with the primary token.",
};

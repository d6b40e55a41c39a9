/** What a customer of Anthropic has to know, for forms and for the page in the docs. */
import type { ProviderHelp } from "../help.ts";

export const anthropicHelp: ProviderHelp = {
  keyUrl: "https://platform.claude.com/settings/keys",
  find: "In the Claude Console, open API keys and create one. It begins with sk-ant- and is shown once. A token of a subscription (sk-ant-oat) is no API key.",
  permissions: "A key of one workspace is enough. A key that spans workspaces needs the workspace's id (wrkspc_…) beside it.",
  checked: "GET /v1/models, which is free and proves the key and its workspace; then the tokens of one word are counted, which is free too and tells when the credit is used up.",
  counted: "Input, what was read from and written to the cache (for five minutes and for an hour apart), output, thinking, searches. Anthropic counts cached input beside the input; here it is inside it, as everywhere.",
  limits: [
    "Personal and service-account keys end when their owner leaves the organization.",
    "Spend limits are the organization's or workspace's; they begin anew on the 1st, 00:00 UTC.",
    "inference_geo and fast mode have prices of their own, which the price book does not know.",
    "There are no regional hosts and no tokens for browsers.",
  ],
  rotate: "Create a second key in the same workspace, rotate here, then deactivate the old one in the Console.",
};

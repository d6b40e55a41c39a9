/** An Anthropic key and, where it spans workspaces, the one that it is to act in. */
import { z } from "zod";
import { identifierField, secretField } from "../credentials.ts";
import type { CredentialSchema } from "../credentials.ts";

export const anthropicCredentials: CredentialSchema<"anthropic"> = z.strictObject({
  apiKey: secretField(
    { provider: "anthropic", what: "an Anthropic key" },
    { title: "API key", description: "From the Claude Console, API keys. It begins with sk-ant-." },
    (key) =>
      key.startsWith("sk-ant-oat")
        ? { problem: "wrong_kind", message: "is an OAuth token of a subscription, which the API does not take as a key. Give an API key." }
        : undefined,
  ),
  workspaceId: identifierField("the workspace's id, such as wrkspc_…", { title: "Workspace", description: "wrkspc_…, for keys that span workspaces." }).optional(),
});

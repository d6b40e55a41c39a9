// OpenAI as the sandbox speaks it.
import { accountOf } from "../account.ts";
import type { Credential, Dialect } from "../dialect.ts";
import { methodNotAllowed, missingKey, notFound, refuse, tooLarge } from "./answers.ts";
import { chatCompletion } from "./chat.ts";
import { getModel, listModels } from "./models.ts";

export const openai: Dialect = {
  credential: bearer,
  requestId: (sequence) => `req_sandbox${String(sequence).padStart(25, "0")}`,
  account: (credential) => accountOf(credential.key),
  refuse,
  missingKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    { method: "GET", path: /^\/v1\/models$/, paid: false, answer: listModels },
    { method: "GET", path: /^\/v1\/models\/([^/]+)$/, paid: false, answer: getModel },
    { method: "POST", path: /^\/v1\/chat\/completions$/, paid: true, answer: chatCompletion },
  ],
};

function bearer(headers: Readonly<Record<string, string>>): Credential | null {
  const key = /^bearer\s+(\S.*)$/i.exec(headers["authorization"] ?? "")?.[1]?.trim();
  if (key === undefined) return null;
  return { key, aliases: [], username: "", header: "authorization", wellFormed: couldBeOurs(key) };
}

/** Admin keys cannot call models, and the other two are other vendors'. */
function couldBeOurs(key: string): boolean {
  return /^sk-(?!ant-|or-|admin-)[A-Za-z0-9_-]{16,250}$/.test(key);
}

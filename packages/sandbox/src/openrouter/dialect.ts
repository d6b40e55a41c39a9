// OpenRouter as the sandbox speaks it.
import { accountOf } from "../account.ts";
import type { Arrival, Credential, Dialect } from "../dialect.ts";
import { exchangeCode, listModels, readCredits, readGeneration, readKey } from "./account.ts";
import { methodNotAllowed, missingKey, notFound, refusals, tooLarge } from "./answers.ts";
import { chatCompletion } from "./chat.ts";

export const openrouter: Dialect = {
  credential: bearer,
  requestId: (sequence) => `gen-sandbox${String(sequence).padStart(6, "0")}`,
  account: (credential) => accountOf(credential.key),
  refusals,
  missingKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    { method: "GET", path: /^\/api\/v1\/key$/, paid: false, answer: readKey },
    { method: "GET", path: /^\/api\/v1\/credits$/, paid: false, answer: readCredits },
    { method: "GET", path: /^\/api\/v1\/models$/, paid: false, open: true, answer: listModels },
    { method: "GET", path: /^\/api\/v1\/generation$/, paid: false, answer: readGeneration },
    { method: "POST", path: /^\/api\/v1\/chat\/completions$/, paid: true, answer: chatCompletion },
    { method: "POST", path: /^\/api\/v1\/auth\/keys$/, paid: false, open: true, answer: exchangeCode },
  ],
};

function bearer({ headers }: Arrival): Credential | null {
  const key = /^bearer\s+(\S.*)$/i.exec(headers["authorization"] ?? "")?.[1]?.trim();
  if (key === undefined) return null;
  return { key, aliases: [], username: "", header: "authorization", wellFormed: /^sk-or-[A-Za-z0-9_-]{16,250}$/.test(key) };
}

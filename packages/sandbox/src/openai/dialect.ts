// OpenAI as the sandbox speaks it.
import { accountOf } from "../account.ts";
import type { Arrival, Credential, Dialect } from "../dialect.ts";
import { methodNotAllowed, missingKey, notFound, refusals, tooLarge } from "./answers.ts";
import { chatCompletion } from "./chat.ts";
import { createEmbeddings } from "./embeddings.ts";
import { deleteFile, listFiles, readFile, readFileContent, uploadFile } from "./files.ts";
import { getModel, listModels } from "./models.ts";
import { countInputTokens, createResponse, deleteResponse, readResponse } from "./responses.ts";
import { transcribe } from "./transcriptions.ts";

export const openai: Dialect = {
  credential: bearer,
  requestId: (sequence) => `req_sandbox${String(sequence).padStart(25, "0")}`,
  account: (credential) => accountOf(credential.key),
  refusals,
  missingKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    { method: "GET", path: /^\/v1\/models$/, paid: false, answer: listModels },
    { method: "GET", path: /^\/v1\/models\/([^/]+)$/, paid: false, answer: getModel },
    { method: "POST", path: /^\/v1\/chat\/completions$/, paid: true, answer: chatCompletion },
    { method: "POST", path: /^\/v1\/responses$/, paid: true, answer: createResponse },
    { method: "POST", path: /^\/v1\/responses\/input_tokens$/, paid: true, answer: countInputTokens },
    { method: "GET", path: /^\/v1\/responses\/([^/]+)$/, paid: false, answer: readResponse },
    { method: "DELETE", path: /^\/v1\/responses\/([^/]+)$/, paid: false, answer: deleteResponse },
    { method: "POST", path: /^\/v1\/embeddings$/, paid: true, answer: createEmbeddings },
    { method: "POST", path: /^\/v1\/audio\/transcriptions$/, paid: true, answer: transcribe },
    { method: "POST", path: /^\/v1\/files$/, paid: false, answer: uploadFile },
    { method: "GET", path: /^\/v1\/files$/, paid: false, answer: listFiles },
    { method: "GET", path: /^\/v1\/files\/([^/]+)$/, paid: false, answer: readFile },
    { method: "GET", path: /^\/v1\/files\/([^/]+)\/content$/, paid: false, answer: readFileContent },
    { method: "DELETE", path: /^\/v1\/files\/([^/]+)$/, paid: false, answer: deleteFile },
  ],
};

function bearer({ headers }: Arrival): Credential | null {
  const key = /^bearer\s+(\S.*)$/i.exec(headers["authorization"] ?? "")?.[1]?.trim();
  if (key === undefined) return null;
  return { key, aliases: [], username: "", header: "authorization", wellFormed: couldBeOurs(key) };
}

/** Admin keys cannot call models, and the other two are other vendors'. */
function couldBeOurs(key: string): boolean {
  return /^sk-(?!ant-|or-|admin-)[A-Za-z0-9_-]{16,250}$/.test(key);
}

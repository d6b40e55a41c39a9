// OpenAI as the sandbox speaks it.
import { accountOf } from "../account.ts";
import type { Arrival, Credential, Dialect } from "../dialect.ts";
import { methodNotAllowed, missingKey, notFound, refusals, tooLarge } from "./answers.ts";
import { cancelBatch, createBatch, listBatches, readBatch } from "./batches.ts";
import { chatCompletion } from "./chat.ts";
import { createClientSecret } from "./client-secrets.ts";
import { createEmbeddings } from "./embeddings.ts";
import { deleteFile, listFiles, readFile, readFileContent, uploadFile } from "./files.ts";
import { getModel, listModels } from "./models.ts";
import { keyProtocol, openRealtime, refuseInside } from "./realtime.ts";
import { countInputTokens, createResponse, deleteResponse, readResponse } from "./responses.ts";
import { createSpeech } from "./speech.ts";
import { transcribe } from "./transcriptions.ts";

export const openai: Dialect = {
  credential,
  requestId: (sequence) => `req_sandbox${String(sequence).padStart(25, "0")}`,
  account: (who) => accountOf(who.key),
  refusals,
  missingKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  refuseInside,
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
    { method: "POST", path: /^\/v1\/audio\/speech$/, paid: true, answer: createSpeech },
    { method: "POST", path: /^\/v1\/realtime\/client_secrets$/, paid: false, answer: createClientSecret },
    { method: "POST", path: /^\/v1\/batches$/, paid: true, answer: createBatch },
    { method: "GET", path: /^\/v1\/batches$/, paid: false, answer: listBatches },
    { method: "GET", path: /^\/v1\/batches\/([^/]+)$/, paid: false, answer: readBatch },
    { method: "POST", path: /^\/v1\/batches\/([^/]+)\/cancel$/, paid: false, answer: cancelBatch },
    { method: "POST", path: /^\/v1\/files$/, paid: false, answer: uploadFile },
    { method: "GET", path: /^\/v1\/files$/, paid: false, answer: listFiles },
    { method: "GET", path: /^\/v1\/files\/([^/]+)$/, paid: false, answer: readFile },
    { method: "GET", path: /^\/v1\/files\/([^/]+)\/content$/, paid: false, answer: readFileContent },
    { method: "DELETE", path: /^\/v1\/files\/([^/]+)$/, paid: false, answer: deleteFile },
  ],
  sockets: [{ path: /^\/v1\/realtime$/, open: openRealtime }],
};

/** A key or a client secret, in the header or, from a browser, among the subprotocols. */
function credential({ headers, path, vault, at }: Arrival): Credential | null {
  const inHeader = /^bearer\s+(\S.*)$/i.exec(headers["authorization"] ?? "")?.[1]?.trim();
  const protocols = (headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  const inProtocol = protocols.find((each) => each.startsWith(keyProtocol))?.slice(keyProtocol.length);
  const given = inHeader ?? inProtocol;
  if (given === undefined) return null;
  const common = { username: "", header: inHeader === undefined ? "sec-websocket-protocol" : "authorization" };
  const token = vault.token(given);
  if (token?.purpose !== "client_secret") return { ...common, key: given, aliases: [], wellFormed: couldBeOurs(given) };
  const opens = path.startsWith("/v1/realtime") && path !== "/v1/realtime/client_secrets" && token.expiresAt > at;
  return { ...common, key: token.key, aliases: token.aliases, presented: given, wellFormed: opens };
}

/** Admin keys cannot call models, and the other two are other vendors'. */
function couldBeOurs(key: string): boolean {
  return /^sk-(?!ant-|or-|admin-)[A-Za-z0-9_-]{16,250}$/.test(key);
}

// Anthropic as the sandbox speaks it.
import { accountOf } from "../account.ts";
import type { Arrival, Credential, Dialect } from "../dialect.ts";
import { methodNotAllowed, missingKey, notFound, refusals, tooLarge } from "./answers.ts";
import { cancelBatch, createBatch, deleteBatch, listBatches, readBatch, readResults } from "./batches.ts";
import { deleteFile, downloadFile, listFiles, readFile, uploadFile } from "./files.ts";
import { countMessageTokens, createMessage } from "./messages.ts";
import { getModel, listModels } from "./models.ts";

export const anthropic: Dialect = {
  credential: keyOf,
  requestId: (sequence) => `req_sandbox${String(sequence).padStart(17, "0")}`,
  account: (credential) => accountOf(credential.key),
  refusals,
  missingKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    { method: "GET", path: /^\/v1\/models$/, paid: false, answer: listModels },
    { method: "GET", path: /^\/v1\/models\/([^/]+)$/, paid: false, answer: getModel },
    { method: "POST", path: /^\/v1\/messages$/, paid: true, answer: createMessage },
    // Free, but limited, and refused to an account without credit as messages are.
    { method: "POST", path: /^\/v1\/messages\/count_tokens$/, paid: true, answer: countMessageTokens },
    { method: "POST", path: /^\/v1\/messages\/batches$/, paid: true, answer: createBatch },
    { method: "GET", path: /^\/v1\/messages\/batches$/, paid: false, answer: listBatches },
    { method: "GET", path: /^\/v1\/messages\/batches\/([^/]+)$/, paid: false, answer: readBatch },
    { method: "DELETE", path: /^\/v1\/messages\/batches\/([^/]+)$/, paid: false, answer: deleteBatch },
    { method: "GET", path: /^\/v1\/messages\/batches\/([^/]+)\/results$/, paid: false, answer: readResults },
    { method: "POST", path: /^\/v1\/messages\/batches\/([^/]+)\/cancel$/, paid: false, answer: cancelBatch },
    { method: "POST", path: /^\/v1\/files$/, paid: false, answer: uploadFile },
    { method: "GET", path: /^\/v1\/files$/, paid: false, answer: listFiles },
    { method: "GET", path: /^\/v1\/files\/([^/]+)$/, paid: false, answer: readFile },
    { method: "DELETE", path: /^\/v1\/files\/([^/]+)$/, paid: false, answer: deleteFile },
    { method: "GET", path: /^\/v1\/files\/([^/]+)\/content$/, paid: false, answer: downloadFile },
  ],
};

/** Both forms are in use: SDKs from 1.0 on send Bearer, older ones `x-api-key`. */
function keyOf({ headers }: Arrival): Credential | null {
  const own = headers["x-api-key"]?.trim();
  if (own !== undefined && own !== "") return described(own, "x-api-key");
  const bearer = /^bearer\s+(\S.*)$/i.exec(headers["authorization"] ?? "")?.[1]?.trim();
  return bearer === undefined ? null : described(bearer, "authorization");
}

function described(key: string, header: string): Credential {
  return { key, aliases: [], username: "", header, wellFormed: /^sk-ant-(?!admin)[A-Za-z0-9_-]{16,250}$/.test(key) };
}

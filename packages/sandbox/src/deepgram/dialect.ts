// Deepgram as the sandbox speaks it: `api.deepgram.com` with its regions, and `agent.deepgram.com`, behind one address.
import { accountOf } from "../account.ts";
import type { Arrival, Credential, Dialect, Route } from "../dialect.ts";
import { openAgent } from "./agent.ts";
import { badKey, methodNotAllowed, notFound, refusals, tooLarge } from "./answers.ts";
import { offered } from "./handshake.ts";
import { createKey, deleteKey, inProject, listBalances, listKeys, listProjects, readKey, readProject } from "./keys.ts";
import { listen } from "./listen.ts";
import { openListen } from "./live-listen.ts";
import { speakAloud } from "./speak.ts";
import { grant, readToken } from "./tokens.ts";
import { billingBreakdown, usageBreakdown } from "./usage-book.ts";
import { listModels, readModel } from "./voices.ts";

export const deepgram: Dialect = {
  credential,
  requestId: (sequence) => `00000000-0000-4000-8000-${sequence.toString(16).padStart(12, "0")}`,
  account: (who) => who.account ?? accountOf(who.key),
  refusals,
  missingKey: badKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    { method: "GET", path: /^\/v1\/projects$/, paid: false, answer: listProjects },
    projectRoute("GET", "", readProject),
    projectRoute("GET", "/balances", listBalances),
    projectRoute("GET", "/keys", listKeys),
    projectRoute("POST", "/keys", createKey),
    projectRoute("GET", "/keys/([^/]+)", readKey),
    projectRoute("DELETE", "/keys/([^/]+)", deleteKey),
    projectRoute("GET", "/usage/breakdown", usageBreakdown),
    projectRoute("GET", "/billing/breakdown", billingBreakdown),
    { method: "GET", path: /^\/v1\/auth\/token$/, paid: false, answer: readToken },
    { method: "POST", path: /^\/v1\/auth\/grant$/, paid: false, answer: grant },
    { method: "GET", path: /^\/v1\/models$/, paid: false, open: true, answer: listModels },
    { method: "GET", path: /^\/v1\/models\/([^/]+)$/, paid: false, open: true, answer: readModel },
    { method: "POST", path: /^\/v1\/listen$/, paid: true, answer: listen },
    { method: "POST", path: /^\/v1\/speak$/, paid: true, answer: speakAloud },
  ],
  sockets: [
    { path: /^\/v1\/listen$/, open: openListen },
    { path: /^\/v1\/agent\/converse$/, open: openAgent },
  ],
};

function projectRoute(method: Route["method"], below: string, answer: Parameters<typeof inProject>[0]): Route {
  return { method, path: new RegExp(`^/v1/projects/([^/]+)${below}$`), paid: false, answer: inProject(answer) };
}

/** `Token` and a key, or `Bearer` and a temporary token, in the header or as subprotocols. */
function credential({ headers, vault, at }: Arrival): Credential | null {
  const [, scheme = "", inHeader = ""] = /^(token|bearer)\s+(\S.*)$/i.exec(headers["authorization"] ?? "") ?? [];
  const given = inHeader === "" ? offered(headers) : { scheme: scheme.toLowerCase(), secret: inHeader.trim() };
  if (given === null) return null;
  const { secret } = given;
  const common = { aliases: [], username: "", header: given.scheme };
  const token = vault.token(secret);
  const account = token?.account === undefined ? {} : { account: token.account };
  if (token?.purpose === "grant") {
    const opens = given.scheme === "bearer" && token.expiresAt > at && !vault.isDeleted(token.key);
    return { ...common, ...account, key: token.key, presented: secret, wellFormed: opens };
  }
  const isKey = given.scheme === "token" && /^[A-Za-z0-9_-]{20,200}$/.test(secret) && !vault.isDeleted(secret);
  return { ...common, ...account, key: secret, wellFormed: isKey && (token === undefined || token.expiresAt > at) };
}

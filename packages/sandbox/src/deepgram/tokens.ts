// Temporary tokens for browsers, and the vendor's second probe.
import { type Answer, type Call, jsonBody } from "../dialect.ts";
import { modernRefusal, notPermitted, told } from "./answers.ts";
import { isToken, keyIdOf } from "./keys.ts";

const defaultSeconds = 30;
const mostSeconds = 3600;

/** A JWT that opens the voice APIs for a while. It is needed at the handshake only. */
export function grant(call: Call): Answer {
  if (isToken(call)) return notPermitted(call);
  const asked = jsonBody(call)?.["ttl_seconds"] ?? defaultSeconds;
  if (typeof asked !== "number" || !(asked >= 1 && asked <= mostSeconds)) {
    return modernRefusal(call, 400, "INVALID_PARAMETER", "ttl_seconds must be between 1 and 3600.", "ttl_seconds");
  }
  const expiresAt = new Date(call.at.getTime() + asked * 1000);
  const head = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: Math.floor(expiresAt.getTime() / 1000), ag_id: keyIdOf(call.credential.key) })}.`;
  const token = call.vault.issue(head, {
    purpose: "grant",
    key: call.credential.key,
    aliases: [],
    account: call.shelf.account,
    expiresAt,
  });
  return told(call, { access_token: token, expires_in: asked });
}

export function readToken(call: Call): Answer {
  return told(call, { api_key_id: keyIdOf(call.credential.key), scopes: ["usage:write"], project_id: null });
}

function part(claims: object): string {
  return Buffer.from(JSON.stringify(claims)).toString("base64url");
}

// POST /v1/realtime/client_secrets: a token for browsers that opens the Realtime API, and nothing else, until it expires.
import { type Answer, type Call, isObject, json, jsonBody, textIn } from "../dialect.ts";
import { badJson, badRequest, vendorHeaders } from "./answers.ts";
import { sessionOf } from "./realtime.ts";

const defaultSeconds = 600;

export function createClientSecret(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const after = isObject(body["expires_after"]) ? body["expires_after"] : {};
  const seconds = after["seconds"] ?? defaultSeconds;
  if (typeof seconds !== "number" || !(seconds >= 10 && seconds <= 7200)) {
    return badRequest(
      call,
      "Invalid 'expires_after.seconds': expected a value between 10 and 7200.",
      "expires_after.seconds",
      "invalid_value",
    );
  }
  const asked = isObject(body["session"]) ? body["session"] : {};
  const model = textIn(asked, "model") || "gpt-realtime-2.1";
  const expiresAt = new Date(call.at.getTime() + seconds * 1000);
  const { key, aliases } = call.credential;
  const value = call.vault.issue("ek_", { purpose: "client_secret", key, aliases, expiresAt, constraint: model });
  const session = { ...sessionOf(`sess_sandbox${String(call.sequence).padStart(6, "0")}`, model), ...asked, expires_at: 0 };
  return json(200, vendorHeaders(call), { value, expires_at: Math.floor(expiresAt.getTime() / 1000), session });
}

// Credentials for telephones in browsers: they hold a password, and a token is made of them, which comes as plain text.
import { type Answer, type Call, Drawer, jsonBody, textIn } from "../dialect.ts";
import { missing, notFound, pageOf, told, uuidOf, vendorHeaders } from "./answers.ts";

const credentials = new Drawer<{ readonly id: string; readonly [field: string]: unknown }>();

export function createCredential(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null || textIn(body, "connection_id") === "") return missing(call, "connection_id");
  const id = uuidOf(`credential ${call.sequence}`);
  const time = call.at.toISOString();
  const credential = {
    id,
    record_type: "credential",
    name: textIn(body, "name"),
    resource_id: `connection:${textIn(body, "connection_id")}`,
    sip_username: `gencred${id.slice(0, 8)}`,
    sip_password: id.replaceAll("-", ""),
    expired: false,
    expires_at: textIn(body, "expires_at") || null,
    created_at: time,
    updated_at: time,
    user_id: uuidOf(`user ${call.shelf.account}`),
  };
  credentials.of(call.shelf).set(id, credential);
  return told(call, credential, 201);
}

export function listCredentials(call: Call): Answer {
  return pageOf(call, [...credentials.of(call.shelf).values()]);
}

export function readCredential(call: Call): Answer {
  const credential = credentials.of(call.shelf).get(call.params[0] ?? "");
  return credential === undefined ? notFound(call) : told(call, credential);
}

export function deleteCredential(call: Call): Answer {
  const credential = credentials.of(call.shelf).get(call.params[0] ?? "");
  if (credential === undefined) return notFound(call);
  credentials.of(call.shelf).delete(credential.id);
  return told(call, credential);
}

export function createCredentialToken(call: Call): Answer {
  const credential = credentials.of(call.shelf).get(call.params[0] ?? "");
  if (credential === undefined) return notFound(call);
  const part = Buffer.from(JSON.stringify({ sub: credential.id, exp: Math.floor(call.at.getTime() / 1000) + 86_400 })).toString(
    "base64url",
  );
  return {
    status: 201,
    headers: { "content-type": "text/plain; charset=utf-8", ...vendorHeaders(call) },
    body: `eyJhbGciOiJIUzUxMiJ9.${part}.c2FuZGJveA`,
  };
}

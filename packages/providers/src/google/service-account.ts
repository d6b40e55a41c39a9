/**
 * A service account's JSON, as Google's console hands it out. Everything in it comes from the customer, so nothing in it is
 * obeyed but who the account is and its key: no other kind of credential (those can name commands to run and addresses to
 * ask), no other universe, and a `token_uri` only where it is Google's own or the operator's (S-65, B-10…B-12).
 */
import { createPrivateKey } from "node:crypto";
import { z } from "zod";
import { object, text } from "../vendor-json.ts";
import { hasDuplicateName } from "./duplicate-name.ts";
import { privateKeyFault, repairedPem } from "./private-key.ts";
import type { CredentialFault } from "../credentials.ts";
import type { ServiceAccount } from "../key-data.ts";
import type { JsonObject } from "../vendor-json.ts";

/** Bytes of the JSON as it was given, after trimming. */
const maxBytes = 32_768;

export const googleTokenUri = "https://oauth2.googleapis.com/token";
/** Google's own, older ones included; all mean the first. */
const googleTokenUris: ReadonlySet<string> = new Set([googleTokenUri, "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token"]);

/** Who signs, and with what. */
export interface Account {
  clientEmail: string;
  privateKey: string;
  privateKeyId: string | undefined;
  projectId: string | undefined;
  /** As it was given; {@link tokenTarget} says what becomes of it. */
  tokenUri: string | undefined;
}

/** Where the assertion is sent: with an origin of its own only where that is the operator's. */
export interface TokenTarget {
  audience: string;
  path: string;
  origin?: string;
}

/** null: the address is neither Google's nor on the operator's base URL, and nothing may be sent there. */
export function tokenTarget(tokenUri: string | undefined, baseUrl: string | undefined): TokenTarget | null {
  if (tokenUri === undefined || googleTokenUris.has(tokenUri)) return { audience: googleTokenUri, path: "/token" };
  const uri = URL.parse(tokenUri);
  const base = baseUrl === undefined ? null : URL.parse(baseUrl);
  if (!uri || !base || uri.origin !== base.origin || uri.username !== "" || uri.password !== "" || uri.hash !== "") return null;
  return { audience: tokenUri, path: `${uri.pathname}${uri.search}`, origin: uri.origin };
}

interface Fault extends CredentialFault {
  /** The field of the JSON; absent: the JSON as a whole. */
  within?: string;
}
type Read = { json: string } | { fault: Fault };

const faultOf = (problem: CredentialFault["problem"], message: string, field?: string): Read => ({ fault: { problem, message, ...(field !== undefined && { within: field }) } });

const otherKinds: Readonly<Record<string, string>> = {
  authorized_user: "is the login of a person (authorized_user), which is not stored here",
  external_account: "is a configuration of federation (external_account), which could name commands and addresses of its own",
  external_account_authorized_user: "is a configuration of federation (external_account_authorized_user), which could name addresses of its own",
  impersonated_service_account: "is a configuration of impersonation (impersonated_service_account), which could name addresses of its own",
};

/** Checks what was given, and gives one JSON text for it with the key's line breaks repaired. */
export function readServiceAccount(given: ServiceAccount, baseUrl: string | undefined): Read {
  const whole = typeof given === "string" ? given.trim() : stringified(given);
  if (whole === undefined) return faultOf("wrong_type", "is no JSON object. Give the content of the service account's JSON file.");
  if (whole === "") return faultOf("empty", "is empty. Paste the content of the service account's JSON file.");
  if (Buffer.byteLength(whole) > maxBytes) return faultOf("too_long", "is longer than 32 KiB; a service account's JSON is much shorter. Give that file alone.");
  const parsed = parse(whole);
  if (typeof parsed === "string") return faultOf("double_encoded", "is JSON inside JSON: a text that holds the document. Give the document itself.");
  const fields = object(parsed);
  if (!fields) return faultOf("not_json", "is not the JSON of a service account. Paste the whole content of the file, from { to }, not its name.");
  if (hasDuplicateName(whole)) return faultOf("duplicate_name", "names a field twice. Give the file as Google's console made it.");
  return checked(fields, baseUrl);
}

/** undefined where the value holds something that JSON has no form for, or itself. */
function stringified(given: object): string | undefined {
  try {
    return JSON.stringify(given);
  } catch {
    return undefined;
  }
}

/** undefined where the text is no JSON. What the parser says is dropped, since it quotes its input. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** An id that Google gives: it goes into claims and paths. */
const idSigns = /^[\x21-\x7e]{1,256}$/;
const projectSigns = /^[a-z0-9][a-z0-9:.-]{0,99}$/i;

function checked(fields: JsonObject, baseUrl: string | undefined): Read {
  const { type, client_email: email, private_key: key, private_key_id: keyId, project_id: project, universe_domain: universe, token_uri: tokenUri } = fields;
  if (type !== "service_account") {
    const what = otherKinds[text(type) ?? ""] ?? "is not service_account";
    return faultOf("wrong_kind", `${what}. Create a JSON key of a service account, and give that.`, "type");
  }
  if (universe !== undefined && universe !== "googleapis.com") return faultOf("wrong_kind", "is not googleapis.com; accounts of other universes are not supported.", "universe_domain");
  if (tokenUri !== undefined && (typeof tokenUri !== "string" || !tokenTarget(tokenUri, baseUrl))) {
    return faultOf("foreign_address", `is not Google's own (${googleTokenUri}). Give the file as Google's console made it.`, "token_uri");
  }
  if (typeof email !== "string" || !/^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/.test(email) || email.length > 256) {
    return faultOf(email === undefined ? "missing" : "wrong_type", "is not the account's address. Give the whole file.", "client_email");
  }
  if (project !== undefined && (typeof project !== "string" || !projectSigns.test(project))) return faultOf("wrong_type", "is no id of a Google project.", "project_id");
  if (keyId !== undefined && (typeof keyId !== "string" || !idSigns.test(keyId))) return faultOf("wrong_type", "is no id of a key.", "private_key_id");
  if (typeof key !== "string") return faultOf(key === undefined ? "missing" : "wrong_type", "is missing: it is the text that begins with -----BEGIN PRIVATE KEY-----. Give the whole file.", "private_key");
  const pem = repairedPem(key);
  const fault = privateKeyFault(pem);
  return fault ? { fault: { ...fault, within: "private_key" } } : { json: JSON.stringify({ ...fields, private_key: pem }) };
}

/** The field of a form that takes a service account. What it gives is one JSON text, whichever way it was given. */
export function serviceAccountField(baseUrl: string | undefined) {
  return z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .transform((given, context): string => {
      const read = readServiceAccount(given, baseUrl);
      if ("json" in read) return read.json;
      const { message, within, ...params } = read.fault;
      context.issues.push({ code: "custom", message, params, path: within === undefined ? [] : [within], input: undefined });
      return z.NEVER;
    })
    .meta({ title: "Service account", description: "The content of a JSON key file, from the Google Cloud console.", secret: true });
}

/** Reads what {@link serviceAccountField} gave. @throws Error it did not give this */
export function accountOf(serviceAccount: ServiceAccount): Account {
  const fields = object(typeof serviceAccount === "string" ? parse(serviceAccount) : serviceAccount);
  const clientEmail = text(fields?.["client_email"]);
  const privateKey = text(fields?.["private_key"]);
  if (!fields || clientEmail === undefined || privateKey === undefined) throw new Error("a service account was used before it was checked");
  return { clientEmail, privateKey, privateKeyId: text(fields["private_key_id"]), projectId: text(fields["project_id"]), tokenUri: text(fields["token_uri"]) };
}

/** The document as text. */
export const documentOf = (serviceAccount: ServiceAccount): string => (typeof serviceAccount === "string" ? serviceAccount : JSON.stringify(serviceAccount));

/** The document, and its key in the forms in which it may come back. */
export function accountSecrets(serviceAccount: ServiceAccount): string[] {
  const { privateKey } = accountOf(serviceAccount);
  const body = privateKey.replaceAll(/-----[A-Z ]+-----|\n/g, "");
  return [documentOf(serviceAccount), privateKey, JSON.stringify(privateKey).slice(1, -1), body];
}

/** The same for every spelling of the same key. */
export function accountCanonical(serviceAccount: ServiceAccount): string {
  const { clientEmail, privateKey } = accountOf(serviceAccount);
  return `${clientEmail}\n${createPrivateKey(privateKey).export({ type: "pkcs8", format: "der" }).toString("base64")}`;
}

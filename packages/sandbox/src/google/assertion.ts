// What a service account signs: to get an access token, or to come in at once, as Google's libraries for speech do.
import { verify } from "node:crypto";
import { isObject, type JsonObject, parseJson } from "../dialect.ts";
import type { ServiceAccount } from "../vault.ts";

/** How far two clocks may differ. */
const leewayS = 300;
const longestS = 3600;

/** A JWT (RFC 7519), taken apart and not yet believed. */
export interface Assertion {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export function readAssertion(text: string): Assertion | null {
  const [head = "", body = "", signature = "", ...rest] = text.split(".");
  const header = parseJson(Buffer.from(head, "base64url").toString("utf8"));
  const claims = parseJson(Buffer.from(body, "base64url").toString("utf8"));
  if (rest.length > 0 || !isObject(header) || !isObject(claims)) return null;
  return { header, claims, signed: Buffer.from(`${head}.${body}`), signature: Buffer.from(signature, "base64url") };
}

/** RS256 by this account's key, and by no other that the header may name. */
export function isSignedBy(account: ServiceAccount, { header, signed, signature }: Assertion): boolean {
  return (
    header["alg"] === "RS256" &&
    (header["kid"] ?? account.keyId) === account.keyId &&
    verify("RSA-SHA256", signed, account.publicKey, signature)
  );
}

/** The clock of a client is the machine's, unless its test gave it the one that the sandbox has: either will do. */
export function isTimely({ claims: { iat, exp } }: Assertion, sandboxNow: Date): boolean {
  if (typeof iat !== "number" || typeof exp !== "number" || exp <= iat || exp - iat > longestS + leewayS) return false;
  return [sandboxNow, new Date()].some((now) => iat <= now.getTime() / 1000 + leewayS && exp > now.getTime() / 1000 - leewayS);
}

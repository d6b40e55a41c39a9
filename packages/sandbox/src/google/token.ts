// POST /token, as `oauth2.googleapis.com` has it: a service account signs that it is itself (RFC 7523, RS256) and gets an access
// token for an hour. What is wrong with an assertion is said in OAuth's words, which differ from those of Google's APIs.
import {
  type Answer,
  type Arrival,
  type Call,
  type Credential,
  echoing,
  isObject,
  json,
  parseJson,
  type PlainAnswer,
  type Refusals,
  type Route,
  textIn,
} from "../dialect.ts";
import { isSignedBy, isTimely, readAssertion } from "./assertion.ts";

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Google's own address, which its libraries sign for whatever the account's file says. */
const googlesTokenUri = "https://oauth2.googleapis.com/token";
const lifetimeS = 3599;

const headers = { "content-type": "application/json; charset=UTF-8", "cache-control": "private, no-store", vary: "Origin" };

/** The exchange below a dialect's base URL. */
export const tokenRoute: Route = { method: "POST", path: /^\/token$/, paid: false, exchange: true, answer: exchange };

export function isExchange({ path }: Pick<Arrival, "path">): boolean {
  return path === "/token";
}

/** The account that signed, whether or not it is believed; null when there is no assertion that could be read. */
export function signerOf(arrival: Arrival): Credential | null {
  const assertion = formOf(arrival).get("assertion") ?? "";
  const email = readAssertion(assertion)?.claims["iss"];
  if (typeof email !== "string") return null;
  const account = arrival.vault.serviceAccount(email);
  return {
    key: email,
    aliases: account === undefined ? [] : [account.privateKey],
    presented: assertion,
    username: account?.keyId ?? "",
    header: "assertion",
    wellFormed: true,
  };
}

/** OAuth's words at the exchange, the API's own elsewhere. */
export function withExchange(refusals: Refusals): Refusals {
  return {
    badKey: (call) =>
      isExchange(call) ? invalidGrant(call.fault.kind === "revoked" ? badSignature : noAccount) : refusals.badKey(call),
    noQuota: (call) => (isExchange(call) ? null : refusals.noQuota(call)),
    rateLimited: (call, retryAfterS) =>
      isExchange(call) ? told(429, "rate_limit_exceeded", "Rate limit exceeded.") : refusals.rateLimited(call, retryAfterS),
    serverError: (call, status) =>
      isExchange(call) ? told(status, "internal_failure", "Internal error.") : refusals.serverError(call, status),
    scoped: (call) => (isExchange(call) ? null : refusals.scoped(call)),
    echoKey: (call) => {
      const { presented = "" } = call.credential;
      return isExchange(call) ? echoing(invalidGrant(`Invalid JWT: ${presented}`), presented) : refusals.echoKey(call);
    },
  };
}

const badSignature = "Invalid JWT Signature.";
const noAccount = "Invalid grant: account not found";

function exchange(call: Call): Answer {
  const form = formOf(call);
  if (form.get("grant_type") !== grantType)
    return told(400, "unsupported_grant_type", `Invalid grant_type: ${form.get("grant_type") ?? ""}`);
  const assertion = readAssertion(form.get("assertion") ?? "");
  if (assertion === null) return told(400, "invalid_request", "Bad Request");
  const { claims } = assertion;
  const account = call.vault.serviceAccount(textIn(claims, "iss"));
  if (account === undefined) return invalidGrant(noAccount);
  if (!isSignedBy(account, assertion)) return invalidGrant(badSignature);
  if (claims["aud"] !== googlesTokenUri && !textIn(claims, "aud").startsWith(`${new URL(call.baseUrl).origin}/`)) {
    return invalidGrant("Invalid JWT: Failed audience check.");
  }
  if (!isTimely(assertion, call.at)) {
    return invalidGrant(
      "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
    );
  }
  if (typeof claims["scope"] !== "string" || claims["scope"].trim() === "")
    return told(400, "invalid_scope", "Empty or missing scope not allowed.");
  const token = call.vault.issue("ya29.sandbox-", {
    purpose: "access",
    key: account.email,
    aliases: [account.privateKey],
    expiresAt: new Date(call.at.getTime() + lifetimeS * 1000),
  });
  return json(200, headers, { access_token: token, expires_in: lifetimeS, token_type: "Bearer" });
}

/** Libraries send a form, or the same in JSON. */
function formOf({ body }: Pick<Arrival, "body">): URLSearchParams {
  const text = body.toString("utf8");
  const fields = parseJson(text);
  if (!isObject(fields)) return new URLSearchParams(text);
  return new URLSearchParams(Object.fromEntries(Object.keys(fields).map((name) => [name, textIn(fields, name)])));
}

function invalidGrant(description: string): PlainAnswer {
  return told(400, "invalid_grant", description);
}

function told(status: number, error: string, description: string): PlainAnswer {
  return json(status, headers, { error, error_description: description });
}

/**
 * Exchanges a service account for an access token (RFC 7523: a JWT that the account signs). The token lives for an hour and
 * has the account's full rights in Google Cloud: it is a secret like the key, and never given out.
 */
import { createPrivateKey } from "node:crypto";
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { SignJWT } from "jose";
import { failure } from "../failure.ts";
import { parseObject, text } from "../vendor-json.ts";
import { tokenTarget } from "./service-account.ts";
import type { Failure, VendorAnswer } from "../failure.ts";
import type { Ask, TokenOutcome } from "../provider.ts";
import type { Account } from "./service-account.ts";

const scope = "https://www.googleapis.com/auth/cloud-platform";
const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const lifetimeSeconds = 3_600;

interface Exchange {
  account: Account;
  ask: Ask;
  now: Date;
  baseUrl: string | undefined;
  /** Reads a refusal of the token endpoint. */
  classify: (answer: VendorAnswer, now: Date) => Failure;
}

/**
 * The token, or why there is none. A `token_uri` that is neither Google's nor the operator's is refused before anything is
 * sent: the operator may have changed the base URL since it was stored.
 *
 * @throws ProviderUnavailableError no answer, or one that is not Google's
 */
export async function exchange({ account, ask, now, baseUrl, classify }: Exchange): Promise<TokenOutcome> {
  const target = tokenTarget(account.tokenUri, baseUrl);
  if (!target) {
    return { outcome: "refused", failure: failure("forbidden", "The token_uri of this service account is neither Google's own nor on the operator's base URL; nothing was sent to it.", { code: "foreign_address", scope: "configuration" }) };
  }
  const issuedAt = Math.floor(now.getTime() / 1_000);
  const assertion = await new SignJWT({ scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(account.privateKeyId !== undefined && { kid: account.privateKeyId }) })
    .setIssuer(account.clientEmail)
    .setAudience(target.audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .sign(createPrivateKey(account.privateKey));
  const answer = await ask({
    method: "POST",
    path: target.path,
    ...(target.origin !== undefined && { origin: target.origin }),
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: grant, assertion }).toString(),
  });
  if (answer.status >= 400) return { outcome: "refused", failure: classify(answer, now) };
  const told = parseObject(answer.body);
  const token = text(told?.["access_token"]);
  // It goes into a header.
  if (answer.status !== 200 || token === undefined || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw new ProviderUnavailableError("Google's token endpoint gave no token; something else answered in its place.", { details: { provider: "google" } });
  }
  const lifetime = told?.["expires_in"];
  const lifeMs = typeof lifetime === "number" && lifetime > 0 && lifetime <= lifetimeSeconds ? lifetime * 1_000 : lifetimeSeconds * 1_000;
  return { outcome: "token", token, expiresAt: new Date(now.getTime() + lifeMs) };
}

/**
 * Where a credential can stand in a request to any vendor. All of it is taken out of every request before the key is
 * put in, so that neither a byok token nor somebody else's key travels on (S-68).
 */
export const commonCredentialHeaders = ["authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"] as const;
export const commonCredentialParameters = ["key", "api_key", "api-key", "access_token"] as const;

/** The token of a header with one `Bearer` credential (the scheme in any case); null where there is none, or more than one. */
export function bearerToken(header: string | undefined): string | null {
  return /^bearer +([^\s,]+)$/i.exec(header ?? "")?.[1] ?? null;
}

/** The password of a header with Basic credentials; null where there is none. */
export function basicPassword(header: string | undefined): string | null {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined || encoded.replace(/=+$/, "").length % 4 === 1) return null;
  const pair = atob(encoded);
  const colon = pair.indexOf(":");
  return colon === -1 || colon === pair.length - 1 ? null : pair.slice(colon + 1);
}

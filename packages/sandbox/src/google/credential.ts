// Where Google's APIs find who calls: an API key in a header or in the query, or an account by its access token or its own signature.
import { type Arrival, type Credential, textIn } from "../dialect.ts";
import { isSignedBy, isTimely, readAssertion } from "./assertion.ts";

/** The key's own characters are not documented; a token of another kind is none. */
const keyShape = /^(?!ya29\.)[A-Za-z0-9._-]{20,200}$/;

export function keyOrToken({ headers, query, vault, at }: Arrival): Credential | null {
  const own = headers["x-goog-api-key"]?.trim() ?? "";
  if (own !== "") return { key: own, aliases: [], username: "", header: "x-goog-api-key", wellFormed: keyShape.test(own) };
  const inQuery = query.get("key") ?? "";
  if (inQuery !== "") return { key: inQuery, aliases: [], username: "", header: "query", wellFormed: keyShape.test(inQuery) };
  const bearer = /^bearer\s+(\S+)$/i.exec(headers["authorization"] ?? "")?.[1];
  if (bearer === undefined) return null;
  const common = { username: "", header: "authorization", presented: bearer };
  const token = vault.token(bearer);
  if (token?.purpose === "access") return { ...common, key: token.key, aliases: token.aliases, wellFormed: token.expiresAt > at };
  const assertion = readAssertion(bearer);
  const account = assertion === null ? undefined : vault.serviceAccount(textIn(assertion.claims, "iss"));
  if (assertion === null || account === undefined) return { ...common, key: bearer, aliases: [], wellFormed: false };
  return {
    ...common,
    key: account.email,
    aliases: [account.privateKey],
    wellFormed: isSignedBy(account, assertion) && isTimely(assertion, at),
  };
}

/** The service account that calls; undefined for an API key. */
export function accountThatCalls({ credential, vault }: { credential: Credential; vault: Arrival["vault"] }) {
  return credential.header === "authorization" ? vault.serviceAccount(credential.key) : undefined;
}

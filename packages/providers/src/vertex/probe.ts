/**
 * Asks Vertex AI whether a key is alive. A service account is exchanged for a token, which proves its key and no rights;
 * counting tokens is free and proves the API, the role, the project, the location and the model. An express key can do
 * nothing else that is free: listing models refuses it.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { failure } from "../failure.ts";
import { exchange } from "../google/access-token.ts";
import { accountOf } from "../google/service-account.ts";
import { parseObject } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import { projectOf } from "./hosts.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome, TokenOutcome } from "../provider.ts";

/** Small, and served in most locations; where it is not, the key is proved all the same. */
const someModel = "gemini-2.5-flash";

export function accessToken(keyData: KeyData<"vertex">, ask: Ask, now: Date, baseUrl?: string): Promise<TokenOutcome> | null {
  return "serviceAccount" in keyData ? exchange({ account: accountOf(keyData.serviceAccount), ask, now, baseUrl, classify }) : null;
}

export async function probe(keyData: KeyData<"vertex">, ask: Ask, now: Date, baseUrl?: string): Promise<ProbeOutcome> {
  let token: string | undefined;
  if ("serviceAccount" in keyData) {
    let made = await accessToken(keyData, ask, now, baseUrl);
    // A good signature was seen refused once: what is said twice is true.
    if (made?.outcome === "refused" && made.failure.verdict === "invalid") made = await accessToken(keyData, ask, now, baseUrl);
    if (made?.outcome === "refused") return { outcome: "refused", failure: { ...made.failure, certain: true } };
    token = made?.token;
  }
  const project = projectOf(keyData);
  const answer = await ask(
    authorize(
      {
        method: "POST" as const,
        path: `/v1/publishers/google/models/${someModel}:countTokens`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Hello" }] }] }),
      },
      keyData,
      token,
    ),
  );
  const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note, ...(project !== undefined && { metadata: { project } }) });
  if (answer.status === 200) {
    if (!parseObject(answer.body)) throw new ProviderUnavailableError("Vertex AI's count is not what it should be; something else answered in its place.", { details: { provider: "vertex" } });
    return alive(null);
  }
  const refused = classify(answer, now);
  switch (refused.verdict) {
    case "invalid":
      // A token was given out for this key a moment ago: the account is alive, and this API does not take it.
      return token === undefined
        ? { outcome: "refused", failure: refused }
        : { outcome: "refused", failure: failure("forbidden", "Vertex AI does not take the token of this service account.", { code: refused.code, scope: "configuration" }) };
    case "forbidden":
      return refused.scope === "model" ? alive(`Of the models asked, ${someModel} is not served in this location.`) : { outcome: "refused", failure: refused };
    case "caller":
      return alive(null);
    default:
      return { outcome: "refused", failure: refused };
  }
}

/**
 * Asks Anthropic whether a key is alive. Listing one model is free and proves the key and its workspace; counting tokens
 * with that model is free too and, unlike the list, tells when the credit is used up.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { extra } from "../extra-question.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";

const headers = { "anthropic-version": "2023-06-01" };
const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note });

/** Any model will do where none is known: whether the key may use it is not asked. */
const someModel = "claude-sonnet-4-5";

export async function probe(keyData: KeyData<"anthropic">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const models = await ask(authorize({ method: "GET" as const, path: "/v1/models?limit=1", headers }, keyData));
  if (models.status === 200) {
    const list = parseObject(models.body)?.["data"];
    if (!Array.isArray(list)) {
      throw new ProviderUnavailableError("Anthropic's list of models is not what it should be; something else answered in its place.", { details: { provider: "anthropic" } });
    }
    const model = text(object(list[0])?.["id"]);
    return model === undefined ? alive(null) : withCredit(await extra(countTokens(keyData, ask, model)), now);
  }
  const failure = classify(models, now);
  if (failure.verdict === "forbidden" && failure.scope === "endpoint") return alive("The key may not list models.");
  if (failure.verdict !== "invalid" || failure.certain) return { outcome: "refused", failure };

  const second = await countTokens(keyData, ask, someModel);
  if (second.status === 200 && parseObject(second.body)) return alive("The key may not list models.");
  const confirmed = classify(second, now);
  switch (confirmed.verdict) {
    case "invalid":
      // Refused twice, by two endpoints.
      return { outcome: "refused", failure: { ...confirmed, certain: true } };
    case "transient":
    case "rate_limited":
    case "exhausted":
      return { outcome: "refused", failure: confirmed };
    default:
      return alive("The key may not list models.");
  }
}

function countTokens(keyData: KeyData<"anthropic">, ask: Ask, model: string): Promise<VendorAnswer> {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
  return ask(
    authorize({ method: "POST" as const, path: "/v1/messages/count_tokens", headers: { ...headers, "content-type": "application/json" }, body }, keyData),
  );
}

/** The key is alive already; the count adds only whether its account can pay. */
function withCredit(counted: VendorAnswer | undefined, now: Date): ProbeOutcome {
  if (!counted || counted.status < 400) return alive(null);
  const failure = classify(counted, now);
  return failure.verdict === "exhausted" ? { outcome: "refused", failure } : alive(null);
}

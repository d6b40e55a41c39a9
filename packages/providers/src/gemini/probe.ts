/**
 * Asks Gemini whether a key is alive. Listing one model is free and proves the key; counting tokens with that model is
 * free too and tells more: keys were seen that may list models and call none.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { extra } from "../extra-question.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { VendorAnswer } from "../failure.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";

const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note });

/** Any model will do where none is known: whether the key may use it is not asked. */
const someModel = "models/gemini-2.5-flash";

export async function probe(keyData: KeyData<"gemini">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const models = await ask(authorize({ method: "GET" as const, path: "/v1beta/models?pageSize=1", headers: {} }, keyData));
  if (models.status === 200) {
    const list = parseObject(models.body)?.["models"];
    if (!Array.isArray(list)) {
      throw new ProviderUnavailableError("Gemini's list of models is not what it should be; something else answered in its place.", { details: { provider: "gemini" } });
    }
    const model = text(object(list[0])?.["name"]);
    return model !== undefined && /^models\/[\w.-]+$/.test(model) ? withCount(await extra(countTokens(keyData, ask, model)), now) : alive(null);
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

function countTokens(keyData: KeyData<"gemini">, ask: Ask, model: string): Promise<VendorAnswer> {
  const body = JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Hello" }] }] });
  return ask(authorize({ method: "POST" as const, path: `/v1beta/${model}:countTokens`, headers: { "content-type": "application/json" }, body }, keyData));
}

/** The list proved the key; the count adds only what is beyond doubt. */
function withCount(counted: VendorAnswer | undefined, now: Date): ProbeOutcome {
  if (!counted || counted.status < 400) return alive(null);
  const failure = classify(counted, now);
  if (failure.verdict === "invalid" && failure.certain) return { outcome: "refused", failure };
  if (failure.verdict === "exhausted" && failure.scope === null) return { outcome: "refused", failure };
  return alive(failure.verdict === "forbidden" && failure.scope === "configuration" ? failure.reason : null);
}

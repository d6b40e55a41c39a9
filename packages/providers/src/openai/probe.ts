/**
 * Asks OpenAI whether a key is alive. Listing models is free and needs the key, and the organization and project headers
 * to be right; a restricted key that may not list them is alive. Where the refusal says nothing certain, counting tokens
 * (free, another scope) decides: a live key must never be called dead.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { parseObject } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";

const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note });

export async function probe(keyData: KeyData<"openai">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const models = await ask(authorize({ method: "GET" as const, path: "/v1/models", headers: {} }, keyData));
  if (models.status === 200) {
    // The list may be cut at what a probe reads, so it is not parsed; a page in HTML is not OpenAI speaking.
    if (/^\s*\{/.test(models.body) && models.body.includes('"data"')) return alive(null);
    throw new ProviderUnavailableError("OpenAI's list of models is not what it should be; something else answered in its place.", { details: { provider: "openai" } });
  }
  const failure = classify(models, now);
  if (failure.verdict === "forbidden" && failure.scope === "endpoint") return alive("A restricted key: it may not list models.");
  if (failure.verdict !== "invalid" || failure.certain) return { outcome: "refused", failure };

  const second = await ask(
    authorize(
      {
        method: "POST" as const,
        path: "/v1/responses/input_tokens",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "gpt-5", input: "Hello" }),
      },
      keyData,
    ),
  );
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

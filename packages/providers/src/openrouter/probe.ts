/**
 * Asks OpenRouter whether a key is alive. `GET /key` is free and describes the key itself; a 200 does not mean that it
 * can be used: it may be a management key, past its date, or at its limit. The list of models is public and proves nothing.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { failure } from "../failure.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import { nextMonth } from "../waiting.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";
import type { JsonObject } from "../vendor-json.ts";

export async function probe(keyData: KeyData<"openrouter">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const get = (path: string) => ask(authorize({ method: "GET" as const, path, headers: {} }, keyData));
  const answer = await get("/api/v1/key");
  if (answer.status === 200) {
    const key = object(parseObject(answer.body)?.["data"]);
    if (!key) throw new ProviderUnavailableError("OpenRouter's description of the key is not what it should be; something else answered in its place.", { details: { provider: "openrouter" } });
    return described(key, now);
  }
  const first = classify(answer, now);
  if (first.verdict === "forbidden" && first.scope === "endpoint") return alive("The key may not read its own description.");
  if (first.verdict !== "invalid" || first.certain) return { outcome: "refused", failure: first };

  // A second endpoint that needs the key has to agree.
  const second = await get("/api/v1/models/user");
  if (second.status === 200 && /^\s*\{/.test(second.body)) return alive("The key may not read its own description.");
  const confirmed = classify(second, now);
  if (confirmed.verdict === "invalid") return { outcome: "refused", failure: { ...confirmed, certain: true } };
  return confirmed.verdict === "forbidden" || confirmed.verdict === "caller" ? alive(null) : { outcome: "refused", failure: confirmed };
}

const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note });

function described(key: JsonObject, now: Date): ProbeOutcome {
  if (key["is_management_key"] === true || key["is_provisioning_key"] === true) {
    return { outcome: "refused", failure: failure("forbidden", "This is an OpenRouter management key, which cannot call models. Give an API key.", { code: "management_key", scope: "configuration" }) };
  }
  const expires = new Date(text(key["expires_at"]) ?? Number.NaN);
  if (expires.getTime() <= now.getTime()) {
    return { outcome: "refused", failure: failure("invalid", "This OpenRouter key has expired.", { code: "expired" }) };
  }
  const remaining = key["limit_remaining"];
  if (typeof remaining === "number" && remaining <= 0) {
    const until = nextReset(key["limit_reset"], now);
    return { outcome: "refused", failure: failure("exhausted", "This OpenRouter key has reached the limit that was set for it.", { code: "openrouter_key_limit", until }) };
  }
  // What is left of the key's limit is not the account's credit, which only a management key may read.
  return alive(key["is_free_tier"] === true ? "An account without bought credit: it may call free models only." : null);
}

/** Limits begin anew at 00:00 UTC: each day, on Mondays, or on the 1st; null where the limit is for good. */
function nextReset(reset: unknown, now: Date): Date | null {
  const inDays = (days: number): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + days));
  switch (reset) {
    case "daily":
      return inDays(1);
    case "weekly":
      return inDays(((8 - now.getUTCDay()) % 7) || 7);
    case "monthly":
      return nextMonth(now);
    default:
      return null;
  }
}

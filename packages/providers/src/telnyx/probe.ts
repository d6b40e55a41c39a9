/**
 * Asks Telnyx whether a key is alive. The balance is what Telnyx recommends to ask first: free, read-only, and it tells
 * whether the account can pay. `available_credit` counts the credit line in.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { decimal, decimalText } from "../decimal.ts";
import { failure } from "../failure.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";

const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note });

export async function probe(keyData: KeyData<"telnyx">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const get = (path: string) => ask(authorize({ method: "GET" as const, path, headers: {} }, keyData));
  const answer = await get("/v2/balance");
  if (answer.status === 200) {
    const balance = object(parseObject(answer.body)?.["data"]);
    if (!balance) throw new ProviderUnavailableError("Telnyx's balance is not what it should be; something else answered in its place.", { details: { provider: "telnyx" } });
    const amount = decimal(balance["available_credit"]) ?? decimal(balance["balance"]);
    const currency = text(balance["currency"]);
    if (amount && amount.digits <= 0n) {
      return { outcome: "refused", failure: failure("exhausted", "The Telnyx account of this key has no funds left.", { code: "20100", accountWide: true }) };
    }
    return { outcome: "alive", balance: amount && currency !== undefined ? { amount: decimalText(amount), currency } : null, note: null };
  }
  const first = classify(answer, now);
  if (first.verdict === "forbidden" && first.scope === "endpoint") return alive("The key may not read the balance.");
  if (first.verdict !== "invalid" || first.certain) return { outcome: "refused", failure: first };

  const second = await get("/v2/whoami");
  if (second.status === 200 && parseObject(second.body)) return alive("The key may not read the balance.");
  const confirmed = classify(second, now);
  switch (confirmed.verdict) {
    case "invalid":
      // Refused twice, by two endpoints.
      return { outcome: "refused", failure: { ...confirmed, certain: true } };
    case "forbidden":
    case "caller":
      return alive("The key may not read the balance.");
    default:
      return { outcome: "refused", failure: confirmed };
  }
}

/**
 * Asks Deepgram whether a key is alive. Listing projects is free and proves the key; a key that may not is alive and
 * narrow. The list of models is public and proves nothing. The balance is asked for beside it, which few keys may read.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { decimal, decimalText, plus, zero } from "../decimal.ts";
import { extra } from "../extra-question.ts";
import { failure } from "../failure.ts";
import { objects, parseObject, text } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { VendorAnswer } from "../failure.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";

type Balance = { amount: string; currency: string } | null;

const alive = (note: string | null): ProbeOutcome => ({ outcome: "alive", balance: null, note });
const scoped = "A key of narrow scope: it may not list projects.";

export async function probe(keyData: KeyData<"deepgram">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const get = (path: string) => ask(authorize({ method: "GET" as const, path, headers: {} }, keyData));
  const projects = await get("/v1/projects");
  if (projects.status === 200) {
    const listed = parseObject(projects.body)?.["projects"];
    if (!Array.isArray(listed)) throw new ProviderUnavailableError("Deepgram's list of projects is not what it should be; something else answered in its place.", { details: { provider: "deepgram" } });
    const ids = objects(listed).flatMap((project) => text(project["project_id"]) ?? []);
    if (keyData.projectId !== undefined && !ids.includes(keyData.projectId)) {
      return { outcome: "refused", failure: failure("forbidden", "The project stored with this Deepgram key is not one that the key may see. Correct keyData.projectId, or leave it out.", { scope: "configuration" }) };
    }
    const id = keyData.projectId ?? (ids.length === 1 ? ids[0] : undefined);
    if (id === undefined) return alive(null);
    const balance = balanceOf(await extra(get(`/v1/projects/${encodeURIComponent(id)}/balances`)));
    return { outcome: "alive", balance, note: null, metadata: { projectId: id } };
  }
  const first = classify(projects, now);
  if (first.verdict === "forbidden") return alive(scoped);
  if (first.verdict !== "invalid" || first.certain) return { outcome: "refused", failure: first };

  const second = await get("/v1/auth/token");
  if (second.status === 200) return alive(scoped);
  const confirmed = classify(second, now);
  switch (confirmed.verdict) {
    case "invalid":
      // Refused twice, by two endpoints.
      return { outcome: "refused", failure: { ...confirmed, certain: true } };
    case "forbidden":
    case "caller":
      return alive(scoped);
    default:
      return { outcome: "refused", failure: confirmed };
  }
}

/** What is left in all of the project's balances together; null where it may not be read, or is no money of one currency. */
function balanceOf(answer: VendorAnswer | undefined): Balance {
  if (answer?.status !== 200) return null;
  const balances = objects(parseObject(answer.body)?.["balances"]);
  const units = new Set(balances.map((balance) => text(balance["units"])?.toUpperCase()));
  const [currency] = units;
  if (units.size !== 1 || currency === undefined || !/^[A-Z]{3}$/.test(currency)) return null;
  const amounts = balances.map((balance) => decimal(balance["amount"]));
  return { amount: decimalText(amounts.reduce<typeof zero>((total, amount) => (amount ? plus(total, amount) : total), zero)), currency };
}

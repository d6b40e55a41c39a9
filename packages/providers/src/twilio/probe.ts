/**
 * Asks Twilio whether credentials are alive: a ladder, since 401/20003 has at least six causes and a key that is
 * restricted is refused in many places. An account's token reads the account; an API key never does (standard keys may
 * not, by design), so it reads one page of what it may. Only a pair that every step refuses with 20003 is dead.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { extra } from "../extra-question.ts";
import { failure } from "../failure.ts";
import { parseObject, text } from "../vendor-json.ts";
import { authorize } from "./authorize.ts";
import { classify } from "./classify.ts";
import type { Failure, VendorAnswer } from "../failure.ts";
import type { KeyData } from "../key-data.ts";
import type { Ask, ProbeOutcome } from "../provider.ts";

type Balance = { amount: string; currency: string } | null;

const testCredentials = "20008";
const restricted = "70051";

export function probe(keyData: KeyData<"twilio">, ask: Ask, now: Date): Promise<ProbeOutcome> {
  const get = (resource: string) =>
    ask(authorize({ method: "GET" as const, path: `/2010-04-01/Accounts/${encodeURIComponent(keyData.accountSid)}${resource}`, headers: {} }, keyData));
  return keyData.authToken === undefined ? probeKey(get, now) : probeAccount(get, now);
}

type Get = (resource: string) => Promise<VendorAnswer>;

/** The two facts that are kept of an account. Its body holds the live auth token, which goes no further than this function. */
function accountFacts(body: string): { status: string | undefined; type: string | undefined } | undefined {
  const account = parseObject(body);
  return account && { status: text(account["status"]), type: text(account["type"]) };
}

async function probeAccount(get: Get, now: Date): Promise<ProbeOutcome> {
  const answer = await get(".json");
  if (answer.status < 400) {
    const facts = accountFacts(answer.body);
    if (!facts) throw notTwilio();
    if (facts.status === "suspended" || facts.status === "closed") {
      return { outcome: "refused", failure: failure("exhausted", `The Twilio account is ${facts.status}.`, { accountWide: true }) };
    }
    return {
      outcome: "alive",
      balance: await balanceOf(get),
      note: facts.type === "Trial" ? "A trial account: it sends to verified numbers only." : null,
      ...(facts.type !== undefined && { metadata: { accountType: facts.type } }),
    };
  }
  const first = classify(answer, now);
  if (first.code === testCredentials) return testAccount();
  if (first.code === restricted) return alive("A restricted key: what it may do is not known.");
  if (first.verdict !== "invalid") return { outcome: "refused", failure: wrongAccount(first) };
  // Refused where the account itself is read; a second endpoint has to agree.
  const second = await get("/Messages.json?PageSize=1");
  return second.status < 400 ? alive("The token may not read the account.") : decide([first, classify(second, now)]);
}

async function probeKey(get: Get, now: Date): Promise<ProbeOutcome> {
  const failures: Failure[] = [];
  for (const product of ["Messages", "Calls", "IncomingPhoneNumbers"]) {
    // Each step is asked only where the one before was refused. The body is the customer's; only the status is looked at.
    const answer = await get(`/${product}.json?PageSize=1`);
    if (answer.status < 400) return alive(failures.length === 0 ? null : `A restricted key: of the resources asked, it may read ${product}.`);
    const refused = classify(answer, now);
    if (refused.code === testCredentials) return testAccount();
    if (refused.verdict !== "invalid" && refused.code !== restricted) return { outcome: "refused", failure: wrongAccount(refused) };
    failures.push(refused);
  }
  return decide(failures);
}

/** Every step was refused: by 20003 throughout the pair is dead, by 70051 anywhere it is limited and alive. */
function decide(failures: readonly Failure[]): ProbeOutcome {
  if (failures.some(({ code }) => code === restricted)) return alive("A restricted key: what it may do is not known.");
  if (failures.some(({ code }) => code === testCredentials)) return testAccount();
  const other = failures.find(({ verdict }) => verdict !== "invalid");
  if (other) return { outcome: "refused", failure: wrongAccount(other) };
  const [first] = failures;
  if (!first) throw new Error("a probe decided before it asked");
  return { outcome: "refused", failure: { ...first, certain: true } };
}

/** A probe's own paths are right: where Twilio does not find them, the account SID is not the credentials' own. */
function wrongAccount(refused: Failure): Failure {
  return refused.verdict === "caller"
    ? failure("forbidden", "Twilio knows no such account for these credentials. Correct keyData.accountSid.", { code: refused.code, scope: "configuration" })
    : refused;
}

const alive = (note: string | null): Extract<ProbeOutcome, { outcome: "alive" }> => ({ outcome: "alive", balance: null, note });

const testAccount = (): ProbeOutcome => ({ ...alive("Test credentials: nothing is sent and nothing is paid."), metadata: { isTest: "true" } });

/** Late by design, of parent accounts only, and refused to many keys: then it is not known. */
async function balanceOf(get: Get): Promise<Balance> {
  const answer = await extra(get("/Balance.json"));
  const balance = answer && answer.status < 400 ? parseObject(answer.body) : undefined;
  const amount = text(balance?.["balance"]);
  const currency = text(balance?.["currency"]);
  return amount !== undefined && /^-?\d+(?:\.\d+)?$/.test(amount) && currency !== undefined ? { amount, currency } : null;
}

const notTwilio = () => new ProviderUnavailableError("The answer is not Twilio's; something else answered in its place.", { details: { provider: "twilio" } });

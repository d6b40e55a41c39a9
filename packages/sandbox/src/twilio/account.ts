// The account itself and its balance.
import type { Answer, Call } from "../dialect.ts";
import { dateOf, told } from "./answers.ts";

const opened = dateOf(new Date("2015-07-30T20:00:00Z"));

/** Says the live auth token, as Twilio does. An account without money is suspended. */
export function readAccount(call: Call): Answer {
  const account = call.shelf.account;
  const base = `/2010-04-01/Accounts/${account}`;
  return told(call, 200, {
    auth_token: call.credential.key,
    date_created: opened,
    date_updated: opened,
    friendly_name: "Sandbox account",
    owner_account_sid: account,
    sid: account,
    status: call.fault.kind === "no_quota" ? "suspended" : "active",
    subresource_uris: { calls: `${base}/Calls.json`, messages: `${base}/Messages.json`, balance: `${base}/Balance.json`, keys: `${base}/Keys.json` },
    type: "Full",
    uri: `${base}.json`,
  });
}

export function readBalance(call: Call): Answer {
  const balance = call.fault.kind === "no_quota" ? "0.00" : "12.34";
  return told(call, 200, { account_sid: call.shelf.account, balance, currency: "USD" });
}

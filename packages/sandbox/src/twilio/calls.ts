// Calls: placed, changed, read back, listed. A call lasts a minute and is over when it is read back, unless it was ended before.
import { decimal } from "../decimal.ts";
import { type Answer, type Call, Drawer } from "../dialect.ts";
import { noTokens } from "../ledger.ts";
import { isAddress } from "../text-message.ts";
import { dateOf, deleted, formOf, notFound, pageOf, refusal, sidOf, told } from "./answers.ts";
import { mishapOfCall } from "./test-numbers.ts";

const durationS = 60;
/** In hundred-thousandths of a dollar, a minute. */
const pricePerMinute = 1400;

export interface PhoneCall {
  readonly sid: string;
  readonly to: string;
  readonly from: string;
  readonly at: Date;
  /** Whether it was called off before anybody answered. */
  canceled: boolean;
}

export const phoneCalls = new Drawer<PhoneCall>();

export function placeCall(call: Call): Answer {
  const form = formOf(call);
  const to = form.get("To") ?? "";
  const from = form.get("From") ?? "";
  if (to === "") return refusal(call, 400, 21201, "No 'To' number specified");
  if (from === "") return refusal(call, 400, 21213, "'From' number is required");
  if (!isAddress(to)) return refusal(call, 400, 21211, `The 'To' number ${to} is not a valid phone number.`);
  if (!["Url", "Twiml", "ApplicationSid"].some((name) => form.has(name))) return refusal(call, 400, 21205, "Url parameter is required.");
  const mishap = call.fault.kind === "test_credentials" ? mishapOfCall(call, from, to) : null;
  if (mishap !== null) return mishap;
  const phoneCall: PhoneCall = { sid: sidOf(call, "CA"), to, from, at: call.at, canceled: false };
  if (call.fault.kind !== "test_credentials") phoneCalls.of(call.shelf).set(phoneCall.sid, phoneCall);
  return told(call, 201, describe(call, phoneCall, false));
}

export function readCall(call: Call): Answer {
  const phoneCall = phoneCalls.of(call.shelf).get(call.params[1] ?? "");
  if (phoneCall === undefined) return notFound(call);
  const charged = phoneCall.canceled ? {} : { cost: decimal(priceOfCall(phoneCall), 5), currency: "USD" };
  const usage = { ...noTokens, audioSeconds: secondsOfCall(phoneCall), ...charged };
  return { ...told(call, 200, describe(call, phoneCall, true)), usage };
}

/** Ends a call, or sends it to other instructions, which changes nothing here. */
export function updateCall(call: Call): Answer {
  const phoneCall = phoneCalls.of(call.shelf).get(call.params[1] ?? "");
  if (phoneCall === undefined) return notFound(call);
  const form = formOf(call);
  const status = form.get("Status");
  if (status !== null && status !== "canceled" && status !== "completed") return refusal(call, 400, 21218, `Invalid status ${status}`);
  if (status === null && !["Url", "Twiml"].some((name) => form.has(name))) return refusal(call, 400, 21205, "Url parameter is required.");
  if (status === "canceled") phoneCall.canceled = true;
  return told(call, 200, describe(call, phoneCall, status !== null));
}

export function deleteCall(call: Call): Answer {
  return phoneCalls.of(call.shelf).delete(call.params[1] ?? "") ? deleted(call) : notFound(call);
}

export function secondsOfCall(phoneCall: PhoneCall): number {
  return phoneCall.canceled ? 0 : durationS;
}

/** In hundred-thousandths of a dollar. */
export function priceOfCall(phoneCall: PhoneCall): number {
  return Math.ceil(secondsOfCall(phoneCall) / 60) * pricePerMinute;
}

export function listCalls(call: Call): Answer {
  const all = [...phoneCalls.of(call.shelf).values()].toReversed();
  return pageOf(call, "calls", all.map((phoneCall) => describe(call, phoneCall, true)));
}

function describe(call: Call, phoneCall: PhoneCall, over: boolean): object {
  const account = call.shelf.account;
  const ended = new Date(phoneCall.at.getTime() + secondsOfCall(phoneCall) * 1000);
  return {
    account_sid: account,
    annotation: null,
    answered_by: null,
    api_version: "2010-04-01",
    caller_name: null,
    date_created: over ? dateOf(phoneCall.at) : null,
    date_updated: over ? dateOf(ended) : null,
    direction: "outbound-api",
    duration: over ? String(secondsOfCall(phoneCall)) : null,
    end_time: over ? dateOf(ended) : null,
    forwarded_from: null,
    from: phoneCall.from,
    group_sid: null,
    parent_call_sid: null,
    phone_number_sid: `PN${"0".repeat(32)}`,
    price: over && !phoneCall.canceled ? (-priceOfCall(phoneCall) / 100_000).toFixed(5) : null,
    price_unit: "USD",
    queue_time: "0",
    sid: phoneCall.sid,
    start_time: over ? dateOf(phoneCall.at) : null,
    status: phoneCall.canceled ? "canceled" : over ? "completed" : "queued",
    to: phoneCall.to,
    trunk_sid: null,
    uri: `/2010-04-01/Accounts/${account}/Calls/${phoneCall.sid}.json`,
  };
}

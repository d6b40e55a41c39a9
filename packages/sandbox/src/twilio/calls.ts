// Calls: placed, read back, listed. A call lasts a minute and is over when it is read back.
import { type Answer, type Call, Drawer } from "../dialect.ts";
import { isAddress } from "../text-message.ts";
import { dateOf, formOf, notFound, pageOf, refusal, sidOf, told } from "./answers.ts";

const durationS = 60;
const price = "-0.01400";

interface PhoneCall {
  readonly sid: string;
  readonly to: string;
  readonly from: string;
  readonly at: Date;
}

const phoneCalls = new Drawer<PhoneCall>();

export function placeCall(call: Call): Answer {
  const form = formOf(call);
  const to = form.get("To") ?? "";
  const from = form.get("From") ?? "";
  if (to === "") return refusal(call, 400, 21201, "No 'To' number specified");
  if (from === "") return refusal(call, 400, 21213, "'From' number is required");
  if (!isAddress(to)) return refusal(call, 400, 21211, `The 'To' number ${to} is not a valid phone number.`);
  if (!["Url", "Twiml", "ApplicationSid"].some((name) => form.has(name))) return refusal(call, 400, 21205, "Url parameter is required.");
  const phoneCall: PhoneCall = { sid: sidOf(call, "CA"), to, from, at: call.at };
  phoneCalls.of(call.shelf).set(phoneCall.sid, phoneCall);
  return told(call, 201, describe(call, phoneCall, false));
}

export function readCall(call: Call): Answer {
  const phoneCall = phoneCalls.of(call.shelf).get(call.params[1] ?? "");
  return phoneCall === undefined ? notFound(call) : told(call, 200, describe(call, phoneCall, true));
}

export function listCalls(call: Call): Answer {
  const all = [...phoneCalls.of(call.shelf).values()].toReversed();
  return pageOf(call, "calls", all.map((phoneCall) => describe(call, phoneCall, true)));
}

function describe(call: Call, phoneCall: PhoneCall, over: boolean): object {
  const account = call.shelf.account;
  const ended = new Date(phoneCall.at.getTime() + durationS * 1000);
  return {
    account_sid: account,
    annotation: null,
    answered_by: null,
    api_version: "2010-04-01",
    caller_name: null,
    date_created: over ? dateOf(phoneCall.at) : null,
    date_updated: over ? dateOf(ended) : null,
    direction: "outbound-api",
    duration: over ? String(durationS) : null,
    end_time: over ? dateOf(ended) : null,
    forwarded_from: null,
    from: phoneCall.from,
    group_sid: null,
    parent_call_sid: null,
    phone_number_sid: `PN${"0".repeat(32)}`,
    price: over ? price : null,
    price_unit: "USD",
    queue_time: "0",
    sid: phoneCall.sid,
    start_time: over ? dateOf(phoneCall.at) : null,
    status: over ? "completed" : "queued",
    to: phoneCall.to,
    trunk_sid: null,
    uri: `/2010-04-01/Accounts/${account}/Calls/${phoneCall.sid}.json`,
  };
}

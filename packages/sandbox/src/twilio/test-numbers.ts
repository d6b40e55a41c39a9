// The numbers with which test credentials play: each stands for something that can go wrong. Twilio's page on test credentials, read
// 2026-11-24.
import type { Call, PlainAnswer } from "../dialect.ts";
import { dateOf, formOf, refusal, sidOf, told } from "./answers.ts";

interface Mishap {
  readonly code: number;
  readonly message: string;
}

const invalidFrom: Mishap = {
  code: 21212,
  message: "The 'From' number +15005550001 is not a valid phone number, shortcode, or alphanumeric sender ID.",
};

const senders: Readonly<Record<string, Mishap>> = {
  "+15005550001": invalidFrom,
  "+15005550008": { code: 21611, message: "This 'From' number has exceeded the maximum number of queued messages" },
};

const receivers: Readonly<Record<string, Mishap>> = {
  "+15005550001": { code: 21211, message: "Invalid 'To' Phone Number: +1500555000X" },
  "+15005550002": {
    code: 21612,
    message: "The 'To' phone number: +1500555000X, is not currently reachable using the 'From' phone number",
  },
  "+15005550003": {
    code: 21408,
    message: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
  },
  "+15005550004": { code: 21610, message: "Attempt to send to unsubscribed recipient" },
  "+15005550009": { code: 21614, message: "'To' number is not a valid mobile number" },
};

const called: Readonly<Record<string, Mishap>> = {
  "+15005550001": { code: 21217, message: "Phone number does not appear to be valid" },
  "+15005550002": { code: 21214, message: "'To' phone number cannot be reached" },
  "+15005550003": { code: 21215, message: "Account not authorized to call the number" },
  "+15005550004": { code: 21216, message: "Account not allowed to call the number" },
};

/** What a test message meets; null when it is taken. */
export function mishapOfMessage(call: Call, from: string, to: string): PlainAnswer | null {
  return answered(call, senders[from] ?? notOwned(from, 21606) ?? receivers[to]);
}

export function mishapOfCall(call: Call, from: string, to: string): PlainAnswer | null {
  return answered(call, (from === "+15005550001" ? invalidFrom : undefined) ?? notOwned(from, 21210) ?? called[to]);
}

/** The only number that a test account may send from. */
function notOwned(from: string, code: number): Mishap | undefined {
  return from === "+15005550006" ? undefined : { code, message: `The 'From' phone number ${from} is not owned by this account.` };
}

function answered(call: Call, mishap: Mishap | undefined): PlainAnswer | null {
  return mishap === undefined ? null : refusal(call, 400, mishap.code, mishap.message);
}

/** POST /IncomingPhoneNumbers, which only test credentials may do here: one number can be had, one is gone, and the rest are none. */
export function buyTestNumber(call: Call): PlainAnswer {
  const number = formOf(call).get("PhoneNumber") ?? "";
  if (call.fault.kind !== "test_credentials") return refusal(call, 400, 21404, "The sandbox sells no phone numbers.");
  if (number === "+15005550000") return refusal(call, 400, 21422, `${number} is not available.`);
  if (number !== "+15005550006") return refusal(call, 400, 21421, `${number} is not valid`);
  const at = dateOf(call.at);
  return told(call, 201, {
    account_sid: call.shelf.account,
    sid: sidOf(call, "PN"),
    phone_number: number,
    friendly_name: "(500) 555-0006",
    date_created: at,
    date_updated: at,
    api_version: "2010-04-01",
    capabilities: { voice: true, sms: true, mms: true, fax: false },
    status: "in-use",
    uri: `/2010-04-01/Accounts/${call.shelf.account}/IncomingPhoneNumbers/${sidOf(call, "PN")}.json`,
  });
}

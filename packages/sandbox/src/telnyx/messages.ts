// Messages: their parts are told when they are sent, and what they cost when they are read back.
import { decimal } from "../decimal.ts";
import { type Answer, type Call, Drawer, jsonBody, textIn } from "../dialect.ts";
import { noTokens, type Usage } from "../ledger.ts";
import { isAddress, isGsm, segmentsOf } from "../text-message.ts";
import { organizationOf } from "./account.ts";
import { missing, notFound, refusal, told, uuidOf } from "./answers.ts";

/** In hundred-thousandths of a dollar, a part. */
const rate = 205;
const carrierFee = 305;

export interface Message {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly media: readonly unknown[];
  readonly tags: readonly unknown[];
  readonly webhook: string | null;
  readonly parts: number;
  readonly at: Date;
}

export const messages = new Drawer<Message>();

export function sendMessage(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null)
    return refusal(call, 400, { code: "10015", title: "Bad Request", detail: "The request body is no JSON object." });
  const to = textIn(body, "to");
  const text = textIn(body, "text");
  const media = Array.isArray(body["media_urls"]) ? body["media_urls"] : [];
  if (to === "") return missing(call, "to");
  if (!isAddress(to))
    return refusal(call, 400, {
      code: "10002",
      title: "Invalid phone number",
      detail: `The 'to' number is not a valid phone number.`,
      source: { pointer: "/to" },
    });
  if (textIn(body, "from") === "" && textIn(body, "messaging_profile_id") === "") return missing(call, "from");
  if (text === "" && media.length === 0) return missing(call, "text");
  const message: Message = {
    id: uuidOf(`message ${call.sequence}`),
    from: textIn(body, "from") || "+15005550006",
    to,
    text,
    media,
    tags: Array.isArray(body["tags"]) ? body["tags"] : [],
    webhook: textIn(body, "webhook_url") || null,
    parts: segmentsOf(text),
    at: call.at,
  };
  messages.of(call.shelf).set(message.id, message);
  return { ...told(call, describe(call, message, false)), usage: { ...noTokens, segments: message.parts } };
}

export function readMessage(call: Call): Answer {
  const message = messages.of(call.shelf).get(call.params[0] ?? "");
  if (message === undefined) return notFound(call);
  const usage: Usage = { ...noTokens, segments: message.parts, cost: costOf(message), currency: "USD" };
  return { ...told(call, describe(call, message, true)), usage };
}

/** As one of the detail records, which reconcile. */
export function messageRecord(call: Call, message: Message): Readonly<Record<string, unknown>> {
  return {
    record_type: "messaging",
    uuid: message.id,
    message_type: message.media.length > 0 ? "MMS" : "SMS",
    direction: "outbound",
    cli: message.from,
    cld: message.to,
    parts: message.parts,
    status: "delivered",
    delivery_status: "delivered",
    cost: costOf(message),
    rate: decimal(rate, 5),
    carrier_fee: decimal(message.parts * carrierFee, 5),
    currency: "USD",
    country_code: "US",
    carrier: "EXAMPLE CARRIER",
    errors: [],
    on_net: false,
    tags: message.tags.join(","),
    profile_id: uuidOf(`profile ${call.shelf.account}`),
    user_id: uuidOf(`user ${call.shelf.account}`),
    created_at: message.at.toISOString(),
    sent_at: secondsAfter(message, 1),
    completed_at: secondsAfter(message, 3),
  };
}

function costOf(message: Message): string {
  return decimal(message.parts * (rate + carrierFee), 5);
}

function secondsAfter(message: Message, seconds: number): string {
  return new Date(message.at.getTime() + seconds * 1000).toISOString();
}

function describe(call: Call, message: Message, finalized: boolean): object {
  return {
    record_type: "message",
    direction: "outbound",
    id: message.id,
    type: message.media.length > 0 ? "MMS" : "SMS",
    messaging_profile_id: uuidOf(`profile ${call.shelf.account}`),
    organization_id: organizationOf(call),
    from: { phone_number: message.from, carrier: "TELNYX LLC", line_type: "VoIP" },
    to: [
      { phone_number: message.to, status: finalized ? "delivered" : "queued", carrier: "EXAMPLE CARRIER", line_type: "Wireless" },
    ],
    text: message.text,
    media: message.media.map((url) => ({ url, content_type: null, size: null, sha256: null })),
    webhook_url: message.webhook,
    webhook_failover_url: null,
    encoding: isGsm(message.text) ? "GSM-7" : "UCS-2",
    parts: message.parts,
    tags: message.tags,
    cost: finalized ? inDollars(costOf(message)) : null,
    ...(finalized && {
      cost_breakdown: {
        carrier_fee: inDollars(decimal(message.parts * carrierFee, 5)),
        rate: inDollars(decimal(message.parts * rate, 5)),
      },
    }),
    received_at: message.at.toISOString(),
    sent_at: finalized ? secondsAfter(message, 1) : null,
    completed_at: finalized ? secondsAfter(message, 3) : null,
    valid_until: secondsAfter(message, 3600),
    errors: [],
  };
}

function inDollars(amount: string): object {
  return { amount, currency: "USD" };
}

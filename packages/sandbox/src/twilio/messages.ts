// Messages: sent, read back, listed, deleted.
import { decimal } from "../decimal.ts";
import { type Answer, type Call, Drawer } from "../dialect.ts";
import { noTokens, type Usage } from "../ledger.ts";
import { isAddress, segmentsOf } from "../text-message.ts";
import { dateOf, deleted, formOf, notFound, pageOf, refusal, sidOf, told } from "./answers.ts";
import { mishapOfMessage } from "./test-numbers.ts";

/** In hundred-thousandths of a dollar: an SMS is charged by the segment, WhatsApp by the message. */
const pricePerSegment = 830;
const pricePerWhatsApp = 500;
export interface Message {
  readonly sid: string;
  readonly to: string;
  readonly from: string | null;
  readonly service: string | null;
  readonly body: string;
  readonly media: number;
  readonly at: Date;
}

export const messages = new Drawer<Message>();

export function sendMessage(call: Call): Answer {
  const form = formOf(call);
  const to = form.get("To") ?? "";
  const body = form.get("Body") ?? "";
  const media = form.getAll("MediaUrl").length;
  if (to === "") return refusal(call, 400, 21604, "A 'To' phone number is required.");
  if (!isAddress(to)) return refusal(call, 400, 21211, `The 'To' number ${to} is not a valid phone number.`);
  if ((form.get("From") ?? form.get("MessagingServiceSid") ?? "") === "") return refusal(call, 400, 21603, "A 'From' phone number is required.");
  if (body === "" && media === 0) return refusal(call, 400, 21602, "Message body is required.");
  if (body.length > 1600) return refusal(call, 400, 21617, "The concatenated message body exceeds the 1600 character limit");
  const mishap = call.fault.kind === "test_credentials" ? mishapOfMessage(call, form.get("From") ?? "", to) : null;
  if (mishap !== null) return mishap;
  const message: Message = {
    sid: sidOf(call, media > 0 ? "MM" : "SM"), to, from: form.get("From"), service: form.get("MessagingServiceSid"), body, media, at: call.at,
  };
  // What test credentials send is kept nowhere, and charged to nobody.
  if (call.fault.kind !== "test_credentials") messages.of(call.shelf).set(message.sid, message);
  return { ...told(call, 201, describe(call, message, false)), usage: usageOf(message) };
}

export function readMessage(call: Call): Answer {
  const message = messages.of(call.shelf).get(call.params[1] ?? "");
  if (message === undefined) return notFound(call);
  return { ...told(call, 200, describe(call, message, true)), usage: { ...usageOf(message), cost: decimal(priceOf(message), 5), currency: "USD" } };
}

export function deleteMessage(call: Call): Answer {
  return messages.of(call.shelf).delete(call.params[1] ?? "") ? deleted(call) : notFound(call);
}

export function listMessages(call: Call): Answer {
  const wanted = [...messages.of(call.shelf).values()].filter(
    (message) => (call.query.get("To") ?? message.to) === message.to && (call.query.get("From") ?? message.from) === message.from,
  );
  return pageOf(call, "messages", wanted.toReversed().map((message) => describe(call, message, true)));
}

export function isWhatsApp(message: Message): boolean {
  return message.to.startsWith("whatsapp:");
}

/** In hundred-thousandths of a dollar. */
export function priceOf(message: Message): number {
  return isWhatsApp(message) ? pricePerWhatsApp : segmentsOf(message.body) * pricePerSegment;
}

function usageOf(message: Message): Usage {
  return { ...noTokens, segments: segmentsOf(message.body) };
}

/** Price and delivery are known only when a message is read back. */
function describe(call: Call, message: Message, delivered: boolean): object {
  const account = call.shelf.account;
  const uri = `/2010-04-01/Accounts/${account}/Messages/${message.sid}`;
  const segments = segmentsOf(message.body);
  return {
    account_sid: account,
    api_version: "2010-04-01",
    body: message.body,
    date_created: dateOf(message.at),
    date_sent: delivered ? dateOf(message.at) : null,
    date_updated: dateOf(message.at),
    direction: "outbound-api",
    error_code: null,
    error_message: null,
    from: message.from,
    messaging_service_sid: message.service,
    num_media: String(message.media),
    num_segments: String(segments),
    price: delivered ? (-priceOf(message) / 100_000).toFixed(5) : null,
    price_unit: delivered ? "USD" : null,
    sid: message.sid,
    status: delivered ? "delivered" : message.service === null ? "queued" : "accepted",
    subresource_uris: { media: `${uri}/Media.json` },
    to: message.to,
    uri: `${uri}.json`,
  };
}

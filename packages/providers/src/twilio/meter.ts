/**
 * Counts what a call to Twilio used, from the answer that takes the order: a message has its segments, a call as yet
 * neither seconds nor price (they come minutes later, by fetching it again; callbacks tell seconds and no price).
 */
import { count, inclusive, seconds } from "../counts.ts";
import { absolute, decimal, decimalText } from "../decimal.ts";
import { object, text } from "../vendor-json.ts";
import type { LaterUsage, Meter } from "../provider.ts";
import type { MeteredUsage } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

/** Twilio writes numbers as text. */
const written = (value: unknown): number | undefined => (typeof value === "string" && /^\d+$/.test(value) ? count(Number(value)) : undefined);

export const twilioMeter: Meter = {
  ask: () => undefined,

  json(answer, { route }) {
    const resource = object(answer);
    if (!resource) return null;
    switch (route.operation) {
      case "sms.send":
        return messageUsage(resource);
      case "calls.create":
        return typeof resource["sid"] === "string" ? inclusive({}, { calls: 1 }) : null;
      default:
        return null;
    }
  },

  // Twilio streams nothing over HTTP; an answer that did would be passed on uncounted.
  stream: () => ({ on: () => "pass", usage: () => null, failed: () => false }),
};

/** WhatsApp goes the way of SMS and is paid by the message. */
function messageUsage(message: JsonObject): MeteredUsage | null {
  // "0" until a Messaging Service has picked a sender: not yet known, which is not none.
  const segments = written(message["num_segments"]);
  const media = written(message["num_media"]);
  const whatsapp = text(message["from"] ?? message["From"])?.startsWith("whatsapp:") === true;
  return inclusive(
    { segments: segments === 0 ? undefined : segments },
    { media: media === 0 ? undefined : media, whatsappMessages: whatsapp && segments !== undefined ? 1 : undefined },
  );
}

/** A resource that was fetched again, or the fields of a callback. Twilio's prices are negative: what the balance lost. */
export function report(told: JsonObject): LaterUsage | null {
  const of = text(told["sid"] ?? told["CallSid"] ?? told["MessageSid"]);
  if (of === undefined) return null;
  const lasted = written(told["duration"] ?? told["CallDuration"]);
  const usage = of.startsWith("CA") ? inclusive({ audioSeconds: seconds(lasted) }) : messageUsage(told);
  const cost = told["price_unit"] === "USD" ? decimal(told["price"]) : undefined;
  if (!usage) return null;
  return { of, usage: cost ? { ...usage, costUsd: decimalText(absolute(cost)) } : usage };
}

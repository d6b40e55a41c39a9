/**
 * Counts what a call to Telnyx used, from the answer that takes the order: a message has its parts, a call as yet nothing
 * but itself. What they cost comes later, by webhook: `message.finalized`, and `call.cost` apart from `call.hangup`.
 */
import { count, inclusive, seconds } from "../counts.ts";
import { absolute, decimal, decimalText } from "../decimal.ts";
import { openaiMeter } from "../openai/meter.ts";
import { object, objects, text } from "../vendor-json.ts";
import type { LaterUsage, Meter } from "../provider.ts";
import type { MeteredUsage } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

/** Operations of Telnyx's inference, which is of OpenAI's shape. */
const openais: ReadonlySet<string> = new Set(["chat.completions", "embeddings", "audio.transcriptions"]);

export const telnyxMeter: Meter = {
  ask: (route, body) => (openais.has(route.operation) ? openaiMeter.ask(route, body) : undefined),

  json(answer, call) {
    const { operation } = call.route;
    if (openais.has(operation)) return openaiMeter.json(answer, call);
    if (operation === "speech") {
      const said = text(call.body?.["text"]);
      return said === undefined ? null : inclusive({ model: text(call.body?.["voice"]), characters: Array.from(said).length });
    }
    const resource = object(object(answer)?.["data"]);
    if (!resource) return null;
    if (operation === "sms.send") return messageUsage(resource);
    return operation === "calls.create" && typeof resource["call_control_id"] === "string" ? inclusive({}, { calls: 1 }) : null;
  },

  stream: (call) => (openais.has(call.route.operation) ? openaiMeter.stream(call) : { on: () => "pass", usage: () => null, failed: () => false }),
};

function messageUsage(message: JsonObject): MeteredUsage | null {
  const media = objects(message["media"]).length;
  const cost = object(message["cost"]);
  const segments = count(message["parts"]);
  const whatsapp = text(message["type"])?.toLowerCase() === "whatsapp";
  const units = { media: media === 0 ? undefined : media, whatsappMessages: whatsapp ? 1 : undefined };
  return charged(inclusive({ segments }, units), cost?.["amount"], cost?.["currency"]);
}

function charged(usage: MeteredUsage | null, amount: unknown, currency: unknown): MeteredUsage | null {
  const cost = currency === "USD" ? decimal(amount) : undefined;
  return usage && cost ? { ...usage, costUsd: decimalText(absolute(cost)) } : usage;
}

/** Reads a webhook. */
export function report(told: JsonObject): LaterUsage | null {
  const event = object(told["data"]);
  const payload = object(event?.["payload"]);
  if (!event || !payload) return null;
  switch (event["event_type"]) {
    case "message.finalized":
    case "message.received":
      return later(payload["id"], messageUsage(payload));
    case "call.cost": {
      const [part] = objects(payload["cost_parts"]);
      return later(payload["call_control_id"], charged(inclusive({ audioSeconds: seconds(payload["billed_duration_secs"]) }), payload["total_cost"], part?.["currency"]));
    }
    case "call.hangup": {
      const lasted = Date.parse(text(payload["end_time"]) ?? "") - Date.parse(text(payload["start_time"]) ?? "");
      return later(payload["call_control_id"], inclusive({ audioSeconds: seconds(lasted / 1_000) }));
    }
    default:
      return null;
  }
}

const later = (of: unknown, usage: MeteredUsage | null): LaterUsage | null => (typeof of === "string" && usage ? { of, usage } : null);

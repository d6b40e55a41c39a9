/**
 * Counts what a call to Deepgram used: seconds of audio in the answer's metadata, characters in a header of the speech
 * (which is sent before the audio, and is not in the specification: without it the text that was sent is counted), tokens
 * of what was read from a text.
 */
import { count, inclusive, seconds, sum } from "../counts.ts";
import { object, objects, text } from "../vendor-json.ts";
import type { LaterUsage, Meter, MeteredCall } from "../provider.ts";
import type { MeteredUsage } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

export const deepgramMeter: Meter = {
  ask: () => undefined,

  json(answer, call) {
    if (call.route.operation === "speak") return spoken(call);
    return heard(object(answer), new URLSearchParams(call.path.split("?")[1]));
  },

  // Deepgram streams nothing as events over HTTP; an answer that did would be passed on uncounted.
  stream: () => ({ on: () => "pass", usage: () => null, failed: () => false }),
};

/** A header's number. */
const written = (value: string | undefined): number | undefined => (value !== undefined && /^\d+$/.test(value) ? count(Number(value)) : undefined);

function spoken({ path, body, answerHeaders = {} }: MeteredCall): MeteredUsage | null {
  const said = text(body?.["text"]);
  return inclusive({
    model: answerHeaders["dg-model-name"] ?? new URLSearchParams(path.split("?")[1]).get("model") ?? undefined,
    characters: written(answerHeaders["dg-char-count"]) ?? (said === undefined ? undefined : Array.from(said).length),
  });
}

/** The parts of an answer that a language model made, each with its own count. */
const intelligence = ["summary_info", "sentiment_info", "topics_info", "intents_info"] as const;

/** Channels are paid each where they are transcribed apart. A model of several languages has a price of its own. */
function heard(answer: JsonObject | undefined, query: URLSearchParams): MeteredUsage | null {
  const metadata = object(answer?.["metadata"]);
  if (!metadata) return null;
  const duration = metadata["duration"];
  const channels = query.get("multichannel") === "true" ? (count(metadata["channels"]) ?? 1) : 1;
  const infos = intelligence.map((name) => object(metadata[name]) ?? {});
  const usage = inclusive({
    model: archOf(metadata) ?? query.get("model") ?? undefined,
    audioSeconds: seconds(typeof duration === "number" ? duration * channels : undefined),
    inputTokens: sum(...infos.map((info) => count(info["input_tokens"]))),
    outputTokens: sum(...infos.map((info) => count(info["output_tokens"]))),
  });
  return usage && query.get("language") === "multi" ? { ...usage, units: { multilingual: 1 } } : usage;
}

/** `nova-3`: what the price hangs on. The names of models say more (`general-nova-3`), and an answer may have several. */
function archOf(metadata: JsonObject): string | undefined {
  const archs = new Set(objects(Object.values(object(metadata["model_info"]) ?? {})).flatMap((info) => text(info["arch"]) ?? []));
  const [arch] = archs;
  return archs.size === 1 ? arch : undefined;
}

/** A transcript that was asked for with a callback: its order was answered with the request's id alone. */
export function report(told: JsonObject): LaterUsage | null {
  const of = text(object(told["metadata"])?.["request_id"]);
  const usage = heard(told, new URLSearchParams());
  return of !== undefined && usage ? { of, usage } : null;
}

/**
 * Counts what a call to Google's speech APIs used. Recognition tells the seconds it bills, already rounded by Google;
 * synthesis tells nothing, so the characters that were sent are counted as Google counts them: all of them, the tags of
 * SSML too, but not `<mark>`.
 */
import { inclusive, seconds, sum } from "../counts.ts";
import { object, objects, text } from "../vendor-json.ts";
import { durationMs } from "../waiting.ts";
import type { Meter, MeteredCall } from "../provider.ts";
import type { MeteredUsage } from "../usage.ts";

export const speechMeter: Meter = {
  ask: () => undefined,

  json(answer, call) {
    if (call.route.operation.startsWith("text.synthesize")) return spoken(call);
    const fields = object(answer);
    // v1 and v2 have two names for it, and two prices.
    const billed = durationMs(text(fields?.["totalBilledTime"]) ?? text(object(fields?.["metadata"])?.["totalBilledDuration"]));
    if (billed === undefined) return null;
    const config = object(call.body?.["config"]);
    return inclusive({ model: text(config?.["model"]), audioSeconds: seconds(billed / 1_000) }, { sttVersion: call.path.startsWith("/v2/") ? 2 : 1 });
  },

  // Over REST these APIs stream no events; an answer that did would be passed on uncounted.
  stream: () => ({ on: () => "pass", usage: () => null, failed: () => false }),
};

const length = (value: unknown): number | undefined => (typeof value === "string" ? Array.from(value).length : undefined);

function spoken({ body }: MeteredCall): MeteredUsage | null {
  const input = object(body?.["input"]);
  const voice = object(body?.["voice"]);
  const turns = objects(object(input?.["multiSpeakerMarkup"])?.["turns"]);
  const ssml = text(input?.["ssml"])?.replaceAll(/<mark\b[^>]*>/g, "");
  return inclusive({
    model: text(voice?.["name"]) ?? text(voice?.["modelName"]),
    characters: sum(length(input?.["text"]), length(input?.["markup"]), length(ssml), ...turns.map((turn) => length(turn["text"]))),
  });
}

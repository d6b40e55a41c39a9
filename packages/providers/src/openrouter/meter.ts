/**
 * Counts what a call to OpenRouter used. Its answers are OpenAI's or Anthropic's, always with usage, and with what was
 * charged: `cost` in USD. Where the account has a key of the model's own vendor (`is_byok`), `cost` is OpenRouter's fee
 * alone, and what the vendor charges beside it (`upstream_inference_cost`) is spent as well (usage accounting guide).
 */
import { anthropicMeter } from "../anthropic/meter.ts";
import { count, inclusive, seconds } from "../counts.ts";
import { decimal, decimalText, plus, zero } from "../decimal.ts";
import { openaiMeter } from "../openai/meter.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import type { Meter } from "../provider.ts";
import type { MeteredUsage, StreamMeter } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

const inner = (operation: string): Meter => (operation === "messages" ? anthropicMeter : openaiMeter);

/** Operations whose usage has a shape of OpenRouter's own. */
const own: ReadonlySet<string> = new Set(["images.generate", "audio.transcriptions", "rerank", "videos.create"]);

export const openrouterMeter: Meter = {
  // The flags that ask for usage have no effect: it is always told.
  ask: () => undefined,

  json(answer, call) {
    const fields = object(answer);
    const { operation } = call.route;
    const usage = own.has(operation) ? ownUsage(fields) : inner(operation).json(answer, call);
    return charged(usage, fields && costOf(fields), fields);
  },

  stream(call) {
    const counting = inner(call.route.operation).stream(call);
    let cost: string | undefined;
    return {
      on(event) {
        // Quotation marks inside content are escaped, so this is a field.
        const fields = /"cost"\s*:/.test(event.data) ? parseObject(event.data) : undefined;
        cost = (fields && costOf(fields)) ?? cost;
        return counting.on(event);
      },
      usage: () => charged(counting.usage(), cost, undefined),
      failed: () => counting.failed(),
    } satisfies StreamMeter;
  },
};

/** The usage of a chat stands in the answer, that of a response or message one level deeper where it streams. */
function costOf(answer: JsonObject): string | undefined {
  const usage = object(answer["usage"]) ?? object(object(answer["response"])?.["usage"]) ?? object(object(answer["message"])?.["usage"]);
  const cost = decimal(usage?.["cost"]);
  if (!usage || !cost || cost.digits < 0n) return undefined;
  const upstream = usage["is_byok"] === true ? decimal(object(usage["cost_details"])?.["upstream_inference_cost"]) : undefined;
  return decimalText(upstream && upstream.digits > 0n ? plus(cost, upstream) : plus(cost, zero));
}

function charged(usage: MeteredUsage | null, costUsd: string | undefined, answer: JsonObject | undefined): MeteredUsage | null {
  if (costUsd === undefined) return usage;
  const model = text(answer?.["model"]);
  return { ...(usage ?? (model === undefined ? {} : { model })), costUsd };
}

function ownUsage(answer: JsonObject | undefined): MeteredUsage | null {
  const usage = object(answer?.["usage"]);
  if (!answer || !usage) return null;
  const output = object(usage["completion_tokens_details"]) ?? {};
  return inclusive(
    {
      model: text(answer["model"]),
      inputTokens: count(usage["prompt_tokens"]) ?? count(usage["input_tokens"]),
      outputTokens: count(usage["completion_tokens"]) ?? count(usage["output_tokens"]),
      cachedInputTokens: count(object(usage["prompt_tokens_details"])?.["cached_tokens"]),
      reasoningTokens: count(output["reasoning_tokens"]),
      audioSeconds: seconds(usage["seconds"]),
    },
    { imageOutputTokens: count(output["image_tokens"]), searchUnits: count(usage["search_units"]) },
  );
}

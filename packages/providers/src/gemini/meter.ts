/** Counts what a call to Gemini used: `generateContent`, the Interactions API, and the endpoints of OpenAI's shape. */
import { count, inclusive, sum } from "../counts.ts";
import { contentAnswer, contentStream, ofModality } from "../google/usage.ts";
import { openaiMeter } from "../openai/meter.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import type { Meter } from "../provider.ts";
import type { MeteredUsage, StreamMeter } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

/** Operations below `/openai/`. */
const openais: ReadonlySet<string> = new Set(["chat.completions", "embeddings", "images.generate"]);

export const geminiMeter: Meter = {
  ask: (route, body) => (openais.has(route.operation) ? openaiMeter.ask(route, body) : undefined),

  json(answer, call) {
    const { operation } = call.route;
    if (openais.has(operation)) return openaiMeter.json(answer, call);
    // Counting is free: nothing was used, and that is known.
    if (operation === "models.count_tokens") return { inputTokens: 0, outputTokens: 0 };
    return operation === "interactions" ? interactionUsage(object(answer)) : contentAnswer(answer);
  },

  stream(call) {
    const { operation } = call.route;
    if (openais.has(operation)) return openaiMeter.stream(call);
    return operation === "interactions" ? interactionStream() : contentStream(call);
  },
};

/** Interactions name the same counts in other words; thoughts are beside the output, what tools brought beside the input. */
function interactionUsage(interaction: JsonObject | undefined): MeteredUsage | null {
  const usage = object(interaction?.["usage"]);
  if (!interaction || !usage) return null;
  const thoughts = count(usage["total_thought_tokens"]);
  return inclusive(
    {
      model: text(interaction["model"]),
      inputTokens: sum(count(usage["total_input_tokens"]), count(usage["total_tool_use_tokens"])),
      outputTokens: sum(count(usage["total_output_tokens"]), thoughts),
      cachedInputTokens: count(usage["total_cached_tokens"]),
      reasoningTokens: thoughts,
      audioInputTokens: sum(ofModality(usage["input_tokens_by_modality"], "AUDIO", "tokens"), ofModality(usage["tool_use_tokens_by_modality"], "AUDIO", "tokens")),
      audioOutputTokens: ofModality(usage["output_tokens_by_modality"], "AUDIO", "tokens"),
    },
    {
      cachedAudioTokens: ofModality(usage["cached_tokens_by_modality"], "AUDIO", "tokens"),
      imageOutputTokens: ofModality(usage["output_tokens_by_modality"], "IMAGE", "tokens"),
    },
  );
}

/** One event closes the stream and tells the usage; where it comes again, the last one counts. */
function interactionStream(): StreamMeter {
  let usage: MeteredUsage | null = null;
  let closed = false;
  let broken = false;
  return {
    on({ data }) {
      if (data === "[DONE]") {
        closed = true;
        return "close";
      }
      const event = parseObject(data);
      switch (event?.["event_type"]) {
        case "error":
          broken = true;
          return "pass";
        case "interaction.completed": {
          const interaction = object(event["interaction"]);
          usage = interactionUsage(interaction) ?? usage;
          if (interaction?.["status"] === "failed") broken = true;
          closed = true;
          return "close";
        }
        default:
          return "pass";
      }
    },
    usage: () => usage,
    failed: () => broken || !closed,
  };
}

/** OpenAI's counting, which is inclusive like ours, from the answers of its APIs (openai 7.57.0, `resources/*.d.ts`). */
import { count, inclusive, seconds } from "../counts.ts";
import { object, text } from "../vendor-json.ts";
import type { JsonObject } from "../vendor-json.ts";
import type { MeteredUsage } from "../usage.ts";

const modelOf = (answer: JsonObject): string | undefined => text(answer["model"]);

/** Chat completions, legacy completions and embeddings: `prompt_tokens`, `completion_tokens`. */
export function chatUsage(answer: JsonObject): MeteredUsage | null {
  const usage = object(answer["usage"]);
  if (!usage) return null;
  const prompt = object(usage["prompt_tokens_details"]) ?? {};
  const completion = object(usage["completion_tokens_details"]) ?? {};
  return inclusive({
    model: modelOf(answer),
    inputTokens: count(usage["prompt_tokens"]),
    outputTokens: count(usage["completion_tokens"]),
    cachedInputTokens: count(prompt["cached_tokens"]),
    cacheWriteTokens: count(prompt["cache_write_tokens"]),
    reasoningTokens: count(completion["reasoning_tokens"]),
    audioInputTokens: count(prompt["audio_tokens"]),
    audioOutputTokens: count(completion["audio_tokens"]),
  });
}

/** Responses, images, speech and transcription: `input_tokens`, `output_tokens`; or `seconds` of audio where a model is paid by time. */
export function tokenUsage(answer: JsonObject): MeteredUsage | null {
  const usage = object(answer["usage"]);
  if (!usage) return null;
  if (usage["type"] === "duration") {
    return inclusive({ model: modelOf(answer), audioSeconds: seconds(usage["seconds"]) });
  }
  // Responses say `input_tokens_details`, transcriptions `input_token_details`.
  const input = object(usage["input_tokens_details"]) ?? object(usage["input_token_details"]) ?? {};
  const output = object(usage["output_tokens_details"]) ?? object(usage["output_token_details"]) ?? {};
  const write = object(input["cache_write_tokens_details"]) ?? {};
  return inclusive(
    {
      model: modelOf(answer),
      inputTokens: count(usage["input_tokens"]),
      outputTokens: count(usage["output_tokens"]),
      cachedInputTokens: count(input["cached_tokens"]),
      cacheWriteTokens: count(input["cache_write_tokens"]),
      reasoningTokens: count(output["reasoning_tokens"]),
      audioInputTokens: count(input["audio_tokens"]),
      audioOutputTokens: count(output["audio_tokens"]),
    },
    {
      cacheWrite12hTokens: count(write["ttl_12h_tokens"]),
      imageInputTokens: count(input["image_tokens"]),
      imageOutputTokens: count(output["image_tokens"]),
    },
  );
}

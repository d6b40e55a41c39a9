/**
 * Counts what a call of `generateContent` used, at Gemini and at Vertex. All input is the prompt (cached content inside
 * it) and what tools brought; all output is the candidates and, beside them, the thoughts. A stream repeats totals so far
 * in every chunk, and the field may be missing from one: the last that was told counts, and nothing is added up.
 */
import { count, inclusive, sum } from "../counts.ts";
import { object, objects, parseObject, text } from "../vendor-json.ts";
import type { MeteredCall } from "../provider.ts";
import type { MeteredUsage, StreamMeter } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

/** Tokens of one modality in a breakdown `[{ modality, tokenCount }]`; undefined where it is not in it. */
export function ofModality(details: unknown, modality: string, field = "tokenCount"): number | undefined {
  return sum(...objects(details).map((detail) => (text(detail["modality"])?.toUpperCase() === modality ? count(detail[field]) : undefined)));
}

export function contentUsage(usage: JsonObject, model: string | undefined): MeteredUsage | null {
  const thoughts = count(usage["thoughtsTokenCount"]);
  // Live sessions call the candidates a response.
  const output = usage["candidatesTokensDetails"] ?? usage["responseTokensDetails"];
  return inclusive(
    {
      model,
      inputTokens: sum(count(usage["promptTokenCount"]), count(usage["toolUsePromptTokenCount"])),
      outputTokens: sum(count(usage["candidatesTokenCount"]) ?? count(usage["responseTokenCount"]), thoughts),
      cachedInputTokens: count(usage["cachedContentTokenCount"]),
      reasoningTokens: thoughts,
      audioInputTokens: sum(ofModality(usage["promptTokensDetails"], "AUDIO"), ofModality(usage["toolUsePromptTokensDetails"], "AUDIO")),
      audioOutputTokens: ofModality(output, "AUDIO"),
    },
    {
      cachedAudioTokens: ofModality(usage["cacheTokensDetails"], "AUDIO"),
      imageOutputTokens: ofModality(output, "IMAGE"),
      // Paid in advance: such a call costs nothing more.
      provisioned: usage["trafficType"] === "PROVISIONED_THROUGHPUT" ? 1 : undefined,
    },
  );
}

/** The usage of an answer, or of the chunks that a stream without events is an array of. */
export function contentAnswer(answer: unknown): MeteredUsage | null {
  const chunks = Array.isArray(answer) ? answer : [answer];
  return chunks.reduce<MeteredUsage | null>((usage, chunk) => chunkUsage(object(chunk)) ?? usage, null);
}

function chunkUsage(chunk: JsonObject | undefined): MeteredUsage | null {
  const usage = object(chunk?.["usageMetadata"]);
  return usage ? contentUsage(usage, text(chunk?.["modelVersion"])) : null;
}

/** How many candidates were asked for: the stream is over when as many have a reason to be. */
function candidatesOf({ body }: MeteredCall): number {
  const config = object(body?.["generationConfig"]) ?? object(body?.["generation_config"]);
  return count(config?.["candidateCount"] ?? config?.["candidate_count"]) || 1;
}

export function contentStream(call: MeteredCall): StreamMeter {
  const finished = new Set<unknown>();
  let usage: MeteredUsage | null = null;
  let closed = false;
  let broken = false;
  return {
    on({ data }) {
      const chunk = parseObject(data);
      if (!chunk) return "pass";
      if (chunk["error"] !== undefined && chunk["error"] !== null) broken = true;
      usage = chunkUsage(chunk) ?? usage;
      for (const { finishReason, index } of objects(chunk["candidates"])) {
        if (typeof finishReason === "string") finished.add(index ?? 0);
      }
      const blocked = typeof object(chunk["promptFeedback"])?.["blockReason"] === "string";
      if (!blocked && finished.size < candidatesOf(call)) return "pass";
      closed = true;
      return "close";
    },
    usage: () => usage,
    failed: () => broken || !closed,
  };
}

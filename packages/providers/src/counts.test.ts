import * as fc from "fast-check";
import { expect, test } from "vitest";
import { count, inclusive, seconds } from "./counts.ts";
import { completeProviders } from "./registry.ts";
import type { MeteredUsage } from "./usage.ts";

test.each([[0], [1], [2 ** 53 - 1]])("%d is a count", (value) => {
  expect(count(value)).toBe(value);
});

test.each([[-1], [0.5], [2 ** 53], [Number.NaN], [Infinity], ["7"], [null], [undefined], [true], [{}]])("%o is none", (value) => {
  expect(count(value)).toBeUndefined();
});

test.each([
  [1.4, 1.4],
  [9, 9],
  [0, 0],
  [0.0001, 0.001],
  [1.2345, 1.235],
  [-1, undefined],
  ["3", undefined],
  [Infinity, undefined],
])("%o seconds are %o", (value, expected) => {
  expect(seconds(value)).toBe(expected);
});

test("nothing told is null, not zero", () => {
  expect(inclusive({ model: "m", inputTokens: undefined })).toBeNull();
  expect(inclusive({ inputTokens: 0 })).toEqual({ inputTokens: 0 });
});

/** What is not as it must be: every part lies within its whole, every count can be one. */
function faultsOf(usage: MeteredUsage | null): string[] {
  if (!usage) return [];
  const { inputTokens = 0, outputTokens = 0, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0, audioInputTokens = 0, audioOutputTokens = 0 } = usage;
  const { model, audioSeconds = 0, costUsd = "0", units = {}, ...counts } = usage;
  const holds = {
    "cache within input": cachedInputTokens + cacheWriteTokens <= inputTokens,
    "audio within input": audioInputTokens <= inputTokens,
    "reasoning within output": reasoningTokens <= outputTokens,
    "audio within output": audioOutputTokens <= outputTokens,
    "a model is text": model === undefined || typeof model === "string",
    "a cost is exact text": /^\d+(?:\.\d+)?$/.test(costUsd),
    "seconds are a number": Number.isFinite(audioSeconds) && audioSeconds >= 0,
    "counts are counts": [...Object.values(counts), ...Object.values(units)].every((value) => count(value) === value),
  };
  return Object.entries(holds).flatMap(([rule, held]) => (held ? [] : [rule]));
}

const told = fc.oneof(fc.nat(10_000), fc.constantFrom(null, undefined, -5, 1.5, "7", Number.NaN, 1e300, {}, []));
const details = fc.record({ cached_tokens: told, cache_write_tokens: told, audio_tokens: told, reasoning_tokens: told, thinking_tokens: told, image_tokens: told }, { requiredKeys: [] });
const usageObject = fc.record(
  {
    prompt_tokens: told,
    completion_tokens: told,
    input_tokens: told,
    output_tokens: told,
    cache_creation_input_tokens: told,
    cache_read_input_tokens: told,
    cache_creation: fc.record({ ephemeral_1h_input_tokens: told }),
    server_tool_use: fc.oneof(fc.constant(null), fc.record({ web_search_requests: told })),
    prompt_tokens_details: fc.oneof(details, fc.constant(null)),
    completion_tokens_details: details,
    input_tokens_details: details,
    output_tokens_details: fc.oneof(details, fc.constant("none")),
    seconds: told,
    cost: fc.oneof(told, fc.double()),
    is_byok: fc.boolean(),
    cost_details: fc.record({ upstream_inference_cost: fc.oneof(told, fc.double()) }),
    type: fc.constantFrom("tokens", "duration", null),
  },
  { requiredKeys: [] },
);
const modalities = fc.array(fc.record({ modality: fc.constantFrom("TEXT", "audio", "IMAGE"), tokenCount: told, tokens: told }), { maxLength: 3 });
const googleUsage = fc.record(
  {
    promptTokenCount: told,
    toolUsePromptTokenCount: told,
    candidatesTokenCount: told,
    thoughtsTokenCount: told,
    cachedContentTokenCount: told,
    promptTokensDetails: modalities,
    candidatesTokensDetails: modalities,
    cacheTokensDetails: modalities,
    total_input_tokens: told,
    total_output_tokens: told,
    total_cached_tokens: told,
    input_tokens_by_modality: modalities,
  },
  { requiredKeys: [] },
);
const calls = [
  ["openai", "/v1/chat/completions"],
  ["openai", "/v1/responses"],
  ["openai", "/v1/embeddings"],
  ["openai", "/v1/audio/transcriptions"],
  ["anthropic", "/v1/messages"],
  ["gemini", "/v1beta/models/m:generateContent"],
  ["gemini", "/v1beta/interactions"],
  ["openrouter", "/api/v1/chat/completions"],
  ["openrouter", "/api/v1/messages"],
  ["telnyx", "/v2/ai/chat/completions"],
] as const;

test("usage is inclusive whatever a vendor tells, in whole answers", () => {
  fc.assert(
    fc.property(fc.constantFrom(...calls), usageObject, googleUsage, ([type, path], usage, usageMetadata) => {
      const provider = completeProviders.find((one) => one.type === type);
      const route = provider?.route("POST", path);
      if (!provider || !route) throw new Error(`no ${path} of ${type}`);
      expect(faultsOf(provider.meter.json({ model: "m", usage: { ...usage, ...usageMetadata }, usageMetadata, num_segments: "1" }, { route, path, body: undefined, askedByUs: false }))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("usage is inclusive whatever a vendor tells, in streams", () => {
  const events = fc.array(
    fc.oneof(
      usageObject.map((usage) => ({ event: undefined, data: { choices: [], usage } })),
      usageObject.map((usage) => ({ event: "response.completed", data: { type: "response.completed", response: { model: "m", usage } } })),
      usageObject.map((usage) => ({ event: "message_start", data: { type: "message_start", message: { model: "m", usage } } })),
      usageObject.map((usage) => ({ event: "message_delta", data: { type: "message_delta", usage } })),
      googleUsage.map((usageMetadata) => ({ event: undefined, data: { candidates: [{}], usageMetadata } })),
      fc.constant({ event: "error", data: { type: "error" } }),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...calls), events, ([type, path], told_) => {
      const provider = completeProviders.find((one) => one.type === type);
      const route = provider?.route("POST", path);
      if (!provider || !route) throw new Error(`no ${path} of ${type}`);
      const meter = provider.meter.stream({ route, path, body: undefined, askedByUs: true });
      for (const { event, data } of told_) meter.on({ event, data: JSON.stringify(data) });
      expect(faultsOf(meter.usage())).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("a part that a vendor tells as larger than its whole is cut to it", () => {
  expect(inclusive({ inputTokens: 10, cachedInputTokens: 8, cacheWriteTokens: 8, outputTokens: 1, reasoningTokens: 5 })).toEqual({
    inputTokens: 10,
    cachedInputTokens: 8,
    cacheWriteTokens: 2,
    outputTokens: 1,
    reasoningTokens: 1,
  });
});

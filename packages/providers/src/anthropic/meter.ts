/**
 * Counts what a call to Anthropic used. Anthropic does not count inclusively: all input is `input_tokens` plus what was
 * written to the cache plus what was read from it. In a stream `message_start` tells the input, and each
 * `message_delta` tells totals so far, which replace and never add (API reference, streaming messages).
 */
import { count, inclusive } from "../counts.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import type { JsonObject } from "../vendor-json.ts";
import type { Meter } from "../provider.ts";
import type { MeteredUsage, StreamMeter } from "../usage.ts";

function messageUsage(model: unknown, usage: JsonObject): MeteredUsage | null {
  const written = count(usage["cache_creation_input_tokens"]);
  const cached = count(usage["cache_read_input_tokens"]);
  const fresh = count(usage["input_tokens"]);
  const tools = object(usage["server_tool_use"]) ?? {};
  return inclusive(
    {
      model: text(model),
      inputTokens: fresh === undefined ? undefined : fresh + (written ?? 0) + (cached ?? 0),
      outputTokens: count(usage["output_tokens"]),
      cachedInputTokens: cached,
      cacheWriteTokens: written,
      reasoningTokens: count(object(usage["output_tokens_details"])?.["thinking_tokens"]),
    },
    {
      cacheWrite1hTokens: count(object(usage["cache_creation"])?.["ephemeral_1h_input_tokens"]),
      webSearchRequests: count(tools["web_search_requests"]),
      webFetchRequests: count(tools["web_fetch_requests"]),
    },
  );
}

export const anthropicMeter: Meter = {
  // Anthropic's answers always carry their usage.
  ask: () => undefined,

  json(answer, call) {
    // Counting is free: nothing was used, and that is known.
    if (call.route.operation === "messages.count_tokens") return { inputTokens: 0, outputTokens: 0 };
    const message = object(answer);
    const usage = object(message?.["usage"]);
    return usage ? messageUsage(message?.["model"], usage) : null;
  },

  stream: messageStream,
};

function messageStream(): StreamMeter {
  let model: unknown;
  let usage: JsonObject | undefined;
  let closed = false;
  let broken = false;

  /** Later counts replace earlier ones; `null` says nothing, and what the start alone tells (the cache split) stays. */
  function tell(counts: unknown): void {
    const told = object(counts);
    if (told) usage = { ...usage, ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== null)) };
  }

  return {
    on({ event, data }) {
      const type = event ?? text(parseObject(data)?.["type"]);
      switch (type) {
        case "message_start": {
          const message = object(parseObject(data)?.["message"]);
          model = message?.["model"];
          tell(message?.["usage"]);
          return "pass";
        }
        case "message_delta":
          tell(parseObject(data)?.["usage"]);
          return "pass";
        case "message_stop":
          closed = true;
          return "close";
        case "error":
          broken = true;
          return "pass";
        default:
          return "pass";
      }
    },
    usage: () => (usage ? messageUsage(model, usage) : null),
    failed: () => broken || !closed,
  };
}

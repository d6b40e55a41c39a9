/** Counts what a call to OpenAI used, in whole answers and in streams as they pass. */
import { inclusive } from "../counts.ts";
import { object, parseObject, text } from "../vendor-json.ts";
import { chatUsage, tokenUsage } from "./usage.ts";
import type { Meter, MeteredCall } from "../provider.ts";
import type { MeteredUsage, StreamEvent, StreamMeter } from "../usage.ts";

const isChat = (operation: string): boolean => operation === "chat.completions" || operation === "completions";

export const openaiMeter: Meter = {
  ask(route, body) {
    if (!isChat(route.operation) || body["stream"] !== true) return undefined;
    const given = body["stream_options"] ?? {};
    const options = object(given);
    // Options that are no object are OpenAI's to refuse.
    if (!options || options["include_usage"] === true) return undefined;
    return { ...body, stream_options: { ...options, include_usage: true } };
  },

  json(answer, call) {
    const { operation } = call.route;
    // Speech is bytes without any count; models that are paid by the character are paid by what was sent.
    if (operation === "audio.speech") return spokenText(call);
    const fields = object(answer);
    if (!fields) return null;
    // Counting is free: nothing was used, and that is known.
    if (operation === "responses.input_tokens") return { inputTokens: 0, outputTokens: 0 };
    return isChat(operation) || operation === "embeddings" ? chatUsage(fields) : tokenUsage(fields);
  },

  stream(call) {
    return isChat(call.route.operation) ? chatStream(call) : eventStream(call);
  },
};

/** `characters` are code points. */
function spokenText({ body }: MeteredCall): MeteredUsage | null {
  const input = text(body?.["input"]);
  return input === undefined ? null : inclusive({ model: text(body?.["model"]), characters: Array.from(input).length });
}

/**
 * Chat streams tell their usage in one further chunk without choices, if asked, and end in `[DONE]`. Only chunks that
 * can hold something of interest are parsed: a quotation mark inside content is escaped, so that `"usage"` is a field.
 */
function chatStream({ askedByUs }: MeteredCall): StreamMeter {
  let usage: MeteredUsage | null = null;
  let closed = false;
  let broken = false;
  return {
    on({ data }) {
      if (data === "[DONE]") {
        closed = true;
        return "close";
      }
      if (!/"usage":\s*\{|"error"/.test(data)) return "pass";
      const chunk = parseObject(data);
      if (!chunk) return "pass";
      if (chunk["error"] !== undefined && chunk["error"] !== null) broken = true;
      const told = chatUsage(chunk);
      if (!told) return "pass";
      usage = told;
      const { choices } = chunk;
      return askedByUs && Array.isArray(choices) && choices.length === 0 ? "drop" : "pass";
    },
    usage: () => usage,
    failed: () => broken || !closed,
  };
}

/** The events that close each format; the Responses API keeps its usage one level deeper. */
const closing: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "transcript.text.done",
  "speech.audio.done",
  "image_generation.completed",
  "image_edit.completed",
]);

function eventStream(call: MeteredCall): StreamMeter {
  const spoken = call.route.operation === "audio.speech" ? spokenText(call) : null;
  let usage = spoken;
  let closed = false;
  let broken = false;
  return {
    on(event) {
      // Some OpenAI-shaped hosts end every stream so.
      if (event.data === "[DONE]") {
        closed = true;
        return "close";
      }
      const type = typeOf(event);
      if (type === "error") {
        broken = true;
        return "pass";
      }
      if (!closing.has(type)) return "pass";
      if (type === "response.failed") broken = true;
      closed = true;
      const answer = parseObject(event.data);
      const told = answer && tokenUsage(object(answer["response"]) ?? answer);
      if (told) usage = { ...spoken, ...told };
      return "close";
    },
    usage: () => usage,
    failed: () => broken || !closed,
  };
}

/** Audio streams give no `event:` line; their type is the first field of the data. */
function typeOf({ event, data }: StreamEvent): string {
  if (event !== undefined && event !== "") return event;
  const first = /^\s*\{\s*"type"\s*:\s*"([^"]*)"/.exec(data)?.[1];
  const parsed = first === undefined ? parseObject(data) : undefined;
  if (parsed?.["error"] !== undefined && parsed["error"] !== null) return "error";
  return first ?? text(parsed?.["type"]) ?? "";
}

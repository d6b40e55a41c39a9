// The Interactions API: Google's newer way to generate, with usage and errors of its own shape, and with interactions that stay.
import {
  type Answer,
  type Call,
  Drawer,
  isObject,
  type JsonObject,
  jsonBody,
  type PlainAnswer,
  sse,
  type StreamEvent,
} from "../dialect.ts";
import { told, vendorHeaders } from "../google/answers.ts";
import { boundOf, thinks } from "../google/contents.ts";
import type { Usage } from "../ledger.ts";
import { piece, type Prompt, speak, type Speech } from "../speech.ts";

type Interaction = JsonObject & { readonly id: string };

const interactions = new Drawer<Interaction>();

export function createInteraction(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return refusal(400, "invalid_request", "The request body is no JSON object.");
  const { model, input } = body;
  if (typeof model !== "string") return refusal(400, "invalid_request", "model is required.");
  if (input === undefined) return refusal(400, "invalid_request", "input is required.");
  if (model.includes("does-not-exist")) return refusal(404, "not_found", `Model ${model} was not found.`);
  const config = isObject(body["generation_config"]) ? body["generation_config"] : {};
  const speech = speak(model, promptOf(input, body["system_instruction"]), {
    maxTokens: boundOf(config),
    thinks: thinks(model, config),
  });
  const id = `interaction-sandbox${String(call.sequence).padStart(6, "0")}`;
  const time = call.at.toISOString();
  const head = { id, object: "interaction", model, created: time, updated: time };
  const interaction = {
    ...head,
    status: speech.truncated ? "incomplete" : "completed",
    steps: [{ type: "model_output", content: [{ type: "text", text: speech.text }] }],
    usage: usageOf(speech.usage),
  };
  if (body["store"] !== false) interactions.of(call.shelf).set(id, interaction);
  if (body["stream"] !== true) return { ...told(interaction), usage: speech.usage };
  return {
    status: 200,
    headers: { ...vendorHeaders, "content-type": "text/event-stream" },
    events: events(head, interaction, speech),
    failure: {
      text: sse(null, {
        event_type: "error",
        error: { code: "internal", message: "Failed to get completed interaction: Result not found." },
      }),
    },
  };
}

export function readInteraction(call: Call): Answer {
  const interaction = interactions.of(call.shelf).get(call.params[0] ?? "");
  return interaction === undefined ? noneOfThatId() : told(interaction);
}

export function deleteInteraction(call: Call): Answer {
  return interactions.of(call.shelf).delete(call.params[0] ?? "") ? told({}) : noneOfThatId();
}

export function refusal(status: number, code: string, message: string): PlainAnswer {
  return told({ error: { code, message } }, status);
}

function noneOfThatId(): PlainAnswer {
  return refusal(404, "not_found", "Result not found.");
}

/** A text, a list of contents, or a list of turns. */
function promptOf(input: unknown, system: unknown): Prompt {
  const turns = typeof input === "string" ? [input] : (Array.isArray(input) ? input : [input]).map(textOf);
  return { system: typeof system === "string" ? [system] : [], turns, lastUser: turns.at(-1) ?? "" };
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (!isObject(value)) return "";
  if (typeof value["text"] === "string") return value["text"];
  const content = value["content"];
  return Array.isArray(content) ? content.map(textOf).join("\n") : textOf(content);
}

function* events(head: object, interaction: Interaction, speech: Speech): Generator<StreamEvent> {
  let number = 0;
  const event = (event_type: string, fields: object): StreamEvent => {
    number += 1;
    return { text: sse(event_type, { event_type, event_id: `evt-${number}`, ...fields }) };
  };
  yield event("interaction.created", { interaction: { ...head, status: "in_progress" } });
  yield event("step.start", { index: 0, step: { type: "model_output", content: [] } });
  for (let at = 0; at < speech.words.length; at += 1)
    yield event("step.delta", { index: 0, delta: { type: "text", text: piece(speech.words, at) } });
  yield event("step.stop", { index: 0 });
  const { steps: _given, ...ended } = interaction;
  yield { ...event("interaction.completed", { interaction: ended }), usage: speech.usage };
  yield { text: sse("done", "[DONE]") };
}

function usageOf(usage: Usage): object {
  const output = usage.outputTokens - usage.reasoningTokens;
  return {
    total_input_tokens: usage.inputTokens,
    initial_input_tokens: usage.inputTokens,
    input_tokens_by_modality: ofText(usage.inputTokens),
    total_cached_tokens: usage.cachedInputTokens,
    ...(usage.cachedInputTokens > 0 && { cached_tokens_by_modality: ofText(usage.cachedInputTokens) }),
    total_output_tokens: output,
    output_tokens_by_modality: ofText(output),
    total_thought_tokens: usage.reasoningTokens,
    total_tool_use_tokens: 0,
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function ofText(tokens: number): object[] {
  return [{ modality: "text", tokens }];
}

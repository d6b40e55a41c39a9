// generateContent, streamGenerateContent and countTokens, as Gemini's own API and Vertex AI have them. Usage stands on every chunk
// of a stream and is cumulative; thoughts are counted beside the candidates, not inside.
import { type Answer, type Call, isObject, type JsonObject, jsonBody, type PlainAnswer, type StreamEvent } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { countPrompt, piece, type Prompt, speak, type Speech } from "../speech.ts";
import { badJson, badRequest, type GoogleError, isArrayStream, permissionDenied, told, vendorHeaders } from "./answers.ts";
import { boundOf, field, promptOf, thinks } from "./contents.ts";

/** What the two APIs do differently. */
export interface Surface {
  /** The model that the call's path names. */
  model(call: Call): string;
  /** The refusal of a model that the vendor does not have; null for one that it has. */
  unknownModel(call: Call, model: string): PlainAnswer | null;
  /** Fields of every answer and chunk. */
  answerFields(call: Call): object;
  /** Fields of every candidate. */
  readonly candidateFields: object;
  /** Fields of every usage. */
  readonly usageFields: object;
  /** The tokens of a cached content that the request names; null when there is none of that name. */
  cachedTokens(call: Call, name: string): number | null;
  readonly overloaded: GoogleError;
  /** Fields of a count beside the tokens. */
  countFields(prompt: Prompt): object;
}

interface Asked {
  readonly model: string;
  readonly config: JsonObject;
  readonly prompt: Prompt;
}

export function generateContent(surface: Surface, call: Call): Answer {
  const asked = readRequest(surface, call);
  if ("status" in asked) return asked;
  const head = headOf(surface, call, asked.model);
  const blocked = blockedPrompt(asked.prompt);
  const usage = blocked ?? speechOf(asked).usage;
  const body =
    blocked !== null ? blockedBody(surface, asked.prompt, head) : wholeBody(surface, asked.prompt, speechOf(asked), head);
  return { ...told(body), model: asked.model, usage };
}

export function streamGenerateContent(surface: Surface, call: Call): Answer {
  const asked = readRequest(surface, call);
  if ("status" in asked) return asked;
  const head = headOf(surface, call, asked.model);
  const chunks =
    blockedPrompt(asked.prompt) === null
      ? chunksOf(surface, asked.prompt, speechOf(asked), head)
      : [blockedChunk(surface, asked.prompt, head)];
  const failure = { error: surface.overloaded };
  const answer = { status: 200, model: asked.model };
  if (isArrayStream(call)) {
    return {
      ...answer,
      headers: vendorHeaders,
      events: inArray(chunks),
      failure: { text: `,\r\n${JSON.stringify(failure)}\n]` },
    };
  }
  const headers = { ...vendorHeaders, "content-type": "text/event-stream", "content-disposition": "attachment" };
  return { ...answer, headers, events: asEvents(chunks), failure: { text: eventOf(failure) } };
}

export function countTokens(surface: Surface, call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const inner = field(body, "generateContentRequest");
  const asked = readRequest(surface, call, isObject(inner) ? inner : body);
  if ("status" in asked) return asked;
  const totalTokens = countPrompt(asked.prompt).inputTokens;
  return {
    ...told({ totalTokens, ...surface.countFields(asked.prompt), promptTokensDetails: promptDetails(asked.prompt) }),
    model: asked.model,
  };
}

function readRequest(surface: Surface, call: Call, body: JsonObject | null = jsonBody(call)): Asked | PlainAnswer {
  if (body === null) return badJson(call);
  const model = surface.model(call);
  const contents = body["contents"];
  if (contents === undefined) return badRequest(call, "* GenerateContentRequest.contents: contents is not specified");
  const unknown = Object.keys(body).find(
    (name) => !known.has(name) && !known.has(name.replaceAll(/_[a-z]/g, (pair) => (pair[1] ?? "").toUpperCase())),
  );
  if (unknown !== undefined)
    return badRequest(call, `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`);
  const refusal = surface.unknownModel(call, model);
  if (refusal !== null) return refusal;
  const config = field(body, "generationConfig");
  const prompt = promptOf(Array.isArray(contents) ? contents : [contents], field(body, "systemInstruction"));
  const cachedName = field(body, "cachedContent");
  if (typeof cachedName !== "string") return { model, config: isObject(config) ? config : {}, prompt };
  const storedTokens = surface.cachedTokens(call, cachedName);
  if (storedTokens === null) return cachedNotFound(call);
  return { model, config: isObject(config) ? config : {}, prompt: { ...prompt, storedTokens } };
}

const known = new Set([
  "model",
  "contents",
  "systemInstruction",
  "generationConfig",
  "safetySettings",
  "tools",
  "toolConfig",
  "cachedContent",
  "labels",
  "generateContentRequest",
  "instances",
  "serviceTier",
  "store",
  "modelArmorConfig",
]);

function cachedNotFound(call: Call): PlainAnswer {
  return permissionDenied(call, "CachedContent not found (or permission denied)");
}

function speechOf({ model, prompt, config }: Asked): Speech {
  return speak(model, prompt, { maxTokens: boundOf(config), thinks: thinks(model, config) });
}

function headOf(surface: Surface, call: Call, model: string): object {
  return { modelVersion: model, ...surface.answerFields(call), responseId: `sandbox${String(call.sequence).padStart(6, "0")}` };
}

/** A last user text that starts with `blocked:` is one that the vendor does not answer; it is counted all the same. */
function blockedPrompt(prompt: Prompt): Usage | null {
  return prompt.lastUser.startsWith("blocked:") ? { ...countPrompt(prompt), outputTokens: 0, reasoningTokens: 0 } : null;
}

function blockedBody(surface: Surface, prompt: Prompt, head: object): object {
  const promptTokenCount = countPrompt(prompt).inputTokens;
  const usageMetadata = {
    promptTokenCount,
    totalTokenCount: promptTokenCount,
    ...surface.usageFields,
    promptTokensDetails: promptDetails(prompt),
  };
  return { promptFeedback: { blockReason: "SAFETY" }, usageMetadata, ...head };
}

function wholeBody(surface: Surface, prompt: Prompt, speech: Speech, head: object): object {
  const candidate = {
    content: { parts: [{ text: speech.text }], role: "model" },
    finishReason: finishReason(speech),
    ...surface.candidateFields,
  };
  return { candidates: [candidate], usageMetadata: usageSoFar(surface, prompt, speech, speech.words.length), ...head };
}

/** A chunk's JSON, and what its reader knows of usage. */
interface Chunk {
  readonly body: object;
  readonly usage: Usage;
}

function blockedChunk(surface: Surface, prompt: Prompt, head: object): Chunk {
  return { body: blockedBody(surface, prompt, head), usage: { ...countPrompt(prompt), outputTokens: 0, reasoningTokens: 0 } };
}

/** The first chunk counts the thoughts only, as the vendor's does. */
function* chunksOf(surface: Surface, prompt: Prompt, speech: Speech, head: object): Generator<Chunk> {
  const last = Math.max(speech.words.length - 1, 0);
  for (let at = 0; at <= last; at += 1) {
    const spoken = at === 0 && last > 0 ? 0 : Math.min(at + 1, speech.words.length);
    const content = { parts: [{ text: piece(speech.words, at) }], role: "model" };
    const candidate = { content, ...(at === last && { finishReason: finishReason(speech) }), ...surface.candidateFields };
    const usage = { ...speech.usage, outputTokens: speech.usage.reasoningTokens + spoken };
    yield { body: { candidates: [candidate], usageMetadata: usageSoFar(surface, prompt, speech, spoken), ...head }, usage };
  }
}

function* asEvents(chunks: Iterable<Chunk>): Generator<StreamEvent> {
  for (const { body, usage } of chunks) yield { text: eventOf(body), usage };
}

function* inArray(chunks: Iterable<Chunk>): Generator<StreamEvent> {
  let before = "[";
  for (const { body, usage } of chunks) {
    yield { text: `${before}${JSON.stringify(body)}\n`, usage };
    before = ",\r\n";
  }
  yield { text: "]" };
}

function eventOf(body: object): string {
  return `data: ${JSON.stringify(body)}\r\n\r\n`;
}

function finishReason(speech: Speech): string {
  return speech.truncated ? "MAX_TOKENS" : "STOP";
}

/** @param spoken how many words the candidates have so far */
function usageSoFar(surface: Surface, prompt: Prompt, speech: Speech, spoken: number): object {
  const { inputTokens, cachedInputTokens, reasoningTokens } = speech.usage;
  return {
    promptTokenCount: inputTokens,
    ...(spoken > 0 && { candidatesTokenCount: spoken }),
    totalTokenCount: inputTokens + spoken + reasoningTokens,
    ...(cachedInputTokens > 0 && { cachedContentTokenCount: cachedInputTokens, cacheTokensDetails: ofText(cachedInputTokens) }),
    ...surface.usageFields,
    promptTokensDetails: promptDetails(prompt),
    ...(spoken > 0 && { candidatesTokensDetails: ofText(spoken) }),
    ...(reasoningTokens > 0 && { thoughtsTokenCount: reasoningTokens }),
  };
}

function ofText(tokenCount: number): object[] {
  return [{ modality: "TEXT", tokenCount }];
}

function promptDetails(prompt: Prompt): object[] {
  const { inputTokens, audioInputTokens = 0 } = countPrompt(prompt);
  const text = { modality: "TEXT", tokenCount: inputTokens - audioInputTokens };
  return audioInputTokens > 0 ? [text, { modality: "AUDIO", tokenCount: audioInputTokens }] : [text];
}

// The Live API, as Gemini's own API and Vertex AI have it: a setup, then turns of text or audio. Each turn's usage counts the whole
// conversation again, so turns are to be added up. Messages are binary frames of JSON, as Google sends them.
import { isObject, type JsonObject, parseJson, type Session, type SocketEvent, textIn } from "../dialect.ts";
import type { Usage } from "../ledger.ts";
import { audioTokensPerSecond, piece, type Prompt, reasoningTokens, secondsOfAudio, soundOf, speak } from "../speech.ts";
import { field, textOf } from "./contents.ts";

/** 16 bits at 16 kHz, which the Live API wants. */
const heardBytesPerSecond = 32_000;
const audioTokensPerWord = 4;

interface Setup {
  readonly model: string;
  readonly system: string;
  readonly spoken: boolean;
}

/** What the output is called in the usage: Gemini's own API says response, Vertex AI candidates, as in everything else. */
type OutputName = "response" | "candidates";

export class LiveSession implements Session {
  readonly headers = { server: "scaffolding on HTTPServer2" };
  readonly failure: SocketEvent = { close: { code: 1011, reason: "Internal error encountered." } };
  #setup: Setup | null = null;
  /** What has been said and heard so far, by tokens. */
  #turns: string[] = [];
  #audioBytes = 0;
  #heardTokens = 0;
  #spokenTokens = 0;
  readonly #outputName: OutputName;
  readonly #bound: string | null;

  /** @param boundModel the only model that the client's token opens, without `models/`; null for any */
  constructor(outputName: OutputName, boundModel: string | null = null) {
    this.#outputName = outputName;
    this.#bound = boundModel;
  }

  open(): SocketEvent[] {
    return [];
  }

  hear(message: Buffer): Iterable<SocketEvent> {
    const body = parseJson(message.toString("utf8"));
    if (!isObject(body)) return [refused("Request contains an invalid argument.")];
    const setup = field(body, "setup");
    if (isObject(setup)) return this.#begin(setup);
    if (this.#setup === null) return [refused("setup must be the first message and only the first")];
    const content = field(body, "clientContent");
    if (isObject(content)) return this.#takeContent(content);
    const input = field(body, "realtimeInput");
    if (isObject(input)) return this.#takeInput(input);
    return isObject(field(body, "toolResponse")) ? [] : [refused("Request contains an invalid argument.")];
  }

  #begin(setup: JsonObject): SocketEvent[] {
    if (this.#setup !== null) return [refused("setup must be the first message and only the first")];
    const model = textIn(setup, "model").replace(/^.*models\//, "");
    if (model === "") return [refused("model is required")];
    if (model.includes("does-not-exist"))
      return [refused(`models/${model} is not found for API version v1beta, or is not supported for bidiGenerateContent.`, 1008)];
    if (this.#bound !== null && this.#bound !== model)
      return [refused("The model is not the one that the token is constrained to.", 1008)];
    const config = field(setup, "generationConfig");
    const modalities = isObject(config) ? field(config, "responseModalities") : undefined;
    const instruction = field(setup, "systemInstruction");
    this.#setup = {
      model,
      system: isObject(instruction) ? textOf(instruction) : "",
      spoken: !Array.isArray(modalities) || modalities.includes("AUDIO"),
    };
    return [{ ...said({ setupComplete: {} }), model }];
  }

  #takeContent(content: JsonObject): Iterable<SocketEvent> {
    const turns = Array.isArray(content["turns"]) ? content["turns"].filter(isObject) : [];
    this.#turns.push(...turns.map(textOf));
    return field(content, "turnComplete") === true ? this.#answer(turns.length === 0 ? "" : textOf(turns.at(-1) ?? {})) : [];
  }

  /** Text is a turn of its own; audio becomes one when the speaking ends. */
  #takeInput(input: JsonObject): Iterable<SocketEvent> {
    for (const chunk of [field(input, "audio"), field(input, "mediaChunks")].flat()) {
      if (isObject(chunk) && typeof chunk["data"] === "string") this.#audioBytes += Buffer.from(chunk["data"], "base64").length;
    }
    if (typeof input["text"] === "string") {
      this.#turns.push(input["text"]);
      return this.#answer(input["text"]);
    }
    const ended = field(input, "audioStreamEnd") === true || field(input, "activityEnd") !== undefined;
    if (!ended || this.#audioBytes === 0) return [];
    this.#heardTokens += secondsOfAudio(this.#audioBytes, heardBytesPerSecond) * audioTokensPerSecond;
    this.#audioBytes = 0;
    return this.#answer("");
  }

  #answer(lastUser: string): Iterable<SocketEvent> {
    const { model = "", system = "", spoken = true } = this.#setup ?? {};
    const audioTokens = this.#heardTokens + this.#spokenTokens;
    const prompt: Prompt = { system: system === "" ? [] : [system], turns: [...this.#turns], lastUser, audioTokens };
    const thought = model.includes("thinking") ? reasoningTokens : 0;
    const { words, text, usage: inWords } = speak(model, prompt, { maxTokens: null, thinks: false });
    const responseTokens = spoken ? words.length * audioTokensPerWord : words.length;
    if (spoken) this.#spokenTokens += responseTokens;
    else this.#turns.push(text);
    const usage: Usage = {
      ...inWords,
      outputTokens: responseTokens + thought,
      reasoningTokens: thought,
      ...(spoken && { audioOutputTokens: responseTokens }),
    };
    return turnOf(words, spoken, usage, this.#outputName);
  }
}

function* turnOf(words: readonly string[], spoken: boolean, usage: Usage, outputName: OutputName): Generator<SocketEvent> {
  for (const [at, word] of words.entries()) {
    const part = spoken
      ? { inlineData: { mimeType: "audio/pcm;rate=24000", data: soundOf(word).toString("base64") } }
      : { text: piece(words, at) };
    yield said({ serverContent: { modelTurn: { parts: [part] } } });
  }
  yield said({ serverContent: { generationComplete: true } });
  const heard = usage.audioInputTokens ?? 0;
  const modalities = [
    { modality: "TEXT", tokenCount: usage.inputTokens - heard },
    ...(heard > 0 ? [{ modality: "AUDIO", tokenCount: heard }] : []),
  ];
  const responseTokens = usage.outputTokens - usage.reasoningTokens;
  const usageMetadata = {
    promptTokenCount: usage.inputTokens,
    [`${outputName}TokenCount`]: responseTokens,
    // As observed: the total leaves the thoughts out.
    totalTokenCount: usage.inputTokens + responseTokens,
    promptTokensDetails: modalities,
    [`${outputName}TokensDetails`]: [{ modality: spoken ? "AUDIO" : "TEXT", tokenCount: responseTokens }],
    ...(usage.reasoningTokens > 0 && { thoughtsTokenCount: usage.reasoningTokens }),
  };
  yield { ...said({ serverContent: { turnComplete: true }, usageMetadata }), turn: { kind: "turn", usage } };
}

function said(message: object): SocketEvent {
  return { data: Buffer.from(JSON.stringify(message)) };
}

/** The Live API says what is wrong in the reason of its closing, of at most 123 bytes. */
export function refused(reason: string, code = 1007): SocketEvent {
  return { close: { code, reason: reason.slice(0, 120) } };
}

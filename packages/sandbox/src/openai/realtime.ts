// The Realtime API over a WebSocket: items come in, responses go out, each with the whole conversation counted anew. Transcriptions of
// what was heard are billed beside, by their own model.
import {
  type Call,
  isObject,
  type JsonObject,
  parseJson,
  type PlainAnswer,
  type Session,
  type SocketEvent,
  textIn,
} from "../dialect.ts";
import { noTokens, type Usage } from "../ledger.ts";
import { audioTokensPerSecond, countTokens, type Prompt, secondsOfAudio } from "../speech.ts";
import { badRequest, serverErrorBody, vendorHeaders } from "./answers.ts";
import { boundOf } from "./prompt.ts";
import { type Active, tellResponse } from "./realtime-response.ts";

/** 16 bits at 24 kHz. */
const heardBytesPerSecond = 48_000;
const transcript = "Hello there from the byok sandbox.";

/** A session's description at its start. */
export function sessionOf(id: string, model: string | null): JsonObject {
  return {
    type: model === null ? "transcription" : "realtime",
    object: "realtime.session",
    id,
    ...(model !== null && { model }),
    output_modalities: ["audio"],
  };
}

export function openRealtime(call: Call): Session | PlainAnswer {
  const token = call.credential.presented === undefined ? undefined : call.vault.token(call.credential.presented);
  const model = call.query.get("model") ?? token?.constraint ?? null;
  if (model === null && call.query.get("intent") !== "transcription")
    return badRequest(call, "You must provide a model parameter.", "model", "missing_model");
  return new RealtimeSession(call, model);
}

/** Told inside: an error event, then the closing. */
export function refuseInside(call: Call): SocketEvent[] {
  const message = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.";
  const error = { type: "invalid_request_error", code: "invalid_api_key", message, param: null, event_id: null };
  return [
    {
      data: JSON.stringify({ type: "error", event_id: `event_${call.sequence}_1`, error }),
      close: { code: 3000, reason: "invalid_request_error.invalid_api_key" },
    },
  ];
}

/** The subprotocol in which a browser, which can send no headers, puts its key. */
export const keyProtocol = "openai-insecure-api-key.";

interface Item {
  readonly id: string;
  readonly role: string;
  readonly text: string;
  readonly audioTokens: number;
}

class RealtimeSession implements Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol?: string;
  readonly model?: string;
  readonly failure: SocketEvent;
  readonly #model: string;
  readonly #sequence: number;
  readonly #outOfMoney: boolean;
  #session: JsonObject;
  #items: Item[] = [];
  #heardBytes = 0;
  #count = 0;
  #active: Active = { cancelled: false, done: true };

  constructor(call: Call, model: string | null) {
    this.headers = vendorHeaders(call);
    if (/(^|,)\s*realtime\s*(,|$)/.test(call.headers["sec-websocket-protocol"] ?? "")) this.protocol = "realtime";
    if (model !== null) this.model = model;
    this.#model = model ?? "";
    this.#sequence = call.sequence;
    this.#outOfMoney = call.fault.kind === "no_quota";
    this.#session = sessionOf(`sess_sandbox${String(call.sequence).padStart(6, "0")}`, model);
    this.failure = { ...this.#error("server_error", null, serverErrorBody.message, null), close: { code: 1011, reason: "" } };
  }

  open(): SocketEvent[] {
    if (!this.#model.includes("does-not-exist")) return [this.#event("session.created", { session: this.#session })];
    const error = this.#error(
      "invalid_request_error",
      "model_not_found",
      `The model \`${this.#model}\` does not exist or you do not have access to it.`,
      null,
    );
    return [{ ...error, close: { code: 3000, reason: "invalid_request_error.model_not_found" } }];
  }

  hear(message: Buffer): Iterable<SocketEvent> {
    const body = parseJson(message.toString("utf8"));
    if (!isObject(body))
      return [this.#error("invalid_request_error", "invalid_json", "We could not parse the JSON body of your event.", null)];
    switch (body["type"]) {
      case "session.update":
        this.#session = { ...this.#session, ...(isObject(body["session"]) ? body["session"] : {}) };
        return [this.#event("session.updated", { session: this.#session })];
      case "conversation.item.create":
        return this.#addItem(isObject(body["item"]) ? body["item"] : {});
      case "input_audio_buffer.append":
        this.#heardBytes += Buffer.from(textIn(body, "audio"), "base64").length;
        return [];
      case "input_audio_buffer.clear":
        this.#heardBytes = 0;
        return [this.#event("input_audio_buffer.cleared", {})];
      case "input_audio_buffer.commit":
        return this.#commit(textIn(body, "event_id") || null);
      case "response.create":
        return this.#respond(isObject(body["response"]) ? body["response"] : {}, textIn(body, "event_id") || null);
      case "response.cancel":
        return this.#cancel(textIn(body, "event_id") || null);
      default:
        return [
          this.#error(
            "invalid_request_error",
            "invalid_value",
            `Invalid value: '${textIn(body, "type")}'.`,
            textIn(body, "event_id") || null,
          ),
        ];
    }
  }

  #addItem(item: JsonObject): SocketEvent[] {
    const content = Array.isArray(item["content"]) ? item["content"].filter(isObject) : [];
    const audioBytes = content.reduce((total, part) => total + Buffer.from(textIn(part, "audio"), "base64").length, 0);
    const added: Item = {
      id: textIn(item, "id") || this.#id("item"),
      role: textIn(item, "role") || "user",
      text: content
        .map((part) => textIn(part, "text"))
        .filter((text) => text !== "")
        .join("\n"),
      audioTokens: audioBytes === 0 ? 0 : tokensOfAudio(audioBytes),
    };
    this.#items.push(added);
    const described = { object: "realtime.item", status: "completed", ...item, id: added.id };
    return [
      this.#event("conversation.item.added", { item: described }),
      this.#event("conversation.item.done", { item: described }),
    ];
  }

  #commit(eventId: string | null): SocketEvent[] {
    if (this.#heardBytes === 0)
      return [
        this.#error(
          "invalid_request_error",
          "input_audio_buffer_commit_empty",
          "Error committing input audio buffer: the buffer is empty.",
          eventId,
        ),
      ];
    const seconds = secondsOfAudio(this.#heardBytes, heardBytesPerSecond);
    const item: Item = { id: this.#id("item"), role: "user", text: "", audioTokens: tokensOfAudio(this.#heardBytes) };
    this.#heardBytes = 0;
    this.#items.push(item);
    const described = {
      id: item.id,
      object: "realtime.item",
      type: "message",
      status: "completed",
      role: "user",
      content: [{ type: "input_audio", transcript: null }],
    };
    const committed = [
      this.#event("input_audio_buffer.committed", { item_id: item.id, previous_item_id: this.#items.at(-2)?.id ?? null }),
      this.#event("conversation.item.added", { item: described }),
    ];
    const model = this.#transcribesWith();
    return model === null ? committed : [...committed, this.#transcribed(item.id, model, seconds)];
  }

  /** Null when the session does not transcribe what it hears. */
  #transcribesWith(): string | null {
    const audio = this.#session["audio"];
    const input = isObject(audio) && isObject(audio["input"]) ? audio["input"] : {};
    const transcription = input["transcription"];
    if (isObject(transcription)) return textIn(transcription, "model") || "gpt-4o-mini-transcribe";
    return this.#session["type"] === "transcription" ? "gpt-4o-mini-transcribe" : null;
  }

  #transcribed(itemId: string, model: string, seconds: number): SocketEvent {
    const byDuration = model === "whisper-1" || model === "gpt-transcribe";
    const inputTokens = seconds * audioTokensPerSecond;
    const outputTokens = countTokens(transcript);
    const told = byDuration
      ? { type: "duration", seconds }
      : {
          type: "tokens",
          total_tokens: inputTokens + outputTokens,
          input_tokens: inputTokens,
          input_token_details: { text_tokens: 0, audio_tokens: inputTokens },
          output_tokens: outputTokens,
        };
    const usage: Usage = byDuration
      ? { ...noTokens, audioSeconds: seconds }
      : { ...noTokens, inputTokens, outputTokens, audioInputTokens: inputTokens };
    const event = this.#event("conversation.item.input_audio_transcription.completed", {
      item_id: itemId,
      content_index: 0,
      transcript,
      usage: told,
    });
    return { ...event, turn: { kind: "transcription", model, usage } };
  }

  #respond(options: JsonObject, eventId: string | null): Iterable<SocketEvent> {
    if (!this.#active.done) {
      return [
        this.#error(
          "invalid_request_error",
          "conversation_already_has_active_response",
          "Conversation already has an active response in progress.",
          eventId,
        ),
      ];
    }
    this.#active = { cancelled: false, done: false };
    return this.#tell(options, this.#active, [...this.#items]);
  }

  #cancel(eventId: string | null): SocketEvent[] {
    if (this.#active.done)
      return [
        this.#error(
          "invalid_request_error",
          "response_cancel_not_active",
          "Cancellation failed: no active response found",
          eventId,
        ),
      ];
    this.#active.cancelled = true;
    return [];
  }

  /** Starts to be told when its turn comes; what is said of it afterwards is part of the conversation. */
  *#tell(options: JsonObject, active: Active, items: readonly Item[]): Generator<SocketEvent> {
    const modalities = options["output_modalities"] ?? this.#session["output_modalities"];
    const itemId = this.#id("item");
    const said = yield* tellResponse(
      {
        id: this.#id("resp"),
        itemId,
        model: this.#model,
        prompt: this.#prompt(options, items),
        spoken: !Array.isArray(modalities) || modalities.includes("audio"),
        bound: boundOf(options, "max_output_tokens") ?? boundOf(this.#session, "max_output_tokens"),
        outOfMoney: this.#outOfMoney,
      },
      active,
      (type, fields) => this.#event(type, fields),
    );
    if (said !== null) this.#items.push({ id: itemId, role: "assistant", ...said });
  }

  #prompt(options: JsonObject, items: readonly Item[]): Prompt {
    const instructions = textIn(options, "instructions") || textIn(this.#session, "instructions");
    const system = [instructions, ...items.filter((item) => item.role === "system").map((item) => item.text)].filter(
      (text) => text !== "",
    );
    const turns = items.filter((item) => item.role !== "system").map((item) => item.text);
    const lastUser = items.findLast((item) => item.role === "user")?.text ?? "";
    return { system, turns, lastUser, audioTokens: items.reduce((total, item) => total + item.audioTokens, 0) };
  }

  #error(type: string, code: string | null, message: string, eventId: string | null): SocketEvent {
    return this.#event("error", { error: { type, code, message, param: null, event_id: eventId } });
  }

  #event(type: string, fields: object): SocketEvent {
    return { data: JSON.stringify({ type, event_id: this.#id("event"), ...fields }) };
  }

  #id(prefix: string): string {
    this.#count += 1;
    return `${prefix}_${this.#sequence}_${this.#count}`;
  }
}

function tokensOfAudio(bytes: number): number {
  return secondsOfAudio(bytes, heardBytesPerSecond) * audioTokensPerSecond;
}

// /v1/listen as a WebSocket: audio comes in, a word a second goes out, and the metadata at the end says how long it all was.
import { createHash } from "node:crypto";
import { type Call, isObject, parseJson, type PlainAnswer, type Session, type SocketEvent } from "../dialect.ts";
import { noTokens } from "../ledger.ts";
import { vendorHeaders } from "./answers.ts";
import { durationOf, noSuchModel, wordAt } from "./listen.ts";
import { protocolOf } from "./handshake.ts";
import { noteUse } from "./usage-book.ts";
import { modelInfo, uuidOf } from "./voices.ts";

/** Raw samples are as long as they are said to be; anything else is taken for telephone audio. */
function bytesPerSecond(query: URLSearchParams): number {
  const rate = Number(query.get("sample_rate") ?? 16_000) || 16_000;
  const channels = Number(query.get("channels") ?? 1) || 1;
  if (query.get("encoding") === "linear16") return rate * 2 * channels;
  return query.get("encoding") === "mulaw" || query.get("encoding") === "alaw" ? rate * channels : 16_000;
}

export function openListen(call: Call): Session | PlainAnswer {
  const model = call.query.get("model") ?? "nova-3";
  return model.includes("does-not-exist") ? noSuchModel(call) : new ListenSession(call, model);
}

class ListenSession implements Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly model: string;
  readonly protocol?: string;
  readonly failure: SocketEvent;
  readonly #call: Call;
  readonly #perSecond: number;
  readonly #hash = createHash("sha256");
  readonly #use: { seconds: number };
  #bytes = 0;
  #toldBytes = 0;
  #results = 0;

  constructor(call: Call, model: string) {
    this.#call = call;
    this.#perSecond = bytesPerSecond(call.query);
    this.#use = noteUse(call, "listen", {});
    this.model = model;
    this.headers = vendorHeaders(call);
    const protocol = protocolOf(call);
    if (protocol !== undefined) this.protocol = protocol;
    const description = "The server encountered an unexpected error.";
    this.failure = {
      data: JSON.stringify({
        type: "Error",
        variant: "INTERNAL_SERVER_ERROR",
        description,
        message: description,
        request_id: call.requestId,
      }),
      close: { code: 1011, reason: "NET-0000" },
    };
  }

  open(): SocketEvent[] {
    return [];
  }

  hear(message: Buffer, binary: boolean): SocketEvent[] {
    if (binary) return message.length === 0 ? this.#end() : this.#take(message);
    const body = parseJson(message.toString("utf8"));
    switch (isObject(body) ? body["type"] : undefined) {
      case "KeepAlive":
        return [];
      case "Finalize":
        return this.#rest(true);
      case "CloseStream":
        return this.#end();
      default:
        return [{ close: { code: 1008, reason: "DATA-0000" } }];
    }
  }

  #take(audio: Buffer): SocketEvent[] {
    this.#bytes += audio.length;
    this.#hash.update(audio);
    const results: SocketEvent[] = [];
    while (this.#bytes - this.#toldBytes >= this.#perSecond) results.push(this.#result(this.#perSecond, false));
    return results;
  }

  /** What came since the last whole second. */
  #rest(asked: boolean): SocketEvent[] {
    const left = this.#bytes - this.#toldBytes;
    return left > 0 || asked ? [this.#result(left, asked)] : [];
  }

  #end(): SocketEvent[] {
    const rest = this.#rest(false);
    const duration = this.#bytes === 0 ? 0 : durationOf(this.#bytes, this.#perSecond);
    const channels = Number(this.#call.query.get("channels") ?? 1) || 1;
    this.#use.seconds = duration * channels;
    const metadata = {
      type: "Metadata",
      transaction_key: "deprecated",
      request_id: this.#call.requestId,
      sha256: this.#hash.digest("hex"),
      created: this.#call.at.toISOString(),
      duration,
      channels,
      models: [uuidOf(this.model)],
      model_info: { [uuidOf(this.model)]: modelInfo(this.model) },
    };
    const turn = { kind: "stream", usage: { ...noTokens, audioSeconds: duration } };
    return [...rest, { data: JSON.stringify(metadata), turn, close: { code: 1000, reason: "" } }];
  }

  /** Tells the next so many bytes, in a word. */
  #result(bytes: number, finalized: boolean): SocketEvent {
    const start = this.#toldBytes / this.#perSecond;
    const words = bytes === 0 ? [] : [wordAt(this.#results, start)];
    this.#toldBytes += bytes;
    this.#results += words.length;
    return {
      data: JSON.stringify({
        type: "Results",
        channel_index: [0, 1],
        duration: bytes === 0 ? 0 : durationOf(bytes, this.#perSecond),
        start,
        is_final: true,
        speech_final: false,
        from_finalize: finalized,
        channel: {
          alternatives: [
            { transcript: words.map((each) => each.word).join(" "), confidence: words.length === 0 ? 0 : 0.9991, words },
          ],
        },
        metadata: { request_id: this.#call.requestId, model_info: modelInfo(this.model), model_uuid: uuidOf(this.model) },
      }),
    };
  }
}

// The Voice Agent: settings first, then a conversation by voice or by injected text. Its messages tell no usage at all: the vendor
// bills how long the connection is open, which the ledger's entry has as the time between its start and its end.
import { type Call, isObject, type JsonObject, parseJson, type Session, type SocketEvent, textIn } from "../dialect.ts";
import { soundOf, speak } from "../speech.ts";
import { vendorHeaders } from "./answers.ts";
import { protocolOf } from "./handshake.ts";
import { transcript } from "./listen.ts";
import { noteUse } from "./usage-book.ts";

/** So much audio is taken for one thing said. */
const secondsSaid = 3;

export function openAgent(call: Call): Session {
  return new AgentSession(call);
}

class AgentSession implements Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol?: string;
  readonly failure: SocketEvent = {
    data: JSON.stringify({
      type: "Error",
      description: "We failed to reach the think provider with the credentials supplied.",
      code: "FAILED_TO_THINK",
    }),
    close: { code: 1011, reason: "" },
  };
  readonly #call: Call;
  readonly #use: { seconds: number };
  #model: string | null = null;
  #perSecond = 32_000;
  #bytes = 0;

  constructor(call: Call) {
    this.#call = call;
    this.#use = noteUse(call, "agent", {});
    this.headers = vendorHeaders(call);
    const protocol = protocolOf(call);
    if (protocol !== undefined) this.protocol = protocol;
  }

  open(): SocketEvent[] {
    return [said({ type: "Welcome", request_id: this.#call.requestId })];
  }

  hear(message: Buffer, binary: boolean): SocketEvent[] {
    if (binary) return this.#take(message);
    const body = parseJson(message.toString("utf8"));
    if (!isObject(body)) return [wrong("UNPARSABLE_CLIENT_MESSAGE", "The message could not be parsed.")];
    if (body["type"] === "KeepAlive") return [];
    if (body["type"] === "Settings") return this.#settle(body);
    if (this.#model === null) return [wrong("SETTINGS_REQUIRED", "Settings must be the first message.")];
    const updated = updates.get(textIn(body, "type"));
    if (updated !== undefined) return [said({ type: updated })];
    switch (body["type"]) {
      case "InjectUserMessage":
        return this.#answer(textIn(body, "content"), []);
      case "InjectAgentMessage":
        return spoken(textIn(body, "message"));
      case "ForceEndTurn":
        return this.#bytes === 0 ? [] : this.#answerHeard([]);
      default:
        return [wrong("UNPARSABLE_CLIENT_MESSAGE", "The message is of no known type.")];
    }
  }

  closed(at: Date): void {
    this.#use.seconds = Math.max(0, (at.getTime() - this.#call.at.getTime()) / 1000);
  }

  #settle(settings: JsonObject): SocketEvent[] {
    if (this.#model !== null) return [wrong("SETTINGS_ALREADY_APPLIED", "Settings have already been applied.")];
    const agent = isObject(settings["agent"]) ? settings["agent"] : {};
    const think = isObject(agent["think"]) ? agent["think"] : {};
    const provider = isObject(think["provider"]) ? think["provider"] : {};
    const input = isObject(settings["audio"]) && isObject(settings["audio"]["input"]) ? settings["audio"]["input"] : {};
    this.#model = textIn(provider, "model") || "gpt-4o-mini";
    if (typeof input["sample_rate"] === "number")
      this.#perSecond = input["sample_rate"] * (input["encoding"] === "linear16" ? 2 : 1);
    const greeting = textIn(agent, "greeting");
    return [{ ...said({ type: "SettingsApplied" }), model: this.#model }, ...(greeting === "" ? [] : spoken(greeting))];
  }

  #take(audio: Buffer): SocketEvent[] {
    if (this.#model === null) return [];
    const started = this.#bytes === 0 ? [said({ type: "UserStartedSpeaking" })] : [];
    this.#bytes += audio.length;
    return this.#bytes >= secondsSaid * this.#perSecond ? this.#answerHeard(started) : started;
  }

  #answerHeard(before: SocketEvent[]): SocketEvent[] {
    this.#bytes = 0;
    return this.#answer(transcript.join(" "), before);
  }

  #answer(heard: string, before: SocketEvent[]): SocketEvent[] {
    const { text } = speak(
      this.#model ?? "",
      { system: [], turns: [heard], lastUser: heard },
      { maxTokens: null, thinks: false },
    );
    return [...before, said({ type: "ConversationText", role: "user", content: heard }), ...spoken(text)];
  }
}

const updates = new Map([
  ["UpdatePrompt", "PromptUpdated"],
  ["UpdateSpeak", "SpeakUpdated"],
  ["UpdateThink", "ThinkUpdated"],
  ["UpdateListen", "ListenUpdated"],
]);

/** What the agent says: its text, then its sound in binary frames. */
function spoken(text: string): SocketEvent[] {
  return [
    said({ type: "ConversationText", role: "assistant", content: text }),
    said({ type: "AgentStartedSpeaking", total_latency: 0.9, tts_latency: 0.3, ttt_latency: 0.5 }),
    ...text.split(" ").map((word) => ({ data: soundOf(word) })),
    said({ type: "AgentAudioDone" }),
  ];
}

function said(message: object): SocketEvent {
  return { data: JSON.stringify(message) };
}

function wrong(code: string, description: string): SocketEvent {
  return said({ type: "Error", description, code });
}

// The catalogue of models, which is for everybody and proves no key; and what answers say of the model that they came from.
import { createHash } from "node:crypto";
import type { Answer, Call } from "../dialect.ts";
import { refusal, told } from "./answers.ts";

const listening = ["nova-3", "nova-2", "whisper-large"];
const speaking = ["aura-2-thalia-en", "aura-2-apollo-en", "aura-asteria-en"];

/** The same for the same name. */
export function uuidOf(name: string): string {
  const digest = createHash("sha256").update(name).digest("hex");
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

export function modelInfo(model: string): { name: string; version: string; arch: string } {
  return { name: `general-${model}`, version: "2025-07-31.0", arch: model };
}

export function listModels(call: Call): Answer {
  const stt = listening.map((name) => ({
    name: "general",
    canonical_name: name,
    architecture: name,
    languages: ["en", "en-us"],
    version: "2025-07-31.0",
    uuid: uuidOf(name),
    batch: true,
    streaming: true,
    formatted_output: true,
  }));
  const tts = speaking.map((name) => ({
    name: name.split("-").at(-2),
    canonical_name: name,
    architecture: name.startsWith("aura-2") ? "aura-2" : "aura",
    languages: ["en", "en-US"],
    version: "2025-04-07.0",
    uuid: uuidOf(name),
    metadata: { accent: "American", tags: ["feminine"] },
  }));
  return told(call, { stt, tts });
}

export function readModel(call: Call): Answer {
  const name = [...listening, ...speaking].find((each) => uuidOf(each) === call.params[0]);
  if (name === undefined) return refusal(call, 404, "MODEL_NOT_FOUND", "Model not found.");
  return told(call, { name, canonical_name: name, uuid: call.params[0] });
}

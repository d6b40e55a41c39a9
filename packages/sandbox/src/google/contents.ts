// Reads what Google's generating methods have in common out of a request: its texts, its audio, its bounds.
import { isObject, type JsonObject } from "../dialect.ts";
import { audioTokensPerSecond, type Prompt, secondsOfAudio } from "../speech.ts";

/** Both spellings are taken, as Google's JSON takes both. */
export function field(body: JsonObject, name: string): unknown {
  return body[name] ?? body[name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
}

export function promptOf(contents: readonly unknown[], systemInstruction: unknown): Prompt {
  const turns: string[] = [];
  let lastUser = "";
  let audioTokens = 0;
  for (const content of contents) {
    if (!isObject(content)) continue;
    const text = textOf(content);
    turns.push(text);
    audioTokens += audioTokensOf(content);
    if ((content["role"] ?? "user") === "user") lastUser = text;
  }
  const system =
    typeof systemInstruction === "string" ? systemInstruction : isObject(systemInstruction) ? textOf(systemInstruction) : "";
  return { system: system === "" ? [] : [system], turns, lastUser, audioTokens };
}

export function textOf(content: JsonObject): string {
  return partsOf(content)
    .map((part) => (typeof part["text"] === "string" ? part["text"] : ""))
    .filter((text) => text !== "")
    .join("\n");
}

/** The models that think before they speak: those of 2.5 and later, unless told not to. */
export function thinks(model: string, config: JsonObject): boolean {
  const thinking = field(config, "thinkingConfig");
  if (isObject(thinking) && field(thinking, "thinkingBudget") === 0) return false;
  return /gemini-(2\.5|[3-9])/.test(model) && !model.includes("lite");
}

export function boundOf(config: JsonObject): number | null {
  const bound = field(config, "maxOutputTokens");
  return typeof bound === "number" && bound >= 0 ? Math.floor(bound) : null;
}

function audioTokensOf(content: JsonObject): number {
  return partsOf(content).reduce((total, part) => {
    const data = field(part, "inlineData");
    if (!isObject(data) || typeof data["data"] !== "string" || !String(field(data, "mimeType")).startsWith("audio/"))
      return total;
    return total + secondsOfAudio(Buffer.from(data["data"], "base64").length) * audioTokensPerSecond;
  }, 0);
}

function partsOf(content: JsonObject): JsonObject[] {
  const parts = content["parts"];
  return (Array.isArray(parts) ? parts : [parts]).filter(isObject);
}

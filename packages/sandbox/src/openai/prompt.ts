// Reads what OpenAI's generating routes have in common out of a request: its texts, its bound, whether the model thinks.
import { isObject, type JsonObject } from "../dialect.ts";
import type { Prompt } from "../speech.ts";

/** Models that spend tokens on thinking: the o series, and gpt-5 and later. */
export function thinks(model: string): boolean {
  return /^(o\d|gpt-([5-9]|\d\d))/.test(model);
}

/** The texts of chat messages, or of a Responses `input` list, which differs only in the names of its parts. */
export function promptOf(messages: readonly unknown[], instructions: readonly string[] = []): Prompt {
  const system = [...instructions];
  const turns: string[] = [];
  let lastUser = "";
  for (const message of messages) {
    if (!isObject(message)) continue;
    const text = textOf(message);
    if (message["role"] === "system" || message["role"] === "developer") system.push(text);
    else turns.push(text);
    if (message["role"] === "user") lastUser = text;
  }
  return { system, turns, lastUser };
}

function textOf(message: JsonObject): string {
  const content = message["content"] ?? message["output"];
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .filter((text) => text !== "")
    .join("\n");
}

/** A bound on output tokens; null when none is set. */
export function boundOf(body: JsonObject, ...names: string[]): number | null {
  for (const name of names) {
    const value = body[name];
    if (typeof value === "number" && value >= 0) return Math.floor(value);
  }
  return null;
}

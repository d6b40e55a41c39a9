/** Reads what vendors send without trusting its shape. */
import { createParser } from "eventsource-parser";

export type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** The object, or undefined where the value is something else. */
export function object(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The JSON object that the text is; undefined where it is none. What `JSON.parse` says is dropped, since it quotes its input. */
export function parseObject(json: string): JsonObject | undefined {
  if (!/^\s*\{/.test(json)) return undefined;
  try {
    return object(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** The objects of an answer: its JSON body, or the data of each event where it is a stream of events. */
export function answerObjects(body: string): JsonObject[] {
  const whole = parseObject(body);
  if (whole) return [whole];
  const objects: JsonObject[] = [];
  const parser = createParser({
    onEvent({ data }) {
      const event = parseObject(data);
      if (event) objects.push(event);
    },
  });
  parser.feed(body.endsWith("\n\n") ? body : `${body}\n\n`);
  return objects;
}

/** Reads what vendors send without trusting its shape. */
import { createParser } from "eventsource-parser";

export type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** The object, or undefined where the value is something else. */
export function object(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** The objects that an array holds; none where the value is no array. */
export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
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

/** The JSON objects that the text is an array of; empty where it is none. */
function parseArray(json: string): JsonObject[] {
  if (!/^\s*\[/.test(json)) return [];
  try {
    return objects(JSON.parse(json));
  } catch {
    return [];
  }
}

/** The objects of an answer: its JSON body, what an array holds, or the data of each event where it is a stream of events. */
export function answerObjects(body: string): JsonObject[] {
  const whole = parseObject(body);
  if (whole) return [whole];
  const several = parseArray(body);
  if (several.length > 0) return several;
  const events: JsonObject[] = [];
  const parser = createParser({
    onEvent({ data }) {
      const event = parseObject(data);
      if (event) events.push(event);
    },
  });
  parser.feed(body.endsWith("\n\n") ? body : `${body}\n\n`);
  return events;
}

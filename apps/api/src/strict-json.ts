/**
 * JSON that means one thing to every reader. `JSON.parse` lets the last of two equal names win, so that a check and a use
 * could read two different values; and it takes any depth. Here both are refused, with bounds on what a body may hold.
 */
import { HttpError } from "./http-error.ts";

const mostDepth = 32;
/** Names and items of one object or array. */
const mostMembers = 1_000;

/**
 * The value of a JSON text. `wrapping`: levels that the transport adds around the caller's own value.
 *
 * @throws HttpError 400 it is no UTF-8, no JSON, has a name twice, is deeper than 32 levels or longer than 1,000 members
 */
export function requireStrictJson(bytes: Uint8Array, wrapping = 0): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may hold a secret.
    throw new HttpError(400, "The request is not valid JSON in UTF-8.");
  }
  const fault = faultOf(text, mostDepth + wrapping);
  if (fault) throw new HttpError(400, fault);
  return value;
}

interface Level {
  /** Undefined in an array. */
  names: Set<string> | undefined;
  members: number;
}

// A string is matched without an alternative inside the loop, so that a megabyte of text needs no backtracking.
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]/g;

/** One pass over the tokens of a text that is known to be JSON: what parsing it lets through and we do not. */
function faultOf(text: string, depth: number): string | undefined {
  const levels: Level[] = [];
  let expectsName = false;
  for (const [found] of text.matchAll(token)) {
    const level = levels.at(-1);
    if (found === "{" || found === "[") {
      if (levels.length === depth) return `The request is nested deeper than ${mostDepth} levels.`;
      levels.push({ names: found === "{" ? new Set() : undefined, members: 0 });
      expectsName = found === "{";
    } else if (found === "}" || found === "]") {
      levels.pop();
      expectsName = false;
    } else if (found === ",") {
      if (level && ++level.members >= mostMembers) return `The request has more than ${mostMembers} members in one object or list.`;
      expectsName = level?.names !== undefined;
    } else if (found !== ":" && expectsName && level?.names) {
      expectsName = false;
      const name = JSON.parse(found) as string;
      if (level.names.has(name)) return "The request names one field twice.";
      level.names.add(name);
    }
  }
  return undefined;
}

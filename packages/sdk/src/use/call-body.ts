/** What a call's body says, read from the very bytes that are sent: rules are decided on nothing else. */
import { InvalidInputError } from "@stack-2025/byok-crypto";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The body as a JSON object; undefined where it is none. Whatever its type is called: a vendor may read JSON all the same.
 *
 * @throws InvalidInputError a top-level name stands twice: two readers could take two different values
 */
export function jsonObject(body: unknown): JsonObject | undefined {
  if (!(body instanceof Uint8Array) || !beginsAsObject(body)) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // The provider says what is wrong with it, in the words that its SDK knows.
  }
  requireNamesOnce(text);
  return parsed as JsonObject;
}

/** The `model` of a multipart form (transcriptions); undefined where the body is no form or names none. RFC 7578. */
export function formModel(body: unknown, contentType: string | undefined): string | undefined {
  if (!(body instanceof Uint8Array) || !/^multipart\/form-data/i.test(contentType ?? "")) return undefined;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  const values = [...bytes.matchAll(/content-disposition:[^\r\n]*;\s*name="?model"?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{0,200})\r\n/gi)].map((found) => found[1] ?? "");
  if (new Set(values).size > 1) throw twice("model");
  return values[0];
}

function beginsAsObject(body: Uint8Array): boolean {
  for (const byte of body) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return byte === 0x7b;
  return false;
}

// A string is matched without an alternative inside the loop, so that a megabyte of text needs no backtracking.
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]/g;

function requireNamesOnce(text: string): void {
  const names = new Set<string>();
  let depth = 0;
  let expectsName = false;
  for (const [found] of text.matchAll(token)) {
    if (found === "{" || found === "[") {
      depth += 1;
      expectsName = depth === 1;
    } else if (found === "}" || found === "]") {
      depth -= 1;
      expectsName = false;
    } else if (depth !== 1) continue;
    else if (found === ",") expectsName = true;
    else if (expectsName && found !== ":") {
      expectsName = false;
      const name = JSON.parse(found) as string;
      if (names.has(name)) throw twice(name.slice(0, 50));
      names.add(name);
    }
  }
}

function twice(name: string): InvalidInputError {
  return new InvalidInputError(`body: names ${JSON.stringify(name)} twice; send it once`, { issues: [{ path: "body", message: "has a name twice" }] });
}

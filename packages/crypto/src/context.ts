/**
 * How several values become one run of bytes that no other values give: each is preceded by its length. What is authenticated
 * without that can be shifted from one field into the next ("ab" + "c" = "a" + "bc").
 */
import type { Label } from "./labels.ts";

/** Text as UTF-8, a whole number from 0 to 2^32-1 as 4 bytes, bytes as they are. */
export type Field = string | number | Uint8Array;

/** Node refuses an HKDF `info` of more, and so do we everywhere. */
const contextLimitBytes = 1024;

const utf8 = new TextEncoder();

/**
 * Every field behind its length (4 bytes, big-endian).
 *
 * @throws RangeError on a number out of range, and on text with a lone surrogate, whose UTF-8 would be that of other text
 */
export function lengthPrefixed(...fields: Field[]): Uint8Array {
  let most = 0;
  for (const field of fields) most += 4 + (typeof field === "number" ? 4 : typeof field === "string" ? field.length * 3 : field.length);
  const bytes = new Uint8Array(most);
  const view = new DataView(bytes.buffer);
  let end = 0;
  for (const field of fields) {
    const start = end + 4;
    if (typeof field === "string") {
      end = start + writeText(field, bytes, start);
    } else if (typeof field === "number") {
      view.setUint32(start, requireUint32(field));
      end = start + 4;
    } else {
      bytes.set(field, start);
      end = start + field.length;
    }
    view.setUint32(start - 4, end - start);
  }
  return bytes.subarray(0, end);
}

/**
 * What an envelope is bound to: its purpose and its place. It is both the HKDF info and the additional data of the cipher.
 *
 * @throws RangeError where it would be 1,024 bytes or more
 */
export function contextOf(label: Label, ...fields: Field[]): Uint8Array {
  const context = lengthPrefixed(label, ...fields);
  if (context.length >= contextLimitBytes) throw new RangeError(`A context is under ${contextLimitBytes} bytes, not ${context.length}.`);
  return context;
}

/** Most fields are short ids, for which a loop is several times faster than the encoder. */
function writeText(text: string, bytes: Uint8Array, start: number): number {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x80) {
      if (!text.isWellFormed()) throw new RangeError("Text with a lone surrogate has no encoding of its own.");
      return utf8.encodeInto(text, bytes.subarray(start)).written;
    }
    bytes[start + at] = code;
  }
  return text.length;
}

function requireUint32(value: number): number {
  if (value >>> 0 !== value) throw new RangeError(`A whole number from 0 to 4294967295 was expected, not ${value}.`);
  return value;
}

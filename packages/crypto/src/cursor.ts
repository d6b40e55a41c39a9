/**
 * Where a list goes on, as text that only this installation can have written and that holds for one owner and one filter.
 * The position is readable to whoever decodes it, so it holds nothing that the page before did not show.
 */
import { lengthPrefixed } from "./context.ts";
import { base64url, fromBase64url } from "./encoding.ts";
import { engine } from "./engine.ts";
import type { WrapKey } from "./installation-key.ts";
import { labels } from "./labels.ts";

const version = 1;
const keyVersionAt = 1;
const macAt = 5;
const payloadAt = macAt + 32;
/** Beyond this nobody's cursor is ours; it bounds what a forger can make us decode. */
const mostCharacters = 4096;

/** @param binding what the cursor holds for: owner, list and filter in one canonical text */
export function sealCursor(cursorKey: WrapKey, binding: string, payload: string): string {
  const bytes = new TextEncoder().encode(payload);
  const cursor = new Uint8Array(payloadAt + bytes.length);
  cursor[0] = version;
  new DataView(cursor.buffer).setUint32(keyVersionAt, cursorKey.version);
  cursor.set(cursorMac(cursorKey, binding, bytes), macAt);
  cursor.set(bytes, payloadAt);
  return base64url(cursor);
}

/** The payload; undefined where the cursor is cut, forged, or of another owner, filter, key or installation. */
export function openCursor(cursorKey: WrapKey, binding: string, cursor: string): string | undefined {
  if (cursor.length > mostCharacters) return undefined;
  const bytes = fromBase64url(cursor);
  if (bytes === undefined || bytes.length < payloadAt || bytes[0] !== version) return undefined;
  if (new DataView(bytes.buffer).getUint32(keyVersionAt) !== cursorKey.version) return undefined;
  const payload = bytes.subarray(payloadAt);
  if (!engine.equalBytes(cursorMac(cursorKey, binding, payload), bytes.subarray(macAt, payloadAt))) return undefined;
  return new TextDecoder().decode(payload);
}

function cursorMac(cursorKey: WrapKey, binding: string, payload: Uint8Array): Uint8Array {
  return engine.hmac(cursorKey.key, lengthPrefixed(labels.cursor, version, cursorKey.version, binding, payload));
}

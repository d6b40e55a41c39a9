import { createParser } from "eventsource-parser";
import type { StreamEvent } from "@stack-2025/byok-providers";

/** An event larger than this is passed on unread: memory is bounded, and no provider's usage is that long. */
const largestEvent = 1_048_576;

/** A piece of a stream: bytes as they came, and the event that they end, where they end one. */
export interface Piece {
  bytes: Buffer;
  event: StreamEvent | null;
}

const lf = 0x0a;
const cr = 0x0d;

/**
 * Cuts a `text/event-stream` where its events end, so that an event can be held back or taken out with its exact bytes.
 * What an event says is the parser library's to read (WHATWG HTML, "Server-sent events").
 */
export class SseSplitter {
  #carry: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): Piece[] {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const pieces: Piece[] = [];
    let from = 0;
    for (let end = endOfEvent(bytes, from); end !== -1; end = endOfEvent(bytes, from)) {
      pieces.push({ bytes: bytes.subarray(from, end), event: read(bytes.subarray(from, end)) });
      from = end;
    }
    const rest = bytes.subarray(from);
    if (rest.length > largestEvent) {
      pieces.push({ bytes: rest, event: null });
      this.#carry = Buffer.alloc(0);
    } else {
      // Copied: a slice would keep the socket's whole buffer alive.
      this.#carry = Buffer.from(rest);
    }
    return pieces;
  }

  /** What is left when the stream ends: bytes that no blank line has closed. */
  end(): Piece[] {
    const rest = this.#carry;
    this.#carry = Buffer.alloc(0);
    return rest.length > 0 ? [{ bytes: rest, event: read(Buffer.concat([rest, Buffer.from("\n\n")])) }] : [];
  }
}

/** The index behind the blank line that ends the event which begins at `from`; -1: it has not ended yet. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(lf, from); at !== -1; at = bytes.indexOf(lf, at + 1)) {
    const next = bytes[at + 1];
    if (next === lf) return at + 2;
    if (next === cr && bytes[at + 2] === lf) return at + 3;
  }
  return -1;
}

function read(bytes: Buffer): StreamEvent | null {
  let found: StreamEvent | null = null;
  const parser = createParser({ onEvent: (event) => (found = { event: event.event, data: event.data }) });
  parser.feed(bytes.toString("utf8"));
  return found;
}

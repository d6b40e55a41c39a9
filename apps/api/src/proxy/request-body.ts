import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { readUpTo, tooLarge } from "../read-body.ts";

const megabyte = 1_048_576;
/** What can be sent again to another key. */
const replayable = 8 * megabyte;
/** A JSON body is read whole up to here: a model rule, a price or a limit is decided on the parse that is sent. */
const parsable = 32 * megabyte;
const largest = 100 * megabyte;

/**
 * The body: bytes where they are few enough to be sent again, else a stream of what was read and what is still to come.
 *
 * @throws HttpError 413 over 100 MB; where the length is not announced, the stream fails with it
 */
export async function requestBody(request: IncomingMessage): Promise<Uint8Array | Readable | null> {
  const { headers } = request;
  const announced = headers["content-length"];
  if (announced === undefined && headers["transfer-encoding"] === undefined) return null;
  if (Number(announced ?? 0) > largest) throw tooLarge(largest);
  const isJson = /^application\/(?:[\w.+-]+\+)?json/i.test(headers["content-type"] ?? "");
  const { bytes, complete } = await readUpTo(request, isJson ? parsable : replayable);
  return complete ? bytes : Readable.from(resumed(bytes, request), { objectMode: false });
}

async function* resumed(read: Buffer, request: IncomingMessage): AsyncGenerator<Uint8Array> {
  let size = read.length;
  yield read;
  // The connection outlives the body: the answer to one that is too long goes out on it.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > largest) throw tooLarge(largest);
    yield chunk as Buffer;
  }
}

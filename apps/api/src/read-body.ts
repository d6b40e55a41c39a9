/** Request bodies, read up to a bound: what is longer is refused before it is held. */
import type { IncomingMessage } from "node:http";
import { HttpError } from "./http-error.ts";

/**
 * The first bytes of a body: all of it, or what came until `limit` was passed. Then the request is paused, not destroyed:
 * destroying it would cut the connection before the answer is out.
 *
 * @throws HttpError 400 the caller left, or broke the framing
 */
export function readUpTo(request: IncomingMessage, limit: number): Promise<{ bytes: Buffer; complete: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (complete: boolean): void => {
      request.off("data", onData).off("end", onEnd).off("error", onError).off("close", onError);
      resolve({ bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size), complete });
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= limit) return;
      request.pause();
      settle(false);
    };
    const onEnd = (): void => settle(true);
    const onError = (): void => reject(new HttpError(400, "The request's body was cut."));
    request.on("data", onData).on("end", onEnd).on("error", onError).on("close", onError);
  });
}

/**
 * The whole body.
 *
 * @throws HttpError 413 it is longer than `limit` bytes; 408 it did not come within `withinMs`
 */
export async function readBody(request: IncomingMessage, limit: number, withinMs: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new HttpError(408, "The request's body did not come in time.")), withinMs);
  });
  try {
    const { bytes, complete } = await Promise.race([readUpTo(request, limit), late]);
    if (!complete) throw tooLarge(limit);
    return bytes;
  } finally {
    clearTimeout(timer);
  }
}

export const tooLarge = (limit: number): HttpError => new HttpError(413, `The request's body is longer than ${limit} bytes.`);

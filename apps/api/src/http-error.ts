/** Refusals of the server itself, before any procedure or provider is asked. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** A request that is refused for its form. The message is ours and never quotes the request. */
export class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "HttpError";
    this.status = status;
  }
}

/** Answers with a JSON body and nothing to cache. `close`: the connection is of no more use, since its body was not read. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}, close = false): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    ...(close && { connection: "close" }),
    ...headers,
  });
  response.end(text);
}

/** What Node reads and throws away behind an answer, so that the connection can go on. */
const mostDiscarded = 1_048_576;

/** Whether so much of the request is still to come, or nobody knows how much, that its connection is better ended. */
export function hasMoreToCome({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > mostDiscarded;
}

/** The body of a refusal that belongs to no procedure: `{ error: { code, message } }`. */
export const refusalBody = (code: string, message: string): { error: { code: string; message: string } } => ({ error: { code, message } });

/**
 * How a request may be framed, held stricter than Node does: whoever stands before this server must not be able to read
 * one request where it reads two (SECURITY S-71, S-73).
 */
import type { IncomingMessage } from "node:http";
import { HttpError } from "./http-error.ts";

/** @throws HttpError 400, 405 or 426; the connection is to be closed with it */
export function requireStrictFraming(request: IncomingMessage): void {
  const { rawHeaders, headers, method, url = "" } = request;
  // A line without a version is HTTP/0.9, which has no headers: nothing in it can be told from the next request.
  if (request.httpVersionMajor !== 1) throw new HttpError(400, "The request has to be HTTP/1.1.");
  if (method === "TRACE" || method === "CONNECT") throw new HttpError(405, "This method is not served.");
  if (!url.startsWith("/") || url.startsWith("//")) throw new HttpError(method === "OPTIONS" && url === "*" ? 405 : 400, "The request target has to be a path that begins with one slash.");
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === "host") hosts += 1;
  }
  if (hosts > 1) throw new HttpError(400, "The request has several Host headers.");
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") throw new HttpError(400, "The only transfer encoding is chunked.");
  if (headers.upgrade === undefined) return;
  if (headers.upgrade.toLowerCase() === "websocket") throw new HttpError(426, "There is no WebSocket at this address.");
  throw new HttpError(400, "The connection cannot be upgraded.");
}

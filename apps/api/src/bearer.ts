import type { IncomingMessage } from "node:http";

/**
 * The token of `Authorization: Bearer` (the scheme in any case); undefined where there is none, another scheme, or more
 * than one header.
 */
export function bearerOf(request: IncomingMessage): string | undefined {
  let found: string | undefined;
  const { rawHeaders } = request;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== "authorization") continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[at + 1] ?? "";
  }
  return found === undefined ? undefined : /^bearer +([^\s,]+)$/i.exec(found)?.[1];
}

// How a WebSocket brings its key: in the header, or, from a browser, which can send none, as the second of two subprotocols.
import type { Arrival } from "../dialect.ts";

/** `["token", key]` or `["bearer", jwt]`, as offered; null for anything else. */
export function offered(headers: Arrival["headers"]): { scheme: "token" | "bearer"; secret: string } | null {
  const [scheme = "", secret = ""] = (headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  const named = scheme.toLowerCase();
  return (named === "token" || named === "bearer") && secret !== "" ? { scheme: named, secret } : null;
}

/** The subprotocol that the answer takes. */
export function protocolOf({ headers }: Pick<Arrival, "headers">): string | undefined {
  return offered(headers)?.scheme;
}

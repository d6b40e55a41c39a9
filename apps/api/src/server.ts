/**
 * The service: one HTTP server. What costs most, the proxy, is served before express; express routes the rest. Nothing
 * here decides who may do what.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import type { BYOKManager, Logger } from "@stack-2025/byok-core";
import { FailedSignIns } from "./failed-sign-ins.ts";
import { requireStrictFraming } from "./framing.ts";
import { hasMoreToCome, HttpError, refusalBody, sendJson } from "./http-error.ts";
import { page, pageHeaders, stylesheet } from "./page.ts";
import { proxyListener } from "./proxy/serve.ts";
import { proxyPrefix } from "./proxy/target.ts";
import { readiness } from "./readiness.ts";
import { trpcListener, trpcPrefix } from "./trpc/serve.ts";

export interface ApiOptions {
  manager: BYOKManager;
  /** 0 takes a free one. */
  port: number;
  /** The loopback unless the operator says otherwise. */
  host: string;
  logger: Logger;
  /** Where the service is reached from outside, shown on its page. */
  publicUrl?: string | undefined;
  /** An origin of its own for `/proxy`: then the proxy is served there alone, and nothing else is. */
  proxyOrigin?: string | undefined;
}

export interface Api extends AsyncDisposable {
  /** Where it listens, without a slash at its end. */
  readonly url: string;
  /** Takes no further calls, lets those under way end for up to 20 s, then cuts them. */
  close(): Promise<void>;
}

/** Of the 25 s that a stop may take in all (F-27): what was cut has still to be counted, and the database to be let go. */
const endWithinMs = 20_000;
const countWithinMs = 2_000;

/** On every answer of ours that is not the proxy's (SECURITY S-57). */
const securityHeaders = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** @throws ConfigurationError the port is taken, or may not be listened on */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { logger, proxyOrigin } = options;
  const failedSignIns = new FailedSignIns();
  const proxy = proxyListener({ ...options, failedSignIns });
  const app = routes(options, trpcListener({ ...options, failedSignIns }));
  const proxyHost = proxyOrigin === undefined ? undefined : new URL(proxyOrigin).host;

  // A call goes on for a moment after its connection was cut: what the provider told so far is counted.
  const calls = new Set<Promise<void>>();
  const listen = (request: IncomingMessage, response: ServerResponse): void => {
    response.on("error", (error) => logger.debug({ error: error.name }, "an answer could not be written"));
    try {
      requireStrictFraming(request);
    } catch (error) {
      // Two readers may see different requests on this connection from here on.
      refuse(error, request, response, logger, true);
      return;
    }
    const isProxy = request.url?.startsWith(proxyPrefix) === true;
    if (proxyHost !== undefined && isProxy !== (request.headers.host === proxyHost) && !isHealth(request)) {
      sendJson(response, 404, refusalBody("NOT_FOUND", "There is nothing at this address."), securityHeaders, true);
    } else if (isProxy) {
      const call = proxy(request, response).finally(() => calls.delete(call));
      calls.add(call);
    } else app(request, response);
  };
  const server = createServer(
    {
      maxHeaderSize: 16_384,
      headersTimeout: 10_000,
      // For the whole of a request: a large upload through the proxy. Procedures bound their own bodies more tightly.
      requestTimeout: 10 * 60_000,
      connectionsCheckingInterval: 2_000,
      keepAliveTimeout: 65_000,
      requireHostHeader: true,
      insecureHTTPParser: false,
    },
    listen,
  );
  server.on("connect", (_request, socket) => socket.end("HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  await listening(server, options.port, options.host);

  const { address, port } = server.address() as AddressInfo;
  const url = `http://${reachable(address)}:${port}`;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= end(server).then(() => allWithin(calls, countWithinMs)));
  return { url, close, [Symbol.asyncDispose]: close };
}

function routes({ manager, logger, publicUrl, proxyOrigin }: ApiOptions, trpc: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Express {
  const app = express();
  app.disable("x-powered-by").set("etag", false).set("query parser", false).set("case sensitive routing", true).set("strict routing", true);
  app.use((_request: Request, response: Response, next: NextFunction) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    next();
  });
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (!request.path.startsWith(trpcPrefix)) return next();
    return trpc(request, response);
  });
  app.use((request: Request, _response: Response, next: NextFunction) => {
    if (request.method !== "GET" && request.method !== "HEAD") throw new HttpError(405, "This address is read with GET.");
    next();
  });
  app.get("/healthz", (_request, response) => sendJson(response, 200, { status: "ok" }));
  app.get("/readyz", async (_request, response) => {
    const state = await readiness(manager);
    sendJson(response, state.status === "ready" ? 200 : 503, state);
  });
  app.get("/style.css", (_request, response) => void response.type("text/css").send(stylesheet));
  app.get("/", (request, response) => {
    const own = publicUrl ?? `http://${request.headers.host ?? ""}`;
    void response.set(pageHeaders).send(page(`${proxyOrigin ?? own}${proxyPrefix}`));
  });
  app.use(() => {
    throw new HttpError(404, "There is nothing at this address.");
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => refuse(error, request, response, logger));
  return app;
}

const codes: Readonly<Record<number, string>> = { 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 408: "TIMEOUT", 413: "TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE", 426: "UPGRADE_REQUIRED" };

function refuse(error: unknown, request: IncomingMessage, response: ServerResponse, logger: Logger, close = hasMoreToCome(request)): void {
  if (error instanceof HttpError) {
    sendJson(response, error.status, refusalBody(codes[error.status] ?? "INVALID_INPUT", error.message), securityHeaders, close);
    return;
  }
  logger.error({ error: error instanceof Error ? error.name : "unknown" }, "a request failed");
  sendJson(response, 500, refusalBody("INTERNAL", "The service failed; its log says why."), securityHeaders, true);
}

const isHealth = ({ url }: IncomingMessage): boolean => url === "/healthz" || url === "/readyz";

function listening(server: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "is taken by another program" : `cannot be listened on (${error.code ?? error.name})`;
      reject(new ConfigurationError(`Port ${port} of ${host} ${reason}. End that program, or set PORT to another number (0 takes a free one).`, { details: { setting: "PORT" } }));
    });
    server.listen(port, host, resolve);
  });
}

async function allWithin(work: Iterable<Promise<void>>, ms: number): Promise<void> {
  await Promise.race([Promise.all(work), pause(ms, undefined, { ref: false })]);
}

/** An address that listens everywhere is reached on the loopback. */
function reachable(address: string): string {
  if (address === "0.0.0.0" || address === "::") return "127.0.0.1";
  return address.includes(":") ? `[${address}]` : address;
}

async function end(server: ReturnType<typeof createServer>): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose last answer went out after `close` would be kept alive for its next request.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), endWithinMs);
  await ended;
  clearInterval(idle);
  clearTimeout(cut);
}

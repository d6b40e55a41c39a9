/**
 * tRPC over this server: what is refused before a procedure is asked, and the context of those that are. It goes through
 * the fetch adapter, which costs a third of tRPC's own for Node.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { BYOKError, InvalidInputError, RateLimitedError, toWire } from "@stack-2025/byok-crypto";
import type { BYOKManager, Logger } from "@stack-2025/byok-core";
import { completeProviders, createToken, listTokens, provider, publicError, revealNext, revokeToken, scopeFor, type CreateServiceToken, type Scope } from "@stack-2025/byok-core/internal";
import { bearerOf } from "../bearer.ts";
import { errorStatus, retryAfter } from "../error-status.ts";
import type { FailedSignIns } from "../failed-sign-ins.ts";
import { hasMoreToCome, HttpError, sendJson } from "../http-error.ts";
import { readBody } from "../read-body.ts";
import { requireStrictJson } from "../strict-json.ts";
import { unauthenticated } from "../unauthenticated.ts";
import type { RequestContext } from "./context.ts";
import { appRouter } from "./router.ts";

export const trpcPrefix = "/trpc/";

const largestBatch = 20;
const bodyWithinMs = 30_000;
/** A key's data is short; what is longer is no key, and no secret that leaked. */
const largestKeysBody = 65_536;
const largestBody = 1_048_576;

export interface TrpcOptions {
  manager: BYOKManager;
  logger: Logger;
  failedSignIns: FailedSignIns;
}

/** Answers every request under `/trpc/`. */
export function trpcListener({ manager, logger, failedSignIns }: TrpcOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const contexts = new WeakMap<IncomingMessage, RequestContext>();
  const listener = getRequestListener((request, { incoming }) => {
    const context = contexts.get(incoming as IncomingMessage);
    if (!context) throw new Error("a request came without its context");
    return fetchRequestHandler({
      endpoint: trpcPrefix.slice(0, -1),
      req: request,
      router: appRouter,
      createContext: () => context,
      allowMethodOverride: true,
      maxBatchSize: largestBatch,
      responseMeta: ({ errors }) => {
        const waits = errors.flatMap(({ cause }) => (cause instanceof RateLimitedError && cause.retryAfterMs !== null ? [cause.retryAfterMs] : []));
        return { headers: { "cache-control": "no-store", ...(waits.length > 0 && { "retry-after": retryAfter(Math.max(...waits)) }) } };
      },
      onError({ error, path }) {
        if (error.cause instanceof BYOKError || error.code !== "INTERNAL_SERVER_ERROR") return;
        // The error's own text may quote what it was given: its name and where it was thrown say enough.
        logger.error({ procedure: path, error: error.cause?.name ?? error.name, stack: framesOf(error.cause ?? error) }, "a procedure failed");
      },
    });
  });

  return async (request, response) => {
    try {
      await serve(request, response);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      // What is refused for its form is a fault of the input, in the form of a procedure's error.
      sendRefusal(request, response, new InvalidInputError(error.message), error.status);
    }
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    if (method !== "GET" && method !== "POST") throw new HttpError(405, "Procedures are called by GET or POST.");
    const scope = await signIn(manager, request).catch((thrown: unknown) => {
      const error = publicError(thrown);
      if (error instanceof BYOKError) return error;
      throw error;
    });
    if (scope instanceof BYOKError) {
      const answer = scope.code === "UNAUTHENTICATED" ? await failedSignIns.answerTo(request, unauthenticated()) : scope;
      sendRefusal(request, response, answer);
      return;
    }
    if (method === "POST") await takeBody(request, url);
    else requireStrictQuery(url);
    contexts.set(request, contextOf(manager, scope, bearerOf(request) ?? ""));
    await listener(request, response);
  }
}

async function signIn(manager: BYOKManager, request: IncomingMessage): Promise<Scope> {
  const token = bearerOf(request);
  if (token === undefined) throw unauthenticated();
  return scopeFor(manager, { serviceToken: token });
}

/** A refusal before any procedure, in the form of a procedure's error. */
function sendRefusal(request: IncomingMessage, response: ServerResponse, error: BYOKError, status?: number): void {
  const { http: own, trpc } = errorStatus[error.code];
  const http = status ?? own;
  const wait = error instanceof RateLimitedError && error.retryAfterMs !== null ? { "retry-after": retryAfter(error.retryAfterMs) } : {};
  const challenge = http === 401 ? { "www-authenticate": "Bearer" } : {};
  const body = { error: { message: error.message, code: -32_000 - (http % 100), data: { code: trpc, httpStatus: http, byok: toWire(error) } } };
  sendJson(response, http, body, { ...challenge, ...wait }, hasMoreToCome(request));
}

/** The body is read here, within its bounds, and handed on whole. */
async function takeBody(request: IncomingMessage, url: string): Promise<void> {
  const { headers } = request;
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(headers["content-type"] ?? "")) {
    throw new HttpError(415, "Procedures take application/json in UTF-8.");
  }
  if (headers["content-encoding"] !== undefined) throw new HttpError(415, "Procedures take bodies without a content encoding.");
  const procedures = pathnameOf(url).slice(trpcPrefix.length);
  const limit = /(?:^|,|%2c)(?:keys|leaks)\./i.test(procedures) ? largestKeysBody : largestBody;
  const body = await readBody(request, limit, bodyWithinMs);
  requireStrictJson(body, 1);
  Object.assign(request, { rawBody: body });
}

/** A query's input travels in its URL. */
function requireStrictQuery(url: string): void {
  const input = new URL(url, "http://service.invalid").searchParams.get("input");
  if (input !== null) requireStrictJson(Buffer.from(input), 1);
}

const pathnameOf = (url: string): string => url.split("?", 1)[0] ?? "";

const catalogue = provider.options.map((type) => {
  const complete = completeProviders.find((one) => one.type === type);
  return { provider: type, name: complete?.name ?? null, available: complete !== undefined };
});

function contextOf(manager: BYOKManager, scope: Scope, serviceToken: string): RequestContext {
  const { access } = scope;
  if (access.kind !== "token") throw new Error("a request acts for a service token");
  return {
    byok: manager.as({ serviceToken }),
    scopes: access.scopes,
    boundTo: access.owner,
    providers: catalogue,
    refused: (error) => scope.core.refusals.note(scope, error),
    revealNext: (...call) => revealNext(scope, ...call),
    tokens: {
      create: (input) => createToken(scope, input as CreateServiceToken),
      list: (owner) => listTokens(scope, owner),
      revoke: (id) => revokeToken(scope, id),
    },
  };
}

/** Where an error was thrown, without its message. */
function framesOf(error: Error): string[] {
  return (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
}

/**
 * `/proxy/{provider}/…`: the provider's own API with the key put in. It is served before express and reads as little as it
 * must: the raw target, the headers, and the body as bytes. What a call is allowed, costs and means is decided behind the
 * door that it shares with `fetchFor`.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { BYOKError } from "@stack-2025/byok-crypto";
import type { BYOKManager, Logger } from "@stack-2025/byok-core";
import { callProvider, completeProviders, publicError, requireOwner, scopeFor, type Provider, type Scope } from "@stack-2025/byok-core/internal";
import type { FailedSignIns } from "../failed-sign-ins.ts";
import { hasMoreToCome, HttpError, refusalBody, sendJson } from "../http-error.ts";
import { unauthenticated } from "../unauthenticated.ts";
import { optionsOf, ownerOf, presentedToken } from "./caller.ts";
import { requestBody } from "./request-body.ts";
import { proxyHeaders, sendAnswer } from "./send-answer.ts";
import { requirePlainPath, splitTarget } from "./target.ts";

export interface ProxyOptions {
  manager: BYOKManager;
  logger: Logger;
  failedSignIns: FailedSignIns;
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
const providers = new Map<string, Provider>(completeProviders.map((provider) => [provider.type, provider]));

/** Answers every request under `/proxy/`; never rejects. */
export function proxyListener({ manager, logger, failedSignIns }: ProxyOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const startedAt = performance.now();
    const { provider: name, path } = splitTarget(request.url ?? "");
    const provider = providers.get(name);
    if (!provider) {
      sendJson(response, 404, refusalBody("NOT_FOUND", "There is no such provider here."), proxyHeaders, hasMoreToCome(request));
      return;
    }
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort(new Error("the caller left"));
    });
    try {
      await serve(request, response, provider, path, gone.signal);
    } catch (error) {
      await refuse(request, response, provider, error);
    }
    // A fixed list of fields; no path, since it may hold the caller's text.
    logger.debug({ method: request.method, provider: provider.type, status: response.statusCode, ms: Math.round(performance.now() - startedAt) }, "proxied");
  };

  async function serve(request: IncomingMessage, response: ServerResponse, provider: Provider, path: string, signal: AbortSignal): Promise<void> {
    const { method = "" } = request;
    requirePlainPath(path);
    if (!methods.has(method)) throw new HttpError(405, "The proxy does not pass this method on.");
    requireProgram(request);
    const headers = headersOf(request);
    const token = presentedToken(provider, { method, path, headers });
    if (token === undefined) throw unauthenticated();
    const scope = await scopeFor(manager, { serviceToken: token });
    const owner = scope.core.ownerRef(ownerOf(scope, headers));
    const answer = await refusalsNoted(scope, async () => {
      await requireOwner(scope, owner, "keys:use");
      const options = optionsOf(headers);
      const body = await requestBody(request);
      return callProvider(scope, owner, { provider: provider.type, method, path, headers, body }, { ...options, signal });
    });
    await sendAnswer(answer, response);
  }

  async function refuse(request: IncomingMessage, response: ServerResponse, provider: Provider, thrown: unknown): Promise<void> {
    if (response.headersSent || response.destroyed) {
      // The answer was cut: the caller must see that, rather than take what came for all of it.
      response.destroy();
      return;
    }
    const close = hasMoreToCome(request);
    if (thrown instanceof HttpError) {
      sendJson(response, thrown.status, refusalBody("INVALID_INPUT", thrown.message), proxyHeaders, close);
      return;
    }
    const error = publicError(thrown);
    if (!(error instanceof BYOKError)) {
      logger.error({ provider: provider.type, error: error instanceof Error ? error.name : "unknown" }, "the proxy failed");
      sendJson(response, 500, refusalBody("INTERNAL", "The service failed; its log says why."), proxyHeaders, close);
      return;
    }
    const said = error.code === "UNAUTHENTICATED" ? await failedSignIns.answerTo(request, unauthenticated()) : error;
    // A shape of the provider's, so that its SDK raises what its users know.
    const refusal = provider.refusal(said);
    response.writeHead(refusal.status, {
      ...refusal.headers,
      ...proxyHeaders,
      "cache-control": "no-store",
      "content-length": Buffer.byteLength(refusal.body),
      ...(close && { connection: "close" }),
    });
    response.end(refusal.body);
  }
}

/** What is refused to a token goes into the trail of whoever it belongs to. */
async function refusalsNoted<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    scope.core.refusals.note(scope, error);
    throw error;
  }
}

/** @throws HttpError 403 a browser opens the address, or installs a worker from it */
function requireProgram({ headers }: IncomingMessage): void {
  if (headers["sec-fetch-mode"] === "navigate" || headers["service-worker"] !== undefined) {
    throw new HttpError(403, "The proxy is for programs; it opens no pages.");
  }
}

/** By lower-case name. A name that came twice is joined, so that two credentials are none. */
function headersOf({ rawHeaders }: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (name !== "__proto__") headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

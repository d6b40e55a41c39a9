import { Readable } from "node:stream";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { providerFor, type Provider, type ProviderType } from "@stack-2025/byok-providers";
import type { UseOptions } from "../byok.ts";
import type { OwnerRef } from "../owners.ts";
import type { Scope } from "../scope.ts";
import { callProvider, type DoorAnswer } from "./door.ts";

/** A body up to this size can be sent again to another key; a longer one passes through once. */
const replayable = 8 * 1_048_576;

/**
 * A `fetch` that official SDKs take: whatever key the SDK was given is taken out, and the owner's is put in.
 * Requests to any host but the provider's are refused before anything is sent.
 */
export function fetchFor(begin: () => Promise<{ scope: Scope; owner: OwnerRef }>, type: ProviderType, options: UseOptions): typeof fetch {
  const provider = providerFor(type);
  return async (input, init) => {
    const { scope, owner } = await begin();
    const request = new Request(input, { ...init, ...(init?.body instanceof ReadableStream && { duplex: "half" }) } as RequestInit);
    const url = new URL(request.url);
    const path = vendorPath(url, provider, scope.core.baseUrl(type));
    const signal = joined(options.signal, init?.signal ?? (input instanceof Request ? input.signal : undefined));
    const headers = Object.fromEntries(request.headers);
    // The answer is handed on as it comes, and what an SDK cannot decode by itself is not asked for.
    headers["accept-encoding"] = "identity";
    const body = await readBody(request);
    const answer = await callProvider(scope, owner, { provider: type, method: request.method, path, headers, body }, { ...options, ...(signal && { signal }) });
    return toResponse(answer, request.url);
  };
}

/** The path as the provider knows it. @throws InvalidInputError the host is not the provider's */
function vendorPath(url: URL, provider: Provider, baseUrl: string | undefined): string {
  if (baseUrl !== undefined) {
    const base = new URL(baseUrl);
    const prefix = base.pathname.replace(/\/$/, "");
    if (url.origin === base.origin && (prefix === "" || url.pathname === prefix || url.pathname.startsWith(`${prefix}/`))) {
      return (url.pathname.slice(prefix.length) || "/") + url.search;
    }
  }
  if (provider.owns(url.hostname) && url.protocol === "https:") return url.pathname + url.search;
  throw new InvalidInputError(`url: ${url.host} is not ${provider.name}'s; this fetch carries a key for ${provider.name} alone, and nothing was sent`, {
    issues: [{ path: "url", message: `is not an address of ${provider.name}` }],
  });
}

async function readBody(request: Request): Promise<Uint8Array | Readable | null> {
  if (request.body === null) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value);
    size += next.value.length;
    if (size > replayable) return Readable.from(resumed(chunks, reader));
  }
  return Buffer.concat(chunks);
}

async function* resumed(chunks: readonly Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

const withoutBody = new Set([204, 205, 304]);

function toResponse(answer: DoorAnswer, url: string): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  headers.set("byok-key-id", answer.keyId);
  headers.set("byok-source", answer.source);
  headers.set("byok-attempts", String(answer.attempts));
  headers.set("byok-request-id", answer.requestId);
  const body = withoutBody.has(answer.status) ? null : toStream(answer.body);
  const response = new Response(body, { status: answer.status, headers });
  Object.defineProperty(response, "url", { value: url });
  if (body === null) void drain(answer.body);
  return response;
}

/** Pulled by its reader, so that a slow caller slows the provider; cancelling it cuts the call. */
function toStream(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) void chunk;
}

function joined(...signals: (AbortSignal | null | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal): signal is AbortSignal => signal !== null && signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}

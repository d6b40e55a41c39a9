import type { Readable } from "node:stream";
import { Agent, request as send } from "undici";
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";

/** A request as it leaves: the key is in, hop-by-hop headers are gone. */
export interface OutgoingRequest {
  method: string;
  /** Origin, path and query. */
  url: URL;
  headers: Record<string, string>;
  body: Uint8Array | Readable | null;
  /** Milliseconds until the first byte of the answer. */
  firstByteMs: number;
  signal: AbortSignal | undefined;
}

export interface IncomingAnswer {
  status: number;
  /** Lower-case names; a header that came several times is a list. */
  headers: Record<string, string | string[]>;
  body: Readable;
}

/** No answer came. `sent` is false where it is certain that the provider saw nothing. */
export class NoAnswerError extends ProviderUnavailableError {
  readonly sent: boolean;
  constructor(message: string, sent: boolean, reason: string) {
    super(message, { details: { reason, sent } });
    this.sent = sent;
  }
}

/** Speaks HTTP to providers. Redirects are never followed while a key is attached. */
export interface Transport {
  /** @throws NoAnswerError no answer came; the signal's reason where the caller left */
  send(request: OutgoingRequest): Promise<IncomingAnswer>;
  close(): Promise<void>;
}

const connectMs = 10_000;
/** Between two chunks of an answer. */
const idleMs = 120_000;

export function createTransport(): Transport {
  const agent = new Agent({ connect: { timeout: connectMs }, connections: 256, pipelining: 1, keepAliveTimeout: 10_000, bodyTimeout: idleMs, maxHeaderSize: 32_768 });
  return {
    async send({ method, url, headers, body, firstByteMs, signal }) {
      try {
        const answer = await send(url, {
          method: method as "GET",
          headers,
          body: body as Uint8Array | null,
          dispatcher: agent,
          headersTimeout: firstByteMs,
          ...(signal && { signal }),
        });
        // A body that fails while nobody reads it must not end the process; whoever reads it gets the error.
        answer.body.on("error", ignore);
        return { status: answer.statusCode, headers: answer.headers as Record<string, string | string[]>, body: answer.body };
      } catch (error) {
        signal?.throwIfAborted();
        throw noAnswer(error, url);
      }
    },
    close: () => agent.destroy(),
  };
}

const ignore = (): void => undefined;

const connectCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);
const tlsCode = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** The kind of the fault, in words; the library's own error can quote the URL and is left behind. */
function noAnswer(error: unknown, url: URL): NoAnswerError {
  const code = codeOf(error);
  if (tlsCode.test(code)) return new NoAnswerError(`${url.host} could not prove who it is (${code}); nothing was sent.`, false, "tls");
  if (connectCodes.has(code)) return new NoAnswerError(`${url.host} could not be reached (${code}); nothing was sent.`, false, "connect");
  if (code === "UND_ERR_HEADERS_TIMEOUT") return new NoAnswerError(`${url.host} did not answer in time; the outcome is unknown.`, true, "timeout");
  return new NoAnswerError(`The connection to ${url.host} was lost before an answer came${code ? ` (${code})` : ""}; the outcome is unknown.`, true, "connection");
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return typeof code === "string" ? code : codeOf(cause);
}

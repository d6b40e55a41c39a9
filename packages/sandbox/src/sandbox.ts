// Starts the vendors' stand-in: one HTTP server on the loopback, a prefix a vendor, and this process's hold on it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { serveControl } from "./control.ts";
import type { Dialect } from "./dialect.ts";
import { dialects, type SandboxProvider } from "./dialects.ts";
import { type Fault, parseFaults } from "./fault.ts";
import { type Ledger, LedgerBook } from "./ledger.ts";
import { ScriptBook } from "./script-book.ts";
import { type Memory, serveCall } from "./serve-call.ts";

export interface SandboxOptions {
  /** 0, the default, takes a free one. */
  port?: number;
  /** Where to listen; 127.0.0.1 by default. The sandbox has no secrets to keep and no lock: do not open it to a network. */
  host?: string;
  /** The clock that answers and the ledger are dated by. */
  now?: () => Date;
}

/** Stand-ins for the vendors, until closed. */
export interface Sandbox extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Stands for the vendor's origin: `${baseUrl("openai")}/v1/chat/completions`. */
  baseUrl(provider: SandboxProvider): string;
  /**
   * What this key meets from its next call on, call by call; the last fault stays. Without faults the script ends. With Twilio
   * the key is the password, or `username:password`.
   *
   * @throws TypeError when a fault is none
   */
  script(key: string, ...faults: Fault[]): void;
  /** Everything told. */
  readonly ledger: Ledger;
  /** Forgets scripts, the ledger, what accounts stored, and counts ids from one again. Calls under way go on. */
  reset(): void;
  /** Drops every connection, also those that hang, and forgets everything. */
  close(): Promise<void>;
}

/**
 * Starts a sandbox.
 *
 * @throws Error when the port cannot be listened on; the message says which and what to do
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const host = options.host ?? "127.0.0.1";
  const memory: Memory = {
    scripts: new ScriptBook(), ledger: new LedgerBook(), shelves: new Map(), now: options.now ?? (() => new Date()), sequence: 0,
  };
  const reset = (): void => {
    memory.scripts.clear();
    memory.ledger.clear();
    memory.shelves.clear();
    memory.sequence = 0;
  };
  const server = createServer((request, response) => {
    serve(memory, reset, request, response).catch((error: unknown) => {
      // A mistake of the sandbox's own must not look like a fault that somebody asked for.
      process.emitWarning(error instanceof Error ? error : String(error));
      response.destroy();
    });
  });
  const port = await listen(server, options.port ?? 0, host);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    await closed;
    await memory.ledger.whenSettled();
    reset();
  };
  return {
    url,
    ledger: memory.ledger,
    baseUrl: (provider) => `${url}/${provider}`,
    script: (key, ...faults) => memory.scripts.write(key, parseFaults(faults)),
    reset,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function serve(memory: Memory, reset: () => void, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const address = addressOf(request);
  if (address.pathname === "/_sandbox" || address.pathname.startsWith("/_sandbox/")) return serveControl(memory, reset, request, response, address);
  const [, provider = "", rest = ""] = /^\/([^/]*)(.*)$/s.exec(address.pathname) ?? [];
  const dialect = dialectNamed(provider);
  if (dialect === undefined) {
    request.resume();
    const known = provider === "";
    response.writeHead(known ? 200 : 404, { "content-type": "text/plain; charset=utf-8" });
    response.end(`The byok sandbox stands for ${Object.keys(dialects).map((name) => `/${name}`).join(", ")}. Its ledger is at /_sandbox/ledger.\n`);
    return;
  }
  address.pathname = rest === "" ? "/" : rest;
  await serveCall(memory, provider, dialect, request, response, address);
}

function dialectNamed(name: string): Dialect | undefined {
  const table: Readonly<Record<string, Dialect>> = dialects;
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Two slashes at the start are a path here, not a host. */
function addressOf(request: IncomingMessage): URL {
  const target = request.url ?? "/";
  return new URL(target.startsWith("/") ? `http://sandbox.invalid${target}` : "http://sandbox.invalid/");
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new Error(`The sandbox cannot listen on ${host}:${port}, which is taken. Choose another port, or 0 for a free one.`)
          : error,
      );
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The sandbox listens, but not on a port.");
  return address.port;
}

// Starts the vendors' stand-in: one HTTP server on the loopback, a prefix a vendor, and this process's hold on it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { serveControl } from "./control.ts";
import type { Dialect } from "./dialect.ts";
import { dialects, type SandboxProvider } from "./dialects.ts";
import { type Fault, parseFaults } from "./fault.ts";
import { type Ledger, LedgerBook } from "./ledger.ts";
import { ScriptBook } from "./script-book.ts";
import { type Asked, type Memory, serveCall } from "./serve-call.ts";
import { serveSocket } from "./serve-socket.ts";
import { type ServiceAccountFile, type ServiceAccountOptions, tokenUri, Vault } from "./vault.ts";

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
   * the key is the password, or `username:password`; of a service account it is the e-mail address or the private key, and its
   * `private_key_id` names what happens at the token endpoint alone.
   *
   * @throws TypeError when a fault is none
   */
  script(key: string, ...faults: Fault[]): void;
  /**
   * A fresh service account of Google's, whose `token_uri` is this sandbox's. Only accounts made here may sign in. The first one
   * makes the key pair that all share, which takes a moment.
   */
  serviceAccount(options?: ServiceAccountOptions): ServiceAccountFile;
  /** Everything told. */
  readonly ledger: Ledger;
  /** Forgets scripts, the ledger, what accounts stored, and counts ids from one again. Calls under way go on; service accounts and tokens stay. */
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
    scripts: new ScriptBook(), ledger: new LedgerBook(), shelves: new Map(), vault: new Vault(), now: options.now ?? (() => new Date()), url: "",
    sequence: 0,
  };
  // Upgraded connections are the server's no more: it would neither count nor close them.
  const upgraded = new Set<Socket>();
  const reset = (): void => {
    memory.scripts.clear();
    memory.ledger.clear();
    memory.shelves.clear();
    memory.vault.forgetDeleted();
    memory.sequence = 0;
  };
  const server = createServer({ shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket" }, (request, response) => {
    serve(memory, reset, request, response).catch((error: unknown) => failed(error, response));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    // A connection that breaks is noticed by its closing.
    socket.on("error", () => socket.destroy());
    upgrade(memory, request, socket, head).catch((error: unknown) => failed(error, socket));
  });
  const port = await listen(server, options.port ?? 0, host);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  memory.url = url;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
    await closed;
    await memory.ledger.whenSettled();
    reset();
  };
  return {
    url,
    ledger: memory.ledger,
    baseUrl: (provider) => `${url}/${provider}`,
    serviceAccount: (account = {}) => memory.vault.makeServiceAccount(account, tokenUri(url)),
    script: (key, ...faults) => memory.scripts.write(key, parseFaults(faults)),
    reset,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A mistake of the sandbox's own must not look like a fault that somebody asked for. */
function failed(error: unknown, connection: { destroy(): unknown }): void {
  process.emitWarning(error instanceof Error ? error : String(error));
  connection.destroy();
}

async function serve(memory: Memory, reset: () => void, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const address = addressOf(request);
  if (address.pathname === "/_sandbox" || address.pathname.startsWith("/_sandbox/")) return serveControl(memory, reset, request, response, address);
  const asked = vendorAsked(request, address);
  if (asked !== null) return serveCall(memory, asked, response);
  request.resume();
  response.writeHead(address.pathname === "/" ? 200 : 404, { "content-type": "text/plain; charset=utf-8" });
  response.end(`The byok sandbox stands for ${Object.keys(dialects).map((name) => `/${name}`).join(", ")}. Its ledger is at /_sandbox/ledger.\n`);
}

async function upgrade(memory: Memory, request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
  const asked = vendorAsked(request, addressOf(request));
  if (asked === null) socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  else await serveSocket(memory, asked, socket, head);
}

/** Which vendor a request is for, with the sandbox's prefix taken off its address; null for none that it stands for. */
function vendorAsked(request: IncomingMessage, whole: URL): Asked | null {
  const [, provider = "", rest = ""] = /^\/([^/]*)(.*)$/s.exec(whole.pathname) ?? [];
  const dialect = dialectNamed(provider);
  if (dialect === undefined) return null;
  const address = new URL(whole);
  address.pathname = rest === "" ? "/" : rest;
  return { provider, dialect, request, address };
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

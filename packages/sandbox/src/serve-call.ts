// The story of one call to a vendor: who asks, what they meet, what they are told. Everything vendors do alike is decided here.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer, Arrival, Call, Credential, Dialect, Route, Shelf } from "./dialect.ts";
import { jsonBody } from "./dialect.ts";
import type { Fault } from "./fault.ts";
import type { LedgerBook, LedgerEntry } from "./ledger.ts";
import { hintOf } from "./ledger.ts";
import type { ScriptBook } from "./script-book.ts";
import { hang, ReaderGone, tell } from "./tell.ts";
import type { Vault } from "./vault.ts";

/** As much of a request's body as the ledger keeps. */
export const ledgerBodyBytes = 64 * 1024;
/** The largest body that is taken. */
const mostBodyBytes = 32 * 1024 * 1024;

const nobody: Credential = { key: "", aliases: [], username: "", header: "", wellFormed: false };

/** What one sandbox remembers between calls. */
export interface Memory {
  readonly scripts: ScriptBook;
  readonly ledger: LedgerBook;
  /** What accounts have stored, by vendor and account. */
  readonly shelves: Map<string, Shelf>;
  readonly vault: Vault;
  readonly now: () => Date;
  /** `http://127.0.0.1:PORT` */
  url: string;
  sequence: number;
}

/** A vendor, and a request for it with the sandbox's prefix already taken off its address. */
export interface Asked {
  readonly provider: string;
  readonly dialect: Dialect;
  readonly request: IncomingMessage;
  readonly address: URL;
}

/** Answers one request over HTTP. */
export async function serveCall(memory: Memory, asked: Asked, response: ServerResponse): Promise<void> {
  const { dialect, request } = asked;
  const entry = openEntry(memory, asked);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const body = await readBody(request);
    const route = dialect.routes.find((each) => each.method === entry.method && each.path.test(entry.path));
    const call = arrive(memory, asked, entry, body ?? Buffer.alloc(0), route ?? null);
    if (call.fault.kind === "hang") await hang(gone.signal);
    if (call.fault.kind === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    const keyless = isNobody(call) && route?.open !== true;
    const answer = keyless ? dialect.missingKey(call) : await answerTo(dialect, route, call, body === null);
    await tell({ response, entry, fault: call.fault, gone: gone.signal }, answer);
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
    entry.aborted = true;
  } finally {
    entry.endedAt = memory.now();
    memory.ledger.settle();
  }
}

/** Opens the request's entry in the ledger, which has to be settled. */
export function openEntry(memory: Memory, asked: Asked): LedgerEntry {
  const { provider, dialect, request, address } = asked;
  memory.sequence += 1;
  const entry: LedgerEntry = {
    id: `call_${memory.sequence}`, provider, key: "", presented: "", keyHint: hintOf(""), method: request.method ?? "GET", path: address.pathname,
    query: address.search, model: dialect.modelIn?.(address.pathname) ?? null, at: memory.now(), endedAt: null, status: 0, stream: false,
    finished: false, requestHeaders: flatHeaders(request), requestBody: "", usage: null, turns: [], aborted: false,
    vendorRequestId: dialect.requestId(memory.sequence),
  };
  noteCredential(entry, dialect.credential(arrivalOf(memory, asked, entry, Buffer.alloc(0))));
  memory.ledger.open(entry);
  return entry;
}

/** Finds out who calls and what they meet, and notes it. `route` is null where the vendor has none for it. */
export function arrive(
  memory: Memory, asked: Asked, entry: LedgerEntry, body: Buffer, route: Pick<Route, "path" | "paid" | "exchange"> | null,
): Call {
  const { provider, dialect } = asked;
  const arrival = arrivalOf(memory, asked, entry, body);
  const credential = dialect.credential(arrival);
  noteCredential(entry, credential);
  entry.requestBody = body.subarray(0, ledgerBodyBytes).toString("utf8");
  entry.model = modelNamed(entry.requestHeaders, body) ?? entry.model;
  return {
    ...arrival, credential: credential ?? nobody, params: paramsOf(route, entry.path), paid: route?.paid ?? false,
    fault: faultFor(memory.scripts, credential, route), sequence: sequenceOf(entry), requestId: entry.vendorRequestId,
    baseUrl: `${memory.url}/${provider}`, shelf: shelfFor(memory, provider, credential === null ? "" : dialect.account(credential, entry.path)),
  };
}

/** Whether the request brought no key at all. */
export function isNobody(call: Call): boolean {
  return call.credential === nobody;
}

function arrivalOf(memory: Memory, { address }: Asked, entry: LedgerEntry, body: Buffer): Arrival {
  const { method, path, requestHeaders: headers, at } = entry;
  return { method, path, query: address.searchParams, headers, body, at, vault: memory.vault };
}

function noteCredential(entry: LedgerEntry, credential: Credential | null): void {
  entry.key = credential?.key ?? "";
  entry.presented = credential?.presented ?? "";
  entry.keyHint = hintOf(entry.key);
}

function sequenceOf(entry: LedgerEntry): number {
  return Number(entry.id.slice("call_".length));
}

async function answerTo(dialect: Dialect, route: Route | undefined, call: Call, tooLarge: boolean): Promise<Answer> {
  const refusal = refusalOf(dialect, call);
  if (refusal !== null) return refusal;
  if (tooLarge) return dialect.tooLarge(call);
  if (route !== undefined) return route.answer(call);
  return dialect.routes.some((each) => each.path.test(call.path)) ? dialect.methodNotAllowed(call) : dialect.notFound(call);
}

/** What the fault makes of the call; null where it makes nothing of it, or where it is the wire's business. */
export function refusalOf({ refusals }: Dialect, call: Call): Answer | null {
  const { fault } = call;
  switch (fault.kind) {
    case "redirect":
      return { status: 307, headers: { location: fault.location }, body: "" };
    case "answer":
      return { status: fault.status, headers: { "content-type": "application/json", ...lowerCase(fault.headers ?? {}) }, body: fault.body ?? "" };
    case "invalid":
    case "revoked":
      return refusals.badKey(call);
    case "no_quota":
      return refusals.noQuota(call);
    case "rate_limited":
      return refusals.rateLimited(call, fault.retryAfterS ?? 1);
    case "server_error":
      return refusals.serverError(call, fault.status ?? 500);
    case "scoped":
      return refusals.scoped(call);
    case "test_credentials":
      return refusals.testCredentials?.(call) ?? null;
    case "echo_key":
      return refusals.echoKey(call);
    default:
      return null;
  }
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** A script decides; without one, a key that the vendor could never have issued is refused. */
function faultFor(scripts: ScriptBook, credential: Credential | null, route: Pick<Route, "paid" | "exchange"> | null): Fault {
  if (credential === null) return { kind: "ok" };
  const names = [credential.key, ...credential.aliases];
  const otherwise: Fault = { kind: credential.wellFormed ? "ok" : "invalid" };
  if (route?.exchange !== true) return scripts.next(names, route?.paid ?? false) ?? otherwise;
  const own = scripts.next([credential.username], false);
  if (own !== undefined) return own;
  const fault = scripts.peek(names);
  return fault?.kind === "invalid" || fault?.kind === "revoked" ? fault : otherwise;
}

function shelfFor(memory: Memory, provider: string, account: string): Shelf {
  const name = `${provider} ${account}`;
  const shelf = memory.shelves.get(name) ?? { account };
  memory.shelves.set(name, shelf);
  return shelf;
}

function paramsOf(route: Pick<Route, "path"> | null, path: string): string[] {
  return (route?.path.exec(path) ?? []).slice(1).map(decoded);
}

/** A broken escape stays as it is: it names nothing that exists. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Null when there is more than is taken; the rest is read and dropped, so that the refusal can be told. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= mostBodyBytes) chunks.push(chunk);
      else chunks.length = 0;
    }
  } catch {
    throw new ReaderGone();
  }
  return bytes > mostBodyBytes ? null : Buffer.concat(chunks);
}

function flatHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

function modelNamed(headers: Readonly<Record<string, string>>, body: Buffer): string | null {
  if (!(headers["content-type"] ?? "").includes("json")) return null;
  const model = jsonBody({ body })?.["model"];
  return typeof model === "string" ? model : null;
}

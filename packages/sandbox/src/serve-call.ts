// The story of one call to a vendor: who asks, what they meet, what they are told. Everything vendors do alike is decided here.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer, Call, Credential, Dialect, Route, Shelf } from "./dialect.ts";
import { jsonBody } from "./dialect.ts";
import type { Fault } from "./fault.ts";
import type { LedgerBook, LedgerEntry } from "./ledger.ts";
import { hintOf } from "./ledger.ts";
import type { ScriptBook } from "./script-book.ts";
import { hang, ReaderGone, tell } from "./tell.ts";

/** As much of a request's body as the ledger keeps. */
const ledgerBodyBytes = 64 * 1024;
/** The largest body that is taken. */
const mostBodyBytes = 32 * 1024 * 1024;

const nobody: Credential = { key: "", aliases: [], username: "", header: "", wellFormed: false };

/** What one sandbox remembers between calls. */
export interface Memory {
  readonly scripts: ScriptBook;
  readonly ledger: LedgerBook;
  /** What accounts have stored, by vendor and account. */
  readonly shelves: Map<string, Shelf>;
  readonly now: () => Date;
  sequence: number;
}

/** Answers one request that came for `provider`, with the sandbox's prefix already taken off its address. */
export async function serveCall(
  memory: Memory, provider: string, dialect: Dialect, request: IncomingMessage, response: ServerResponse, address: URL,
): Promise<void> {
  memory.sequence += 1;
  const sequence = memory.sequence;
  const headers = flatHeaders(request);
  const credential = dialect.credential(headers);
  const requestId = dialect.requestId(sequence);
  const entry: LedgerEntry = {
    id: `call_${sequence}`, provider, key: credential?.key ?? "", keyHint: hintOf(credential?.key ?? ""), method: request.method ?? "GET",
    path: address.pathname, query: address.search, model: null, at: memory.now(), status: 0, stream: false, finished: false,
    requestHeaders: headers, requestBody: "", usage: null, aborted: false, vendorRequestId: requestId,
  };
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  memory.ledger.open(entry);
  try {
    const body = await readBody(request);
    entry.requestBody = (body ?? Buffer.alloc(0)).subarray(0, ledgerBodyBytes).toString("utf8");
    entry.model = modelNamed(headers, body);
    const route = dialect.routes.find((each) => each.method === entry.method && each.path.test(entry.path));
    const paid = route?.paid ?? false;
    const fault = faultFor(memory.scripts, credential, paid);
    const call: Call = {
      method: entry.method, path: entry.path, query: address.searchParams, headers, body: body ?? Buffer.alloc(0),
      credential: credential ?? nobody, params: paramsOf(route, entry.path), paid, fault, at: entry.at, sequence, requestId,
      shelf: shelfFor(memory, provider, credential === null ? "" : dialect.account(credential, entry.path)),
    };
    if (fault.kind === "hang") await hang(gone.signal);
    if (fault.kind === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    const answer = credential === null ? dialect.missingKey(call) : await answerTo(dialect, route, call, body === null);
    await tell({ response, entry, fault, gone: gone.signal }, answer);
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
    entry.aborted = true;
  } finally {
    memory.ledger.settle();
  }
}

async function answerTo(dialect: Dialect, route: Route | undefined, call: Call, tooLarge: boolean): Promise<Answer> {
  const { fault } = call;
  switch (fault.kind) {
    case "redirect":
      return { status: 307, headers: { location: fault.location }, body: "" };
    case "invalid":
    case "revoked":
    case "no_quota":
    case "rate_limited":
    case "server_error":
    case "scoped":
    case "echo_key": {
      const refusal = dialect.refuse(fault, call);
      if (refusal !== null) return refusal;
    }
  }
  if (tooLarge) return dialect.tooLarge(call);
  if (route !== undefined) return route.answer(call);
  return dialect.routes.some((each) => each.path.test(call.path)) ? dialect.methodNotAllowed(call) : dialect.notFound(call);
}

/** A script decides; without one, a key that the vendor could never have issued is refused. */
function faultFor(scripts: ScriptBook, credential: Credential | null, paid: boolean): Fault {
  if (credential === null) return { kind: "ok" };
  return scripts.next([credential.key, ...credential.aliases], paid) ?? { kind: credential.wellFormed ? "ok" : "invalid" };
}

function shelfFor(memory: Memory, provider: string, account: string): Shelf {
  const name = `${provider} ${account}`;
  const shelf = memory.shelves.get(name) ?? { account };
  memory.shelves.set(name, shelf);
  return shelf;
}

function paramsOf(route: Route | undefined, path: string): string[] {
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

function modelNamed(headers: Readonly<Record<string, string>>, body: Buffer | null): string | null {
  if (body === null || !(headers["content-type"] ?? "").includes("json")) return null;
  const model = jsonBody({ body })?.["model"];
  return typeof model === "string" ? model : null;
}

// What a vendor is to the sandbox: where its key stands, which routes it has, and its words for each refusal. A dialect is
// functions from a call to an answer; it never touches a socket, so a new vendor is a folder and one line in dialects.ts.
import type { Fault } from "./fault.ts";
import type { Turn, Usage } from "./ledger.ts";
import type { Vault } from "./vault.ts";

export interface Credential {
  /** What scripts and the ledger call this key: the key, or a service account's e-mail address. */
  readonly key: string;
  /** Other names that a script may use, such as Twilio's `username:password`. */
  readonly aliases: readonly string[];
  /** What the request brought where it is not the key itself: an access token, a client secret, a signed assertion. */
  readonly presented?: string;
  /** Twilio's account or API key SID; at Google's token endpoint the id of the key that signed; empty elsewhere. */
  readonly username: string;
  /** Which header brought it, where a vendor takes several. */
  readonly header: string;
  /** Whose it is, where its text does not tell: a key that the vendor made on request is of the account that asked. */
  readonly account?: string;
  /** Whether the vendor could have issued it. */
  readonly wellFormed: boolean;
}

/** One request as it came, read whole. */
export interface Arrival {
  readonly method: string;
  /** Without the sandbox's prefix and without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly at: Date;
  /** Who may present what on whose behalf. */
  readonly vault: Vault;
}

/** A request, and what the sandbox found out about it. */
export interface Call extends Arrival {
  readonly credential: Credential;
  /** What the route's pattern captured, decoded. */
  readonly params: readonly string[];
  /** Whether the vendor bills or limits this route. */
  readonly paid: boolean;
  readonly fault: Fault;
  /** The number of this call in the sandbox's life, from 1: ids are made of it, so a run can be repeated. */
  readonly sequence: number;
  readonly requestId: string;
  /** The sandbox's own address of this vendor, for answers that name one. */
  readonly baseUrl: string;
  /** What this account has stored at the vendor. */
  readonly shelf: Shelf;
}

/** An account's room at its vendor. What lies in it is in the drawers; without the shelf they are empty. */
export interface Shelf {
  readonly account: string;
}

/** One kind of thing that accounts keep at their vendor, by id, in the order it was put there. */
export class Drawer<Thing> {
  readonly #byShelf = new WeakMap<Shelf, Map<string, Thing>>();

  of(shelf: Shelf): Map<string, Thing> {
    const things = this.#byShelf.get(shelf) ?? new Map<string, Thing>();
    this.#byShelf.set(shelf, things);
    return things;
  }
}

interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** When the request's JSON body does not name it. */
  readonly model?: string;
  /** What the headers tell of usage, before any of the body. */
  readonly headerUsage?: Usage;
}

export interface PlainAnswer extends AnswerHead {
  readonly body: string | Buffer;
  readonly usage?: Usage;
  /** Where the body is to be written in pieces, in order. */
  readonly splitAt?: readonly number[];
  /** What stands in the body instead when the vendor fails inside a 200, where it does such a thing. */
  readonly failure?: string;
}

/** An event of a stream as it goes over the wire, and what its reader knows of usage from then on. A buffer is a piece of audio. */
export interface StreamEvent {
  readonly text: string | Buffer;
  readonly usage?: Usage;
}

export interface StreamAnswer extends AnswerHead {
  readonly events: Iterable<StreamEvent>;
  /** What the vendor sends when it fails inside the stream; nothing where it has no such thing, and only stops. */
  readonly failure: StreamEvent;
}

export type Answer = PlainAnswer | StreamAnswer;

export interface Route {
  readonly method: "GET" | "POST" | "DELETE" | "PATCH" | "PUT";
  /** Matches the whole path; what it captures becomes `params`. */
  readonly path: RegExp;
  readonly paid: boolean;
  /** Answers without a key, too. */
  readonly open?: true;
  /** Where a key is turned into a token: of its script it meets `invalid` and `revoked` only, and uses no step up. */
  readonly exchange?: true;
  readonly answer: (call: Call) => Answer | Promise<Answer>;
}

/** One message of a WebSocket: a text is a text frame, a buffer a binary one. */
export interface SocketEvent {
  readonly data?: string | Buffer;
  /** What its reader knows of usage from then on. */
  readonly turn?: Turn;
  /** Once the session names it in a message. */
  readonly model?: string;
  /** Ends the connection after `data`. */
  readonly close?: { readonly code: number; readonly reason: string };
}

/**
 * A conversation over a WebSocket. `hear` takes a message in at once and says what follows from it: a list is sent at once, even
 * between the events of an answer that is under way; anything else in its turn, pulled event by event, so that a later message can
 * shorten it.
 */
export interface Session {
  /** Which of the offered subprotocols the handshake takes. */
  readonly protocol?: string;
  /** On the handshake's answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly model?: string;
  open(): readonly SocketEvent[];
  hear(message: Buffer, binary: boolean): Iterable<SocketEvent>;
  /** The connection is gone, however it ended. */
  closed?(at: Date): void;
  /** What the vendor sends when it fails inside the conversation. */
  readonly failure: SocketEvent;
}

export interface SocketRoute {
  /** Matches the whole path; what it captures becomes `params`. */
  readonly path: RegExp;
  /** A refusal is the handshake's answer. */
  readonly open: (call: Call) => Session | PlainAnswer;
}

/** A vendor's words for what can befall a key. Null where this route does not meet it. */
export interface Refusals {
  /** Of a key that the vendor does not know, or no longer. */
  readonly badKey: (call: Call) => Answer | null;
  /** The account is out of money. Calls that are not paid are to be answered. */
  readonly noQuota: (call: Call) => Answer | null;
  readonly rateLimited: (call: Call, retryAfterS: number) => Answer | null;
  /** `status` from 500 to 599. */
  readonly serverError: (call: Call, status: number) => Answer | null;
  /** A live key with few rights. */
  readonly scoped: (call: Call) => Answer | null;
  /** A refusal that repeats the whole key. */
  readonly echoKey: (call: Call) => Answer | null;
  /** A live key for tests only, where the vendor has such. */
  readonly testCredentials?: (call: Call) => Answer | null;
}

export interface Dialect {
  /** Null when the request brings no key at all. */
  credential(arrival: Arrival): Credential | null;
  requestId(sequence: number): string;
  /** Whose shelf the call may use. */
  account(credential: Credential, path: string): string;
  readonly refusals: Refusals;
  missingKey(call: Call): Answer;
  notFound(call: Call): Answer;
  methodNotAllowed(call: Call): Answer;
  tooLarge(call: Call): Answer;
  /** A model that the path names. */
  modelIn?(path: string): string | null;
  /** A refusal of the key inside an open WebSocket, where the vendor words it so. */
  refuseInside?(call: Call): SocketEvent[];
  readonly routes: readonly Route[];
  readonly sockets?: readonly SocketRoute[];
}

/** A body in JSON. */
export function json(status: number, headers: Readonly<Record<string, string>>, body: unknown): PlainAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

/** A server-sent event; `name` null for vendors that only send data. */
export function sse(name: string | null, data: unknown): string {
  return `${name === null ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

/** A refusal as a careless gateway before the vendor might word it: the whole key in a header and, cut in two, in the body. */
export function echoing(answer: PlainAnswer, key: string): PlainAnswer {
  const body = Buffer.from(answer.body);
  const splitAt: number[] = [];
  for (let at = body.indexOf(key); at >= 0; at = body.indexOf(key, at + 1)) splitAt.push(at + Math.floor(key.length / 2));
  return { ...answer, headers: { ...answer.headers, "x-received-key": key }, body, splitAt };
}

/** The page of the vendors' CDN when it finds nobody behind it. */
export function badGatewayPage(): PlainAnswer {
  return {
    status: 502,
    headers: { "content-type": "text/html", server: "cloudflare", "cf-ray": "sandbox-FRA" },
    body: "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>",
  };
}

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field's text; empty when it has none. */
export function textIn(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === "string" ? value : "";
}

/** The request's JSON object, or null when it holds none. */
export function jsonBody(call: { readonly body: Buffer }): JsonObject | null {
  const parsed = parseJson(call.body.toString("utf8"));
  return isObject(parsed) ? parsed : null;
}

/** Undefined when the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever asked refuses it in its own words.
    return undefined;
  }
}

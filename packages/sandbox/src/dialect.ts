// What a vendor is to the sandbox: where its key stands, which routes it has, and its words for each refusal. A dialect is
// functions from a call to an answer; it never touches a socket, so a new vendor is a folder and one line in dialects.ts.
import type { Fault } from "./fault.ts";
import type { Usage } from "./ledger.ts";

export interface Credential {
  /** What scripts and the ledger call this key. */
  readonly key: string;
  /** Other names that a script may use, such as Twilio's `username:password`. */
  readonly aliases: readonly string[];
  /** Twilio's account or API key SID; empty elsewhere. */
  readonly username: string;
  /** Which header brought it, where a vendor takes several. */
  readonly header: string;
  /** Whether the vendor could have issued it. */
  readonly wellFormed: boolean;
}

/** One request, read whole. */
export interface Call {
  readonly method: string;
  /** Without the sandbox's prefix and without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly credential: Credential;
  /** What the route's pattern captured, decoded. */
  readonly params: readonly string[];
  /** Whether the vendor bills or limits this route. */
  readonly paid: boolean;
  readonly fault: Fault;
  readonly at: Date;
  /** The number of this call in the sandbox's life, from 1: ids are made of it, so a run can be repeated. */
  readonly sequence: number;
  readonly requestId: string;
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
}

export interface PlainAnswer extends AnswerHead {
  readonly body: string | Buffer;
  readonly usage?: Usage;
  /** Where the body is to be written in two. */
  readonly splitAt?: number;
}

/** An event of a stream as it goes over the wire, and what its reader knows of usage from then on. */
export interface StreamEvent {
  readonly text: string;
  readonly usage?: Usage;
}

export interface StreamAnswer extends AnswerHead {
  readonly events: Iterable<StreamEvent>;
  /** What the vendor sends when it fails inside the stream. */
  readonly failure: StreamEvent;
}

export type Answer = PlainAnswer | StreamAnswer;

export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** Matches the whole path; what it captures becomes `params`. */
  readonly path: RegExp;
  readonly paid: boolean;
  readonly answer: (call: Call) => Answer | Promise<Answer>;
}

/** Faults that a vendor puts into words; the wire makes the others. */
export type RefusalFault = Extract<
  Fault,
  { kind: "invalid" | "revoked" | "no_quota" | "rate_limited" | "server_error" | "scoped" | "echo_key" }
>;

export interface Dialect {
  /** Null when the request brings no key at all. */
  credential(headers: Readonly<Record<string, string>>): Credential | null;
  requestId(sequence: number): string;
  /** Whose shelf the call may use. */
  account(credential: Credential, path: string): string;
  /** Null when this route does not meet the fault. */
  refuse(fault: RefusalFault, call: Call): Answer | null;
  missingKey(call: Call): Answer;
  notFound(call: Call): Answer;
  methodNotAllowed(call: Call): Answer;
  tooLarge(call: Call): Answer;
  readonly routes: readonly Route[];
}

/** A body in JSON. */
export function json(status: number, headers: Readonly<Record<string, string>>, body: unknown): PlainAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

/** A server-sent event; `name` null for vendors that only send data. */
export function sse(name: string | null, data: unknown): string {
  return `${name === null ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
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

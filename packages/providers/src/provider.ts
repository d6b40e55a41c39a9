import type { z } from "zod";
import type { BYOKError } from "@stack-2025/byok-crypto";
import type { Failure, VendorAnswer } from "./failure.ts";
import type { ProviderHelp } from "./help.ts";
import type { ProviderType } from "./provider-type.ts";
import type { MeteredUsage, StreamMeter } from "./usage.ts";
import type { KeyData, KeyMetadata, ProviderConfig } from "./key-data.ts";
import type { Variable } from "./variables.ts";

/** What a route does at the vendor. On shared and system keys it decides who may call it (see "Routes" in the docs). */
export type RouteClass = "inference" | "create" | "read" | "list" | "manage";

export interface Route {
  /** Our name of the operation, kept with its usage: `chat.completions`, `messages`, `sms.send`. */
  operation: string;
  class: RouteClass;
  /** Touches state kept at the vendor (a file id, a previous response, a paging cursor): such a call never fails over. */
  stateful: boolean;
  /** Acts on the world (sends a message, starts a call): never sent again unless the answer proves that nothing was done. */
  acts: boolean;
  metered: boolean;
  /** Milliseconds to the first byte of an answer that is no stream. */
  firstByteMs: number;
}

/** A request as a provider's folder sees it. `path` is the pathname with its query, without origin. */
export interface VendorRequest {
  method: string;
  path: string;
  /** By lower-case name. */
  headers: Record<string, string>;
}

/** What the meter may know about a call. */
export interface MeteredCall {
  route: Route;
  path: string;
  /** The parsed JSON body that is sent; undefined where the body is no JSON object. */
  body: Readonly<Record<string, unknown>> | undefined;
  /** We asked for usage where the caller did not: what it adds to the answer is taken out again. */
  askedByUs: boolean;
  /** The answer's headers by lower-case name, for vendors that count there; absent until there is an answer. */
  answerHeaders?: Readonly<Record<string, string>>;
}

export interface Meter {
  /** The body to send so that the answer carries usage; undefined: send the caller's own bytes. */
  ask(route: Route, body: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined;
  /** Usage of a whole JSON answer; null where it carries none. */
  json(answer: unknown, call: MeteredCall): MeteredUsage | null;
  stream(call: MeteredCall): StreamMeter;
}

/** A question of ours to the vendor: complete, its credential in place. */
export interface Question {
  method: "GET" | "POST";
  path: string;
  /**
   * Only where the address stands in the key data and was found to lie on the operator's own base URL: the path is then
   * whole, and nothing is put before it.
   */
  origin?: string;
  headers?: Record<string, string>;
  body?: string;
}

/**
 * Asks the vendor something: 10 s in all, 64 KiB of answer. Where the question names no origin, the path's is
 * `origin(keyData, path)` or the operator's. Rejects with ProviderUnavailableError.
 */
export type Ask = (question: Question) => Promise<VendorAnswer>;

/** What a stored key was exchanged for: a secret of its own, good until a moment. */
export type TokenOutcome = { outcome: "token"; token: string; expiresAt: Date } | { outcome: "refused"; failure: Failure };

/** A probe says `invalid` only where it is certain: doubt is resolved by a second question, or reported as it came. */
export type ProbeOutcome =
  | { outcome: "alive"; balance: { amount: string; currency: string } | null; note: string | null; metadata?: Record<string, string> }
  | { outcome: "refused"; failure: Failure };

/** `of` is the vendor's own id of the message, call or request, as the answer that took the order gave it. */
export interface LaterUsage {
  of: string;
  usage: MeteredUsage;
}

/** How a request of ours is refused in the vendor's own error shape, so that its SDK raises what its users know. */
export interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * One vendor. Adding one means adding a folder that exports this and a line in the registry. All methods are pure but
 * `probe`, which speaks through `ask` alone; none reads the environment.
 */
export interface Provider<P extends ProviderType = ProviderType> {
  readonly type: P;
  /** As the vendor writes it: `OpenAI`. */
  readonly name: string;
  /** Its schema gives the type of `keyData`, the check, the form and the document. */
  readonly credentials: z.ZodType<KeyData<P>>;
  /** Environment variables of the vendor's world, in the order in which its SDK would look. */
  readonly variables: readonly Variable[];
  readonly help: ProviderHelp;

  /**
   * Trims and checks pasted key data. `baseUrl`: an operator's override; an address in key data may lie on it.
   *
   * @throws KeyValidationError naming the field, never its value
   */
  parse(keyData: unknown, baseUrl?: string): KeyData<P>;
  /** The principal secret: API key, auth token, key secret. */
  principal(keyData: KeyData<P>): string;
  /** Every secret value in it, for scrubbing. */
  secrets(keyData: KeyData<P>): string[];
  /** The same credentials give the same text, whatever the order or spelling of their fields: what fingerprints are made of. */
  canonical(keyData: KeyData<P>): string;
  /** What is not secret: organization, project, accountSid … */
  metadata(keyData: KeyData<P>): KeyMetadata<P>;

  /** The vendor's origin for this key and path (`https://api.openai.com`); regional keys and vendors with several hosts differ. */
  origin(keyData: KeyData<P>, path: string): string;
  /** True for a host name that is the vendor's own: `fetchFor` refuses every other. */
  owns(hostname: string): boolean;
  /** Headers (lower case) and query parameters in which a credential, or what goes with it, can stand. Removed from every request. */
  readonly credentialHeaders: readonly string[];
  readonly credentialParameters: readonly string[];
  /** The byok token where the vendor's SDK puts its key; null where there is none there. */
  presentedToken(request: VendorRequest): string | null;
  /**
   * Where requests do not carry the stored secret itself but a token that it is exchanged for (a service account): makes
   * one. null: this key goes into its requests as it is. Absent: so does every key of this vendor. Who calls keeps the
   * token with the key's version, scrubs it like a secret, and makes a new one a minute before `expiresAt`, or at once
   * where a call with it was answered 401.
   */
  accessToken?(keyData: KeyData<P>, ask: Ask, now: Date, baseUrl?: string): Promise<TokenOutcome> | null;
  /**
   * Puts the key in, or the token that it was exchanged for: sets headers, and rewrites the path where the account stands
   * in it. The request is already stripped. Without the token that a key needs, the credential is left as it is.
   */
  authorize(request: VendorRequest, keyData: KeyData<P>, accessToken?: string): VendorRequest;

  /** The route of a call; null: unknown, which passes on the caller's own key only. `pathname` has no query. */
  route(method: string, pathname: string): Route | null;
  /**
   * True where the call touches state kept at the vendor: its route does, or its body names something stored there (a
   * previous response, a file id). Such a call never fails over, and on a system key it is no plain inference.
   */
  readsStored(route: Route, body: Readonly<Record<string, unknown>> | undefined): boolean;
  /** The model that a call names; null where it names none. */
  model(path: string, body: Readonly<Record<string, unknown>> | undefined): string | null;
  readonly meter: Meter;
  /**
   * What a later report tells of something that was ordered before: a resource that was fetched again, or the body of a
   * callback (its JSON, or the fields of its form). null: it tells no usage. Absent: this vendor reports nothing later.
   */
  report?(report: Readonly<Record<string, unknown>>): LaterUsage | null;
  /** Names a failed answer (status ≥ 400, or a 200 that carries an error). `now` resolves dates in its text. */
  classify(answer: VendorAnswer, now: Date): Failure;
  /** The vendor's own id of a call, from the headers of its answer. */
  vendorRequestId(headers: Readonly<Record<string, string>>): string | null;

  /** Free and read-only. A scoped key that may not do the probe is alive. */
  probe(keyData: KeyData<P>, ask: Ask, now: Date, baseUrl?: string): Promise<ProbeOutcome>;
  /** Constructor options of the vendor's official SDK, immune to the host's environment. `baseUrl`: an operator's override, without the version segment. */
  config(keyData: KeyData<P>, baseUrl: string | undefined): ProviderConfig<P>;
  refusal(error: BYOKError): Refusal;
}

/** Checks the shape where it is written and keeps its type. */
export function defineProvider<P extends ProviderType>(provider: Provider<P>): Provider<P> {
  return provider;
}

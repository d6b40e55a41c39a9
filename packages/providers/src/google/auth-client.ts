/**
 * What Google's SDKs call an auth client, for calls that shall not go where those SDKs would send them: to an operator's
 * base URL, or without what the host's environment would add. It has the few methods that @google/genai and google-gax
 * (its REST mode) use of one. The key stays inside; printing shows nothing of it.
 */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import type { Ask, TokenOutcome } from "../provider.ts";

/** A minute before its end a token is made anew. */
const leewayMs = 60_000;

/** Headers that carry the credential; asked for before each call. `again`: the vendor refused the last ones. */
export type Credential = (again: boolean) => Promise<Record<string, string>>;

export class GoogleAuthClient {
  readonly universeDomain = "googleapis.com";
  readonly #credential: Credential;
  readonly #baseUrl: string | undefined;

  constructor(credential: Credential, baseUrl: string | undefined) {
    this.#credential = credential;
    this.#baseUrl = baseUrl;
  }

  async getRequestHeaders(): Promise<Headers> {
    return new Headers(await this.#credential(false));
  }

  async getAccessToken(): Promise<{ token: string | null }> {
    const { authorization } = await this.#credential(false);
    return { token: authorization?.replace(/^Bearer /, "") ?? null };
  }

  /** google-gax gives its vendor's URL; path and query are kept, the origin is the operator's where one is set. */
  async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const first = await this.#send(url, init, false);
    return first.status === 401 ? this.#send(url, init, true) : first;
  }

  async #send(given: string | URL, { method, headers, body, signal }: RequestInit, again: boolean): Promise<Response> {
    const url = new URL(given);
    const target = this.#baseUrl === undefined ? url : new URL(`${this.#baseUrl.replace(/\/+$/, "")}${url.pathname}${url.search}`);
    const sent = new Headers(headers);
    for (const [name, value] of Object.entries(await this.#credential(again))) sent.set(name, value);
    return fetch(target, { method: method ?? "GET", headers: sent, body: body ?? null, signal: signal ?? null, redirect: "manual" });
  }
}

/**
 * The client as an option of the SDK's constructor. Its type there is a union of Google's own classes, which no other class
 * fits; that it has what they are used for is held by the tests that run those SDKs.
 */
export function asOption(client: GoogleAuthClient): never {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return client as never;
}

interface Token {
  token: string;
  expiresAt: Date;
}

/** A credential whose token is made by an exchange, kept until shortly before its end; callers that come together share one exchange. */
export function exchanged(exchange: (ask: Ask, now: Date) => Promise<TokenOutcome>, baseUrl: string | undefined, origin: (path: string) => string): Credential {
  let kept: Token | undefined;
  let pending: Promise<Token> | undefined;

  const ask: Ask = async (question) => {
    const base = question.origin ?? (baseUrl ?? origin(question.path)).replace(/\/+$/, "");
    const answer = await fetch(`${base}${question.path}`, {
      method: question.method,
      headers: question.headers ?? {},
      body: question.body ?? null,
      redirect: "manual",
      signal: AbortSignal.timeout(10_000),
    });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  };

  async function make(): Promise<Token> {
    const made = await exchange(ask, new Date());
    if (made.outcome === "refused") throw new ProviderUnavailableError(`Google gave no access token: ${made.failure.reason}`, { details: { provider: "google", reason: made.failure.verdict } });
    kept = made;
    return made;
  }

  return async (again) => {
    if (again) kept = undefined;
    if (kept && kept.expiresAt.getTime() - leewayMs > Date.now()) return { authorization: `Bearer ${kept.token}` };
    pending ??= make().finally(() => {
      pending = undefined;
    });
    return { authorization: `Bearer ${(await pending).token}` };
  };
}

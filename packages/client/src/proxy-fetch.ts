/** A `fetch` for the vendors' SDKs that calls through the service's proxy: the key stays there. */
import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { OwnerOrUser, ProviderType, UseOptions } from "@stack-2025/byok-core";

/** Gives the byok token; asked at each request, so that it may be renewed. */
export type TokenSource = () => Promise<string>;

interface Place {
  /** Hosts that the vendor's SDK calls by itself. */
  hosts: RegExp;
  /** Where its key stands, and so our token. */
  present(token: string): [header: string, value: string];
}

const bearer = (token: string): [string, string] => ["authorization", `Bearer ${token}`];
const googleKey = (token: string): [string, string] => ["x-goog-api-key", token];

const places: Record<ProviderType, Place> = {
  openai: { hosts: /^(?:(?:us|eu|ae|au|in|jp)\.)?api\.openai\.com$/, present: bearer },
  anthropic: { hosts: /^api\.anthropic\.com$/, present: bearer },
  gemini: { hosts: /^generativelanguage\.googleapis\.com$/, present: googleKey },
  vertex: { hosts: /^(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com$/, present: bearer },
  google_speech: { hosts: /^(?:[a-z0-9-]+-)?(?:speech|texttospeech)\.googleapis\.com$/, present: googleKey },
  openrouter: { hosts: /^openrouter\.ai$/, present: bearer },
  deepgram: { hosts: /^(?:api|agent)(?:\.eu)?\.deepgram\.com$/, present: (token) => ["authorization", `Token ${token}`] },
  twilio: { hosts: /^[a-z]+(?:\.[a-z-]+\.[a-z]{2}[0-9])?\.twilio\.com$/, present: (token) => ["authorization", `Basic ${btoa(`byok:${token}`)}`] },
  telnyx: { hosts: /^api\.telnyx\.com$/, present: bearer },
};

/** Whatever key the SDK was given is taken out. */
const credentialHeaders = ["authorization", "x-api-key", "x-goog-api-key", "api-key"] as const;

export interface ProxyFetch {
  /** The service's root, without a slash at its end. */
  url: string;
  token: TokenSource;
  fetch: typeof fetch;
}

/** @throws InvalidInputError `{ system: true }`, which no call can name through the proxy */
export function proxyFetch(service: ProxyFetch, owner: OwnerOrUser, provider: ProviderType, options: UseOptions = {}): typeof fetch {
  const place = places[provider];
  if (!Object.hasOwn(places, provider)) throw invalid("provider", `has to be one of ${Object.keys(places).join(", ")}`);
  const named = optionHeaders(ownerHeader(owner), options);
  const base = `${service.url}/proxy/${provider}`;
  return async (input, init) => {
    const target = addressOf(input, base, provider, place.hosts);
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    for (const name of credentialHeaders) headers.delete(name);
    for (const [name, value] of named) headers.set(name, value);
    const [name, value] = place.present(await service.token());
    headers.set(name, value);
    const signal = joined(options.signal, init?.signal ?? (input instanceof Request ? input.signal : undefined));
    return service.fetch(input instanceof Request ? new Request(target, input) : target, { ...init, headers, ...(signal && { signal }) });
  };
}

/** The proxy's address for what the SDK asked for. @throws InvalidInputError the host is another's; nothing is sent */
function addressOf(input: string | URL | Request, base: string, provider: ProviderType, hosts: RegExp): string {
  const url = new URL(input instanceof Request ? input.url : input);
  if (url.href === base || url.href.startsWith(`${base}/`) || url.href.startsWith(`${base}?`)) return url.href;
  if (url.protocol !== "https:" || !hosts.test(url.hostname)) {
    throw invalid("url", `${url.host} is not an address of ${provider}; this fetch calls ${provider} alone, and nothing was sent`);
  }
  url.searchParams.delete("key");
  return `${base}${url.pathname}${url.search}`;
}

function ownerHeader(owner: OwnerOrUser): [string, string] {
  if (typeof owner === "string") return ["byok-user", byteText(owner)];
  if ("userId" in owner) return ["byok-user", byteText(owner.userId)];
  if ("organizationId" in owner) return ["byok-organization", byteText(owner.organizationId)];
  throw invalid("owner", "{ system: true } cannot be called for through the service; name the user or the organization that calls");
}

function optionHeaders(owner: [string, string], { environment, organizationId, keyId, model, label, fallbackToSystem }: UseOptions): [string, string][] {
  if (organizationId !== undefined) throw invalid("options.organizationId", "cannot narrow a call through the service; name the organization as the owner");
  const headers = [owner];
  if (environment !== undefined) headers.push(["byok-environment", environment]);
  if (keyId !== undefined) headers.push(["byok-key", byteText(keyId)]);
  if (model !== undefined) headers.push(["byok-model", byteText(model)]);
  if (label !== undefined) headers.push(["byok-label", byteText(label)]);
  if (fallbackToSystem === false) headers.push(["byok-fallback", "none"]);
  return headers;
}

/** Header values are bytes: people's ids and labels travel as UTF-8 in them. */
const byteText = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text.normalize("NFC")));

const invalid = (path: string, message: string): InvalidInputError => new InvalidInputError(`${path}: ${message}.`, { issues: [{ path, message }] });

function joined(...signals: (AbortSignal | null | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal): signal is AbortSignal => signal !== null && signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}

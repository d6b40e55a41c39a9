import type { Readable } from "node:stream";
import { KeyValidationError } from "@stack-2025/byok-crypto";
import { providerFor, type Failure, type MeteredCall, type Provider, type ProviderType, type Route } from "@stack-2025/byok-providers";
import type { KeySource, UseOptions } from "../byok.ts";
import type { Core } from "../core.ts";
import type { OwnerRef } from "../owners.ts";
import type { Scope } from "../scope.ts";
import { answerBody, bodyKind, readSome } from "./answer-body.ts";
import { formModel, jsonObject, type JsonObject } from "./call-body.ts";
import { flatHeaders, forwardedHeaders, forwardedPath, returnedHeaders } from "./headers.ts";
import { scrubbed, scrubbedStream } from "./scrubbed.ts";
import { settle } from "./settle.ts";
import { NoAnswerError, type IncomingAnswer } from "./transport.ts";
import { pathnameOf, vendorUrl } from "./vendor-url.ts";
import { withCandidates, type Outcome, type Try } from "./with-key.ts";

/** A provider call as a caller made it: its own credentials still in, or not; they are taken out here. */
export interface DoorRequest {
  provider: ProviderType;
  method: string;
  /** Pathname and query as the provider knows them: `/v1/chat/completions`. */
  path: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  /** Bytes can be sent again to another key; a stream cannot. */
  body: Uint8Array | Readable | null;
}

/** The provider's answer, on its way to the caller. */
export interface DoorAnswer {
  status: number;
  /** Lower-case names. Hop-by-hop headers, cookies and whatever holds the key are gone. */
  headers: Record<string, string | string[]>;
  /**
   * The answer's bytes as they come. What closes the format waits until the usage is durable, for at most a second.
   * Ending the iteration early, or aborting the signal, cuts the call at the provider; it is counted then too.
   */
  body: AsyncIterable<Uint8Array>;
  keyId: string;
  source: KeySource;
  /** Calls that reached the provider, this one included. */
  attempts: number;
  requestId: string;
}

/** A refusal is read whole up to here: it is classified, scrubbed, and perhaps thrown away for the next key's answer. */
const largestRefusal = 1_048_576;
const classified = 65_536;
const unlistedFirstByteMs = 600_000;

/**
 * Makes a provider call with the owner's key: resolves, reserves, opens, sends, and moves on to the next key where the
 * provider's table says that another one could help. `fetchFor` and the proxy are the two callers.
 *
 * @throws BYOKError no key was usable before any call; if a provider answered, its last answer is returned instead
 */
export async function callProvider(scope: Scope, owner: OwnerRef, request: DoorRequest, options: UseOptions): Promise<DoorAnswer> {
  const provider = providerFor(request.provider);
  const json = jsonObject(request.body);
  const route = routeOf(provider, request, json);
  // What is sent decides; the caller's own word counts only where the call itself names no model.
  const model = provider.model(request.path, json) ?? formModel(request.body, request.headers["content-type"]) ?? options.model ?? null;
  const asked = route?.metered && json ? provider.meter.ask(route, json) : undefined;
  const call: Call = {
    provider, route, model, options, owner,
    path: forwardedPath(request.path, provider),
    method: request.method,
    headers: forwardedHeaders(request.headers, provider),
    body: asked ? Buffer.from(JSON.stringify(asked)) : request.body,
    metered: route?.metered ? { route, path: request.path, body: asked ?? json, askedByUs: asked !== undefined } : null,
  };
  // A stream keeps the length that was announced: not every vendor takes chunks.
  const length = request.headers["content-length"];
  if (length !== undefined && isStream(call.body)) call.headers["content-length"] = length;
  // What is metered is asked for unencoded: usage is read from the bytes as they pass.
  if (call.metered) call.headers["accept-encoding"] = "identity";
  return withCandidates(
    scope,
    { owner, provider: request.provider, options, model, route: route ?? "unknown", once: isStream(request.body) },
    (one) => attempt(scope, call, one),
  );
}

interface Call {
  provider: Provider;
  route: Route | null;
  model: string | null;
  options: UseOptions;
  owner: OwnerRef;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | Readable | null;
  metered: MeteredCall | null;
}

async function attempt(scope: Scope, call: Call, one: Try): Promise<Outcome<DoorAnswer>> {
  const { provider } = call;
  const { keyData } = one.key;
  const { core } = scope;
  const startedAt = core.clock.monotonic();
  let token: string | undefined;
  let answer: IncomingAnswer;
  try {
    const exchanged = await core.accessTokens.for(core, provider, one.key);
    if (exchanged?.outcome.outcome === "refused") {
      await one.reservation.release();
      return refusedExchange(provider, one, exchanged.outcome.failure);
    }
    token = exchanged?.outcome.token;
    answer = await send(core, call, one, token);
    if (answer.status === 401 && exchanged && !exchanged.fresh && !isStream(call.body)) {
      // The token may have ended before its time: one more, with a new one.
      answer.body.destroy();
      core.accessTokens.drop(one.key);
      const again = await core.accessTokens.for(core, provider, one.key);
      token = again?.outcome.outcome === "token" ? again.outcome.token : token;
      answer = await send(core, call, one, token);
    }
  } catch (error) {
    if (error instanceof NoAnswerError && !error.sent) {
      await one.reservation.release();
      return { kind: "unsent", error };
    }
    await settleCall(scope, call, one, startedAt, { usage: null, outcome: "error", status: null, requests: 1, vendorRequestId: null });
    throw error;
  }

  const headers = flatHeaders(answer.headers);
  const vendorRequestId = provider.vendorRequestId(headers);
  const secrets = token === undefined ? provider.secrets(keyData) : [...provider.secrets(keyData), token];
  const respond = (body: AsyncIterable<Uint8Array>, length?: number): DoorAnswer => ({
    status: answer.status,
    headers: { ...returnedHeaders(answer.headers, secrets), ...(length !== undefined && { "content-length": String(length) }) },
    body,
    keyId: one.key.keyId,
    source: one.candidate.source,
    attempts: one.number,
    requestId: one.requestId,
  });

  if (answer.status < 400) {
    const kind = bodyKind(headers["content-type"], (headers["content-encoding"] ?? "identity") !== "identity");
    // Where a vendor shows the credential itself, the caller sees that there is one.
    const shows = call.route === null || call.route.class === "manage";
    const bytes = { chunks: shows ? scrubbedStream(answer.body, secrets) : answer.body, destroy: () => answer.body.destroy() };
    const body = answerBody(bytes, kind, provider, call.metered && { ...call.metered, answerHeaders: headers }, ({ usage, outcome }) =>
      settleCall(scope, call, one, startedAt, { usage, outcome, status: answer.status, requests: 1, vendorRequestId }),
    );
    return { kind: "answer", value: respond(body) };
  }

  const refused = scrubbed(await readSome(answer.body, largestRefusal), secrets);
  const failure = provider.classify({ status: answer.status, headers, body: refused.subarray(0, classified).toString("utf8") }, scope.core.clock.now());
  const end = (requests: 0 | 1): Promise<void> => settleCall(scope, call, one, startedAt, { usage: null, outcome: "error", status: answer.status, requests, vendorRequestId });
  return {
    kind: "refused",
    failure,
    value: async () => {
      await end(1);
      return respond(once(refused), call.method === "HEAD" ? undefined : refused.length);
    },
    discard: () => scope.core.background(end(0)),
  };
}

function send(core: Core, call: Call, one: Try, token: string | undefined): Promise<IncomingAnswer> {
  const { provider } = call;
  const { keyData } = one.key;
  const authorized = provider.authorize({ method: call.method, path: call.path, headers: { ...call.headers } }, keyData, token);
  return core.transport.send({
    method: authorized.method,
    url: vendorUrl(core.baseUrl(one.key.provider), provider, keyData, authorized),
    headers: authorized.headers,
    body: call.body,
    firstByteMs: call.route?.firstByteMs ?? unlistedFirstByteMs,
    signal: call.options.signal,
  });
}

/** The key was refused before there was a call: where no other one is left, the caller hears of it from us. */
function refusedExchange(provider: Provider, one: Try, failure: Failure): Outcome<DoorAnswer> {
  return {
    kind: "refused",
    failure,
    value: () => {
      throw new KeyValidationError(`${provider.name} gave no token for the key: ${failure.reason}`, { details: { keyId: one.key.keyId, provider: provider.type, providerCode: failure.code } });
    },
    discard: () => undefined,
  };
}

const isStream = (body: Call["body"]): boolean => body !== null && !(body instanceof Uint8Array);

async function settleCall(
  scope: Scope,
  call: Call,
  one: Try,
  startedAt: number,
  end: { usage: Parameters<typeof settle>[3]["usage"]; outcome: "ok" | "error"; status: number | null; requests: 0 | 1; vendorRequestId: string | null },
): Promise<void> {
  if (!call.metered) return one.reservation.settle(null, null);
  return settle(scope, call.owner, one, {
    ...end,
    operation: call.metered.route.operation,
    model: call.model,
    label: call.options.label ?? null,
    latencyMs: scope.core.clock.monotonic() - startedAt,
  });
}

/** The vendor's route; a body that names something stored at the vendor makes any of them stateful. */
function routeOf(provider: Provider, request: DoorRequest, json: JsonObject | undefined): Route | null {
  const route = provider.route(request.method, pathnameOf(request.path));
  return route && { ...route, stateful: provider.readsStored(route, json) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

import { KeyValidationError, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { scrub, type Ask, type Failure, type KeyData, type Provider } from "@stack-2025/byok-providers";
import type { Core } from "../core.ts";
import { readSome } from "../use/answer-body.ts";
import { flatHeaders } from "../use/headers.ts";
import { vendorUrl } from "../use/vendor-url.ts";

/** All of a probe's questions together. */
const longestProbeMs = 10_000;
const longestAnswer = 65_536;

/** How a provider's folder asks its vendor something with a key: bounded in time and size, scrubbed of the key. */
export function askVendor(core: Pick<Core, "transport" | "baseUrl">, provider: Provider, keyData: KeyData): Ask {
  const signal = AbortSignal.timeout(longestProbeMs);
  return async ({ method, path, origin, headers, body }) => {
    // The folder has put in what its question needs; a key that goes in as it is goes in here at the latest.
    const request = provider.authorize({ method, path, headers: { accept: "application/json", "accept-encoding": "identity", ...headers } }, keyData);
    try {
      const answer = await core.transport.send({
        method: request.method,
        url: origin === undefined ? vendorUrl(core.baseUrl(provider.type), provider, keyData, request) : vendorUrl(origin, provider, keyData, request),
        headers: request.headers,
        body: body === undefined ? null : Buffer.from(body),
        firstByteMs: longestProbeMs,
        signal,
      });
      const text = (await readSome(answer.body, longestAnswer)).toString("utf8");
      return { status: answer.status, headers: flatHeaders(answer.headers), body: scrub(text, provider.secrets(keyData)) };
    } catch (error) {
      if (signal.aborted) throw new ProviderUnavailableError(`${provider.name} did not answer within ${longestProbeMs / 1_000} s.`, { details: { reason: "timeout" } });
      throw error;
    }
  };
}

/** What a probe says of a key, in the words of its status. */
export type Probed =
  | { status: "active"; until: null; reason: string | null; balance: { amount: string; currency: string } | null; latencyMs: number }
  | { status: "exhausted"; until: Date | null; reason: string; balance: null; latencyMs: number }
  | { status: "invalid"; until: null; reason: string; balance: null; latencyMs: number; failure: Failure };

/** Asks the provider whether a key is alive. @throws ProviderUnavailableError it cannot be told now; the key is not blamed */
export async function probe(core: Pick<Core, "transport" | "baseUrl" | "clock">, provider: Provider, keyData: KeyData): Promise<Probed> {
  const startedAt = core.clock.monotonic();
  const probed = await provider.probe(keyData, askVendor(core, provider, keyData), core.clock.now(), core.baseUrl(provider.type));
  const latencyMs = Math.round(core.clock.monotonic() - startedAt);
  if (probed.outcome === "alive") return { status: "active", until: null, reason: probed.note, balance: probed.balance, latencyMs };
  const { failure } = probed;
  switch (failure.verdict) {
    case "invalid":
      return { status: "invalid", until: null, reason: failure.reason, balance: null, latencyMs, failure };
    case "exhausted":
      return { status: "exhausted", until: failure.until, reason: failure.reason, balance: null, latencyMs };
    case "forbidden":
      // It may not do what the probe does; what it may do, it does.
      return { status: "active", until: null, reason: failure.reason, balance: null, latencyMs };
    default:
      throw new ProviderUnavailableError(`${provider.name} could not say whether the key works: ${failure.reason}`, { details: { reason: failure.verdict } });
  }
}

/**
 * Asks before something is stored. Undefined where the provider cannot say now: the key is then stored as `unchecked`.
 *
 * @throws KeyValidationError the provider refuses the key
 */
export async function probeNow(core: Core, provider: Provider, keyData: KeyData): Promise<Probed | undefined> {
  let probed: Probed;
  try {
    probed = await probe(core, provider, keyData);
  } catch (error) {
    core.logger.info({ provider: provider.type, code: "PROVIDER_UNAVAILABLE" }, "a new key could not be checked yet");
    if (error instanceof ProviderUnavailableError) return undefined;
    throw error;
  }
  if (probed.status !== "invalid") return probed;
  throw new KeyValidationError(`${provider.name} refused the key: ${probed.reason}`, {
    details: { field: "keyData", problem: "refused", provider: provider.type, providerCode: probed.failure.code },
  });
}

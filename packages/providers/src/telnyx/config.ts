/**
 * Where Telnyx is (one host, no regions), and the options of its SDK. With the key alone the SDK would send it to
 * `TELNYX_BASE_URL`, and take an OAuth client of the host's into account (measured on telnyx 7.24.0).
 */
import type { KeyData, ProviderConfig } from "../key-data.ts";

const host = "api.telnyx.com";
export const origin = `https://${host}`;

export function ownsHost(hostname: string): boolean {
  return hostname === host;
}

/** `null` keeps the SDK from reading a variable. Retries are 0: a message that timed out would be sent twice, since the SDK sets no idempotency header. */
export function sdkConfig({ apiKey, publicKey }: KeyData<"telnyx">, baseUrl: string | undefined): ProviderConfig<"telnyx"> {
  return {
    apiKey,
    publicKey: publicKey ?? null,
    clientID: null,
    clientSecret: null,
    baseURL: `${(baseUrl ?? origin).replace(/\/+$/, "")}/v2`,
    maxRetries: 0,
  };
}

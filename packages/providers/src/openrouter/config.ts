/**
 * Where OpenRouter is, and the options of its SDK. With the key alone the SDK would send it to `OPENROUTER_BASE_URL`,
 * and the host's own name to OpenRouter in the headers of attribution (measured on @openrouter/sdk 1.3.19).
 */
import type { KeyData, ProviderConfig } from "../key-data.ts";

const host = "openrouter.ai";
export const origin = `https://${host}`;
/** Regional hosts of business plans take the same keys. */
const hosts: ReadonlySet<string> = new Set([host, `eu.${host}`, `us.${host}`]);

export function ownsHost(hostname: string): boolean {
  return hosts.has(hostname);
}

/**
 * Without `retryConfig` the SDK would send a call that met a 5xx again for up to an hour. Empty attribution is none; who
 * wants some spreads this and adds their own.
 */
export function sdkConfig({ apiKey }: KeyData<"openrouter">, baseUrl: string | undefined): ProviderConfig<"openrouter"> {
  return {
    apiKey,
    serverURL: `${(baseUrl ?? origin).replace(/\/+$/, "")}/api/v1`,
    retryConfig: { strategy: "none" },
    httpReferer: "",
    appTitle: "",
    appCategories: "",
  };
}

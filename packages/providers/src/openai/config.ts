/**
 * Where OpenAI is, and the options of its SDK. Every option that the SDK would otherwise take from the environment is
 * given: with the key alone it would send it to `OPENAI_BASE_URL` (measured on openai 7.57.0).
 */
import type { KeyData, ProviderConfig } from "../key-data.ts";
import { openaiRegions } from "./credentials.ts";

const globalHost = "api.openai.com";
const hosts: ReadonlySet<string> = new Set([globalHost, ...openaiRegions.map((region) => `${region}.${globalHost}`)]);

export function ownsHost(hostname: string): boolean {
  return hosts.has(hostname);
}

export function originOf({ region }: KeyData<"openai">): string {
  return `https://${region === undefined ? "" : `${region}.`}${globalHost}`;
}

/** `null` keeps the SDK from reading a variable; `undefined` would not. Retries are 0: whoever fails over counts attempts. */
export function sdkConfig(keyData: KeyData<"openai">, baseUrl: string | undefined): ProviderConfig<"openai"> {
  return {
    apiKey: keyData.apiKey,
    adminAPIKey: null,
    organization: keyData.organization ?? null,
    project: keyData.project ?? null,
    baseURL: `${(baseUrl ?? originOf(keyData)).replace(/\/+$/, "")}/v1`,
    maxRetries: 0,
  };
}

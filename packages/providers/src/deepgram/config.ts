/**
 * Where Deepgram is, and the options of its SDK. Hosts are given as `environment`: `baseUrl` alone would send WebSockets of
 * the agent to the wrong one (sdk 5.13.0, `environments.js`).
 */
import type { KeyData, ProviderConfig } from "../key-data.ts";
import { deepgramRegions } from "./credentials.ts";

const domain = "deepgram.com";
const hosts: ReadonlySet<string> = new Set([`api.${domain}`, `agent.${domain}`, ...deepgramRegions.map((region) => `api.${region}.${domain}`)]);

export function ownsHost(hostname: string): boolean {
  return hosts.has(hostname);
}

/** The voice agent has a host of its own; in a region one host has everything. */
export function originOf({ region }: KeyData<"deepgram">, path: string): string {
  if (region !== undefined) return `https://api.${region}.${domain}`;
  return path.startsWith("/v1/agent/") ? `https://agent.${domain}` : `https://api.${domain}`;
}

/** Retries and reconnecting are off: whoever fails over counts attempts. */
export function sdkConfig(keyData: KeyData<"deepgram">, baseUrl: string | undefined): ProviderConfig<"deepgram"> {
  const at = (path: string): string => (baseUrl ?? originOf(keyData, path)).replace(/\/+$/, "");
  const rest = at("/");
  const agent = at("/v1/agent/converse");
  return {
    apiKey: keyData.apiKey,
    environment: { base: rest, production: rest.replace(/^http/, "ws"), agent: agent.replace(/^http/, "ws"), agentRest: agent },
    maxRetries: 0,
    reconnect: false,
  };
}

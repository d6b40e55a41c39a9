/**
 * Where Anthropic is (one host, no regions), and the options of its SDK. With the key alone the SDK would send it to
 * `ANTHROPIC_BASE_URL` (measured on @anthropic-ai/sdk 1.12.0); its base URL has no version segment.
 */
import type { KeyData, ProviderConfig } from "../key-data.ts";

const host = "api.anthropic.com";
export const origin = `https://${host}`;
export const workspaceHeader = "anthropic-workspace-id";

export function ownsHost(hostname: string): boolean {
  return hostname === host;
}

/** Retries are 0: whoever fails over counts attempts. */
export function sdkConfig({ apiKey, workspaceId }: KeyData<"anthropic">, baseUrl: string | undefined): ProviderConfig<"anthropic"> {
  return {
    apiKey,
    baseURL: (baseUrl ?? origin).replace(/\/+$/, ""),
    ...(workspaceId !== undefined && { defaultHeaders: { [workspaceHeader]: workspaceId } }),
    maxRetries: 0,
  };
}

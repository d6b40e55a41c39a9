/**
 * Where Gemini is (one host, no regions), and the options of its SDK. With the key alone the environment could turn the
 * client into one of Vertex, or send the key to `GOOGLE_GEMINI_BASE_URL` (measured on @google/genai 3.1.0).
 */
import type { KeyData, ProviderConfig } from "../key-data.ts";

const host = "generativelanguage.googleapis.com";
export const origin = `https://${host}`;

export function ownsHost(hostname: string): boolean {
  return hostname === host;
}

/** `httpOptions` is made anew each time: the constructor writes into it. Without `retryOptions` the SDK sends a call once. */
export function sdkConfig({ apiKey }: KeyData<"gemini">, baseUrl: string | undefined): ProviderConfig<"gemini"> {
  return { apiKey, vertexai: false, httpOptions: { baseUrl: `${(baseUrl ?? origin).replace(/\/+$/, "")}/`, apiVersion: "v1beta" } };
}

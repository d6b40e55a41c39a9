import type { ProviderType } from "./provider-type.ts";

/** A service account's JSON, as text or parsed. */
export type ServiceAccount = string | Record<string, unknown>;

/**
 * Google's own key, or an auth client of ours that sends nothing past the operator's base URL: `never`, so that it fits an
 * option whose type is a union of Google's own classes.
 */
type GoogleAuthOptions = { credentials: { client_email: string; private_key: string }; projectId: string; universeDomain: string } | { authClient: never };

interface KeyDataByProvider {
  openai: { apiKey: string; organization?: string | undefined; project?: string | undefined; region?: string | undefined };
  anthropic: { apiKey: string; workspaceId?: string | undefined };
  gemini: { apiKey: string };
  vertex: { serviceAccount: ServiceAccount; location?: string | undefined; project?: string | undefined } | { apiKey: string };
  google_speech: { serviceAccount: ServiceAccount } | { apiKey: string };
  openrouter: { apiKey: string };
  deepgram: { apiKey: string; projectId?: string | undefined; region?: string | undefined };
  twilio: { accountSid: string; region?: string | undefined; edge?: string | undefined } & (
    | { authToken: string; apiKeySid?: undefined; apiKeySecret?: undefined }
    | { apiKeySid: string; apiKeySecret: string; authToken?: undefined }
  );
  telnyx: { apiKey: string; publicKey?: string | undefined };
}

interface KeyMetadataByProvider {
  openai: { organization?: string; project?: string; region?: string };
  anthropic: { workspaceId?: string };
  gemini: Record<string, never>;
  vertex: { project?: string; location?: string; clientEmail?: string };
  google_speech: { project?: string; clientEmail?: string };
  openrouter: Record<string, never>;
  deepgram: { projectId?: string; region?: string };
  twilio: { accountSid: string; apiKeySid?: string; region?: string; edge?: string };
  telnyx: { publicKey?: string };
}

interface ProviderConfigByProvider {
  openai: { apiKey: string; adminAPIKey: null; organization: string | null; project: string | null; baseURL: string; maxRetries: number };
  anthropic: { apiKey: string; baseURL: string; defaultHeaders?: Record<string, string>; maxRetries: number };
  gemini: { apiKey: string; vertexai: false; httpOptions: { baseUrl: string; apiVersion: string } };
  vertex:
    | { vertexai: true; project: string; location: string; googleAuthOptions: GoogleAuthOptions; httpOptions: { baseUrl: string; apiVersion: string } }
    | { vertexai: true; apiKey: string; httpOptions: { baseUrl: string; apiVersion: string } };
  google_speech:
    | { credentials: { client_email: string; private_key: string }; projectId?: string; universeDomain: string; authClient?: never; fallback?: true }
    | { apiKey: string; universeDomain: string; authClient: never; fallback?: true };
  openrouter: { apiKey: string; serverURL: string; retryConfig: { strategy: "none" }; httpReferer: string; appTitle: string; appCategories: string };
  deepgram: { apiKey: string; environment: { base: string; production: string; agent: string; agentRest: string }; maxRetries: number; reconnect: boolean };
  twilio: { username: string; password: string; accountSid: string; region?: string; edge?: string };
  telnyx: { apiKey: string; publicKey: string | null; clientID: null; clientSecret: null; baseURL: string; maxRetries: number };
}

/** What a customer gives for a provider; secrets among it. */
export type KeyData<P extends ProviderType = ProviderType> = KeyDataByProvider[P];
/** What of it is not secret. */
export type KeyMetadata<P extends ProviderType = ProviderType> = KeyMetadataByProvider[P];
/** Constructor options of the vendor's official SDK. */
export type ProviderConfig<P extends ProviderType = ProviderType> = ProviderConfigByProvider[P];

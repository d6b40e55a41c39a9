/** The providers that byok knows, by constant (`ProviderType.OPENAI`) or by string (`'openai'`). */
export const ProviderType = {
  OPENAI: "openai",
  ANTHROPIC: "anthropic",
  GEMINI: "gemini",
  VERTEX: "vertex",
  GOOGLE_SPEECH: "google_speech",
  OPENROUTER: "openrouter",
  DEEPGRAM: "deepgram",
  TWILIO: "twilio",
  TELNYX: "telnyx",
} as const;
export type ProviderType = (typeof ProviderType)[keyof typeof ProviderType];
export const providerTypes = Object.values(ProviderType) as [ProviderType, ...ProviderType[]];

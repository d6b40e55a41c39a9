/** What is paid for, and what one of it costs. */
import type { Decimal } from "./decimal.ts";

/**
 * The things that have a price. Tokens of a kind that has no rate of its own cost what the wider kind costs (cached input
 * as input, audio as text); of everything else a rate has to be known.
 */
export const rateNames = [
  "inputTokens",
  "outputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "cacheWrite1hTokens",
  "audioInputTokens",
  "cachedAudioTokens",
  "audioOutputTokens",
  "imageInputTokens",
  "imageOutputTokens",
  "reasoningTokens",
  "characters",
  "audioSeconds",
  "startedMinutes",
  "segments",
  "mediaMessages",
  "whatsappMessages",
  "webSearchRequests",
] as const;
export type RateName = (typeof rateNames)[number];

/** `usd` for `per` of them, exact. */
export interface Rate {
  readonly usd: Decimal;
  readonly per: bigint;
}

export type Rates = { readonly [N in RateName]?: Rate };

/** How many of each an operator's rate is for: a million tokens or characters, a minute of audio, one of all else. */
export const perOf = (name: RateName): bigint => (name.endsWith("Tokens") || name === "characters" ? 1_000_000n : name === "audioSeconds" ? 60n : 1n);

/**
 * What one call used, in our inclusive counting: `inputTokens` holds all input (cached and cache-write parts too),
 * `outputTokens` holds reasoning; the others are parts of them. All are non-negative integers but `audioSeconds`,
 * which has at most three decimals, and `costUsd`.
 */
export interface MeteredUsage {
  model?: string;
  inputTokens?: number;
  outputTokens?: number;
  cachedInputTokens?: number;
  cacheWriteTokens?: number;
  reasoningTokens?: number;
  audioInputTokens?: number;
  audioOutputTokens?: number;
  audioSeconds?: number;
  characters?: number;
  segments?: number;
  /** What the vendor itself says that the call cost, in USD, as exact decimal text without an exponent: no price book overrules it. */
  costUsd?: string;
  /** Further counts that a price depends on: `cachedAudioTokens`, `cacheWrite1hTokens`, … */
  units?: Record<string, number>;
}

/** One event of a `text/event-stream`, parsed. */
export interface StreamEvent {
  event: string | undefined;
  data: string;
}

/**
 * Reads usage while a stream passes. For each event it says what becomes of it:
 * `pass` it on at once; `drop` it (only what we asked for and the caller did not); `close`: this event closes the
 * format, so it waits until the usage is durable.
 */
export interface StreamMeter {
  on(event: StreamEvent): "pass" | "drop" | "close";
  /** What was told so far; null where nothing was. */
  usage(): MeteredUsage | null;
  /** The stream said that it failed, or was cut before its closing event. */
  failed(): boolean;
}

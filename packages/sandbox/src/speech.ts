// What the sandbox's models say and what it counts as, as a pure function of the request: a test can work out beforehand what
// the vendor, the ledger and a meter must all agree on. A token is a word.
import type { Usage } from "./ledger.ts";

/** Tokens that models which think first spend on it. */
export const reasoningTokens = 8;

/** How many words of a prompt are said back. */
const wordsSaidBack = 200;
const mostWordsOnRequest = 100_000;

/** Tokens of a second of audio that models hear or speak. */
export const audioTokensPerSecond = 10;

/** A prompt reduced to its texts, and how much audio came with them. */
export interface Prompt {
  /** Instructions: system and developer messages. One starting with `cache:` was read from the cache, with `cache-write:` written to it. */
  readonly system: readonly string[];
  /** All other texts, in order. */
  readonly turns: readonly string[];
  /** The last thing the user said. */
  readonly lastUser: string;
  /** Of audio, counted beside the texts. */
  readonly audioTokens?: number;
  /** Of what the vendor has stored for the account and the request only names: counted beside the texts, and as read from the cache. */
  readonly storedTokens?: number;
}

export interface Speech {
  /** One token each, without the spaces between them. */
  readonly words: readonly string[];
  readonly text: string;
  /** `maxTokens` ended it. */
  readonly truncated: boolean;
  readonly usage: Usage;
}

/** The tokens of a text: its words. */
export function countTokens(text: string): number {
  return wordsOf(text).length;
}

/** The tokens of a prompt, with those that the cache had and got. */
export function countPrompt(prompt: Prompt): Pick<Usage, "inputTokens" | "cachedInputTokens" | "cacheWriteTokens" | "audioInputTokens"> {
  const { audioTokens: audio = 0, storedTokens = 0 } = prompt;
  return {
    inputTokens: tokensOf(prompt.system) + tokensOf(prompt.turns) + audio + storedTokens,
    cachedInputTokens: storedTokens + tokensOf(prompt.system.filter((text) => text.startsWith("cache:"))),
    cacheWriteTokens: tokensOf(prompt.system.filter((text) => text.startsWith("cache-write:"))),
    ...(audio > 0 && { audioInputTokens: audio }),
  };
}

/** How long a recording lasts, in whole seconds and at least one: 16 bits at 8 kHz, as telephones have it, unless told otherwise. */
export function secondsOfAudio(bytes: number, bytesPerSecond = 16_000): number {
  return Math.max(1, Math.ceil(bytes / bytesPerSecond));
}

/** How many characters speech is made of: code points, as the vendors count and bill them. */
export function countCharacters(text: string): number {
  return Array.from(text).length;
}

/** Bytes that stand for speech: the same for the same text, 64 a character, and no audio that anyone could hear. */
export function soundOf(text: string): Buffer {
  const characters = countCharacters(text);
  return Buffer.alloc(64 * characters, characters % 251);
}

/**
 * What the model says. A last user text `words: 500` asks for an answer of 500 words (`word1 word2 …`, at most 100,000).
 *
 * @param maxTokens the most output tokens, thinking included; null for no bound
 */
export function speak(model: string, prompt: Prompt, options: { maxTokens: number | null; thinks: boolean }): Speech {
  const most = options.maxTokens ?? Number.POSITIVE_INFINITY;
  const thought = options.thinks ? Math.min(reasoningTokens, most) : 0;
  const all = answerWords(model, prompt.lastUser);
  const words = all.slice(0, most - thought);
  return {
    words,
    text: words.join(" "),
    truncated: words.length < all.length,
    usage: { ...countPrompt(prompt), outputTokens: words.length + thought, reasoningTokens: thought },
  };
}

/** The word as it stands in the stream: the space belongs to the word after it. */
export function piece(words: readonly string[], at: number): string {
  return `${at === 0 ? "" : " "}${words[at] ?? ""}`;
}

function answerWords(model: string, lastUser: string): string[] {
  const wanted = /^\s*words:\s*(\d{1,6})\b/.exec(lastUser)?.[1];
  if (wanted !== undefined) return Array.from({ length: Math.min(Number(wanted), mostWordsOnRequest) }, (_, at) => `word${at + 1}`);
  const heard = wordsOf(lastUser).slice(0, wordsSaidBack);
  return [...wordsOf(`This is ${model} in the byok sandbox.`), ...(heard.length === 0 ? [] : ["You", "said:", ...heard])];
}

function tokensOf(texts: readonly string[]): number {
  return texts.reduce((total, text) => total + countTokens(text), 0);
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== "");
}

/**
 * Rates of language models, from @pydantic/genai-prices: its numbers are taken, its sums and its matching are not. It sums
 * in floats, throws where a part of the usage is not told, and gives a new model the price of an older one whose name it
 * begins with.
 */
import { createRequire } from "node:module";
import { exactly } from "./decimal.ts";
import type { MatchLogic, ModelInfo, ModelPrice, Provider as PricedProvider, TieredPrices } from "@pydantic/genai-prices";
import type { ProviderType } from "./provider-type.ts";
import type { Rate, RateName, Rates } from "./rates.ts";

/** The version of the package whose numbers these are. */
export const tokenRatesVersion = "genai-prices-0.1.8";

/** Its names for our providers; the others' prices are none that it knows. */
const catalogues: Partial<Record<ProviderType, string>> = { openai: "openai", anthropic: "anthropic", gemini: "google", vertex: "google", openrouter: "openrouter" };

/**
 * Half a megabyte of numbers, read when the first price is asked for: most programs that import this package ask for none,
 * and an import should not make them wait.
 */
let loaded: { findProvider: (options: { providerId: string }) => PricedProvider | undefined } | undefined;
function catalogueOf(provider: ProviderType): PricedProvider | undefined {
  const id = catalogues[provider];
  if (id === undefined) return undefined;
  loaded ??= createRequire(import.meta.url)("@pydantic/genai-prices");
  return loaded?.findProvider({ providerId: id });
}

/** Its names of prices, and ours. Tokens are priced by the million, searches by the thousand, audio by the hour. */
const names: readonly [theirs: string, ours: RateName, per: bigint][] = [
  ["input_mtok", "inputTokens", 1_000_000n],
  ["output_mtok", "outputTokens", 1_000_000n],
  ["cache_read_mtok", "cachedInputTokens", 1_000_000n],
  ["cache_write_mtok", "cacheWriteTokens", 1_000_000n],
  ["cache_write_1h_mtok", "cacheWrite1hTokens", 1_000_000n],
  ["input_audio_mtok", "audioInputTokens", 1_000_000n],
  ["cache_audio_read_mtok", "cachedAudioTokens", 1_000_000n],
  ["output_audio_mtok", "audioOutputTokens", 1_000_000n],
  ["input_image_mtok", "imageInputTokens", 1_000_000n],
  ["output_image_mtok", "imageOutputTokens", 1_000_000n],
  ["output_reasoning_mtok", "reasoningTokens", 1_000_000n],
  ["input_audio_hours", "audioSeconds", 3_600n],
  ["web_searches_kcount", "webSearchRequests", 1_000n],
];

/**
 * The rates of a model for a call of so many input tokens (some models are dearer beyond a length), on a day; null where
 * no entry is beyond doubt about this very model.
 */
export function tokenRates(provider: ProviderType, model: string, at: Date, inputTokens: number): Rates | null {
  const name = model.toLowerCase();
  const found = catalogueOf(provider)?.models.find((one) => isAbout(one.match, name));
  const prices = found && pricesOn(found, at);
  if (!prices) return null;
  return Object.fromEntries(
    names.flatMap(([theirs, ours, per]): [RateName, Rate][] => {
      const price = prices[theirs];
      return price === undefined ? [] : [[ours, { usd: exactly(typeof price === "number" ? price : tierOf(price, inputTokens)), per }]];
    }),
  );
}

const tierOf = ({ base, tiers }: TieredPrices, inputTokens: number): number => tiers.findLast(({ start }) => inputTokens > start)?.price ?? base;

/** The prices that were valid then. Those that change with the hour of the day are not ours to guess: no vendor here has any. */
function pricesOn({ prices }: ModelInfo, at: Date): ModelPrice | null {
  if (!Array.isArray(prices)) return prices;
  const day = at.toISOString().slice(0, 10);
  const valid = prices.findLast(({ constraint }) => constraint === undefined || (constraint.type === "start_date" && constraint.start_date <= day));
  return prices.some(({ constraint }) => constraint?.type === "time_of_date") ? null : (valid?.prices ?? null);
}

/**
 * What may follow a model's name and still mean that model: dates, revisions, stages. A further version or size (`-5`,
 * `-lite`) is another model, and has no price until somebody knows it.
 */
const sameModel = /^(?:[-@:](?:\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|\d{2}-\d{4}|\d{3}|latest|default|preview|exp|experimental))*$/;
/** A fine-tuned model is named after its base: `ft:gpt-4o-2024-08-06:company::id`. */
const tuned = /^(?:(?:-\d{4})?-\d{2}-\d{2})?:/;

function follows(name: string, known: string, from: number): boolean {
  // Some of the package's beginnings end within a date, or with its sign.
  const rest = name.slice(from + known.replace(/[-@:]$/, "").length);
  return sameModel.test(rest) || (known.startsWith("ft:") && tuned.test(rest));
}

function isAbout(match: MatchLogic, name: string): boolean {
  if ("or" in match) return match.or.some((one) => isAbout(one, name));
  if ("and" in match) return match.and.every((one) => isAbout(one, name));
  if ("equals" in match) return name === match.equals;
  if ("regex" in match) return new RegExp(match.regex).test(name);
  if ("ends_with" in match) return name.endsWith(match.ends_with);
  if ("starts_with" in match) return name.startsWith(match.starts_with) && follows(name, match.starts_with, 0);
  const from = name.indexOf(match.contains);
  return from !== -1 && follows(name, match.contains, from);
}

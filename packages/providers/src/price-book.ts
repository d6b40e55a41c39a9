/**
 * What a metered call cost. Sums are exact: counts and rates are integers and decimals, and each call is rounded once, half
 * to even, to the nanodollar. What has no price is null, never zero: a call is free only where that is known.
 */
import { z } from "zod";
import { decimal, exactly, rounded } from "./decimal.ts";
import { marks, ownRatesFor, ownRatesVersion } from "./own-rates.ts";
import { providerTypes } from "./provider-type.ts";
import { perOf, rateNames } from "./rates.ts";
import { tokenRates, tokenRatesVersion } from "./token-rates.ts";
import type { ProviderType } from "./provider-type.ts";
import type { RateName, Rates } from "./rates.ts";
import type { MeteredUsage } from "./usage.ts";

/** The book's name: it changes whenever a price in it can. */
export const priceBookVersion = `${ownRatesVersion}/${tokenRatesVersion}`;

const usd = z.string().refine((text) => (decimal(text)?.digits ?? -1n) >= 0n && /^\d{1,9}(?:\.\d{1,18})?$/.test(text), "has to be a decimal amount in USD that is not negative");

/**
 * A price of the operator's: their contract's, or that of a model which the book does not know. It replaces the book's for
 * the models it names (exactly, or by a name that ends in `*`; absent: all of the provider's). Rates are for a million
 * tokens or characters, a minute of audio (`audioSeconds`), and one of everything else. A `ceiling` is used only where no
 * other price is known: it lets limits of cost hold for models without a price, and says no more than "at most".
 */
export const priceOverrideSchema = z.strictObject({
  provider: z.enum(providerTypes),
  model: z.string().min(1).max(256).optional(),
  rates: z.partialRecord(z.enum(rateNames), usd),
  ceiling: z.boolean().optional(),
});
export type PriceOverride = z.infer<typeof priceOverrideSchema>;

export interface PriceOptions {
  overrides?: readonly PriceOverride[];
}

/** Whose price it is: the vendor's own word, the operator's override or ceiling, or the book by its version. */
export interface Price {
  /** Nanodollars. */
  nanos: bigint;
  book: string;
}

/** The price of what a call used; null: unpriced. `at` is when it was used: prices are dated. */
export function priceOf(provider: ProviderType, usage: MeteredUsage, at: Date, { overrides = [] }: PriceOptions = {}): Price | null {
  const told = decimal(usage.costUsd);
  if (told && told.digits >= 0n) return { nanos: rounded(told, 9), book: "vendor" };
  const counted = countsOf(usage);
  if (counted.length === 0) return null;
  // Nothing was used and that is known, or it was paid in advance.
  if (counted.every((count) => count === 0) || usage.units?.["provisioned"] === 1) return { nanos: 0n, book: priceBookVersion };

  const own = overrides.find((one) => one.ceiling !== true && names(one, provider, usage.model));
  if (own) return priced(total(usage, ratesOfOverride(own)), "operator");
  const book = priced(total(usage, bookRates(provider, usage, at)), priceBookVersion);
  if (book) return book;
  const ceiling = overrides.find((one) => one.ceiling === true && names(one, provider, usage.model));
  return ceiling ? priced(total(usage, ratesOfOverride(ceiling)), "ceiling") : null;
}

const priced = (nanos: bigint | null, book: string): Price | null => (nanos === null ? null : { nanos, book });

function names({ provider, model }: PriceOverride, of: ProviderType, called: string | undefined): boolean {
  if (provider !== of) return false;
  if (model === undefined) return true;
  return model.endsWith("*") ? called?.startsWith(model.slice(0, -1)) === true : called === model;
}

const ratesOfOverride = ({ rates }: PriceOverride): Rates =>
  Object.fromEntries(rateNames.flatMap((name) => (rates[name] === undefined ? [] : [[name, { usd: exactly(rates[name]), per: perOf(name) }]])));

/** Our table knows what the package does not; of the same thing, the table says it. */
function bookRates(provider: ProviderType, usage: MeteredUsage, at: Date): Rates {
  const tokens = usage.model === undefined ? null : tokenRates(provider, usage.model, at, usage.inputTokens ?? 0);
  return { ...tokens, ...ownRatesFor(provider, usage) };
}

/** Everything that was counted; marks choose a price and count nothing. */
function countsOf({ model: _model, costUsd: _cost, units = {}, ...counts }: MeteredUsage): number[] {
  return [...Object.values(counts), ...Object.entries(units).flatMap(([name, count]) => (marks.has(name) ? [] : [count]))];
}

/** Kinds that cost what a wider kind costs where they have no rate of their own. */
const wider: Partial<Record<RateName, RateName>> = {
  cachedInputTokens: "inputTokens",
  cacheWriteTokens: "inputTokens",
  audioInputTokens: "inputTokens",
  imageInputTokens: "inputTokens",
  cachedAudioTokens: "cachedInputTokens",
  audioOutputTokens: "outputTokens",
  imageOutputTokens: "outputTokens",
  reasoningTokens: "outputTokens",
};

/** Nanodollars; null where something was used that has no rate. */
function total(usage: MeteredUsage, rates: Rates): bigint | null {
  const parts = partsOf(usage, rates);
  if (!parts) return null;
  let sum: Fraction = { numerator: 0n, denominator: 1n };
  for (const [name, count] of parts) {
    if (count.numerator === 0n) continue;
    const rate = rateOf(rates, name);
    if (!rate) return null;
    sum = added(sum, {
      numerator: count.numerator * rate.usd.digits * 1_000_000_000n,
      denominator: count.denominator * 10n ** BigInt(rate.usd.scale) * rate.per,
    });
  }
  return halfEven(sum);
}

function rateOf(rates: Rates, name: RateName): Rates[RateName] {
  const own = rates[name];
  const wide = wider[name];
  return own ?? (wide === undefined ? undefined : rateOf(rates, wide));
}

/** An hour has no end in decimals, so sums are fractions until they are rounded. */
interface Fraction {
  numerator: bigint;
  denominator: bigint;
}

const added = (a: Fraction, b: Fraction): Fraction => ({ numerator: a.numerator * b.denominator + b.numerator * a.denominator, denominator: a.denominator * b.denominator });

function halfEven({ numerator, denominator }: Fraction): bigint {
  const quotient = numerator / denominator;
  const twiceRest = (numerator % denominator) * 2n;
  return twiceRest > denominator || (twiceRest === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

type Part = readonly [name: RateName, count: Fraction];

const whole = (count: number): Fraction => ({ numerator: BigInt(Math.max(0, count)), denominator: 1n });

/** Units that are paid for, with what they are part of; a unit that is not here has no price that anybody knows. */
const knownUnits: ReadonlySet<string> = new Set([
  ...marks, "cachedAudioTokens", "cacheWrite1hTokens", "imageInputTokens", "imageOutputTokens", "webSearchRequests", "webFetchRequests", "media", "whatsappMessages",
]);

/**
 * The usage in parts that do not overlap: each token is in one of them. null where something was used of which nobody
 * knows what it costs: a call whose length comes later, a unit without a price.
 */
function partsOf(usage: MeteredUsage, rates: Rates): Part[] | null {
  const { units = {} } = usage;
  if (Object.entries(units).some(([name, count]) => count > 0 && !knownUnits.has(name))) return null;
  return [
    ...inputParts(usage, units),
    ...outputParts(usage, units, rates),
    ...audioParts(usage.audioSeconds, rates),
    ...messageParts(usage),
    ["characters", whole(usage.characters ?? 0)],
    ["webSearchRequests", whole(units["webSearchRequests"] ?? 0)],
  ];
}

/** Cached audio is cached input; what was written for an hour is part of what was written. What was not told as audio is text. */
function inputParts({ inputTokens = 0, cachedInputTokens = 0, cacheWriteTokens = 0, audioInputTokens = 0 }: MeteredUsage, units: Readonly<Record<string, number>>): Part[] {
  const cachedAudio = Math.min(units["cachedAudioTokens"] ?? 0, cachedInputTokens);
  const hourly = Math.min(units["cacheWrite1hTokens"] ?? 0, cacheWriteTokens);
  const fresh = Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens);
  const audio = Math.min(Math.max(0, audioInputTokens - cachedAudio), fresh);
  const image = Math.min(units["imageInputTokens"] ?? 0, fresh - audio);
  return [
    ["cachedAudioTokens", whole(cachedAudio)],
    ["cachedInputTokens", whole(cachedInputTokens - cachedAudio)],
    ["cacheWrite1hTokens", whole(hourly)],
    ["cacheWriteTokens", whole(cacheWriteTokens - hourly)],
    ["audioInputTokens", whole(audio)],
    ["imageInputTokens", whole(image)],
    ["inputTokens", whole(fresh - audio - image)],
  ];
}

function outputParts({ outputTokens = 0, audioOutputTokens = 0, reasoningTokens = 0 }: MeteredUsage, units: Readonly<Record<string, number>>, rates: Rates): Part[] {
  const audio = Math.min(audioOutputTokens, outputTokens);
  const image = Math.min(units["imageOutputTokens"] ?? 0, outputTokens - audio);
  // Where thinking has no price of its own it is output like any other.
  const reasoning = rates.reasoningTokens ? Math.min(reasoningTokens, outputTokens - audio - image) : 0;
  return [
    ["audioOutputTokens", whole(audio)],
    ["imageOutputTokens", whole(image)],
    ["reasoningTokens", whole(reasoning)],
    ["outputTokens", whole(outputTokens - audio - image - reasoning)],
  ];
}

/** Telephony bills each minute that has begun, speech each second. */
function audioParts(audioSeconds: number | undefined, rates: Rates): Part[] {
  if (audioSeconds === undefined) return [];
  const milliseconds = Math.round(audioSeconds * 1_000);
  if (rates.startedMinutes) return [["startedMinutes", whole(Math.ceil(milliseconds / 60_000))]];
  return [["audioSeconds", { numerator: BigInt(Math.max(0, milliseconds)), denominator: 1_000n }]];
}

/** A message by WhatsApp, or with media, is paid as one; others by their segments. */
function messageParts({ segments = 0, units = {} }: MeteredUsage): Part[] {
  const { whatsappMessages = 0, media = 0 } = units;
  if (whatsappMessages > 0) return [["whatsappMessages", whole(whatsappMessages)]];
  return media > 0 ? [["mediaMessages", whole(1)]] : [["segments", whole(segments)]];
}

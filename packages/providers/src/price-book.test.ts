import { calcPrice, findProvider } from "@pydantic/genai-prices";
import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decimalText } from "./decimal.ts";
import { ownRates } from "./own-rates.ts";
import { priceBookVersion, priceOf, priceOverrideSchema } from "./price-book.ts";
import { providerFor } from "./registry.ts";
import { feed, sampleAnswer, sampleEvents, sampleText } from "./sample.ts";
import { tokenRatesVersion } from "./token-rates.ts";
import type { MeteredCall } from "./provider.ts";
import type { PriceOverride } from "./price-book.ts";
import type { ProviderType } from "./provider-type.ts";
import type { MeteredUsage } from "./usage.ts";

const at = new Date("2026-11-24T10:00:00Z");
const usdOf = (nanos: bigint | undefined): string | null => (nanos === undefined ? null : decimalText({ digits: nanos, scale: 9 }));

/** A recorded answer, the call that it answered, what it cost in USD, and why: rates are for a million unless said otherwise. */
interface Row {
  provider: ProviderType;
  sample: string;
  /** `POST` unless it begins with a method; `report`: told later. */
  call: string;
  body?: Record<string, unknown>;
  usd: string | null;
  why: string;
}
const row = (provider: ProviderType, sample: string, call: string, usd: string | null, why: string, body?: Record<string, unknown>): Row => ({ provider, sample, call, usd, why, ...(body && { body }) });

const gemini = "/v1beta/models/gemini-3.6-flash";
const inVertex = "/v1/projects/p/locations/global/publishers/google/models/gemini-3.6-flash";
const sms = "/2010-04-01/Accounts/me/Messages.json";
const transcription = "/v1/audio/transcriptions";
const voice = (name: string) => ({ input: { text: "Hello" }, voice: { name } });

const rows: Row[] = [
  // Text, cached, written to the cache, reasoning (which is output).
  row("openai", "200-chat-completion.http", "/v1/chat/completions", "0.00018", "200 × 0.10 + 1000 cached × 0.01 + 300 × 0.50 = 20 + 10 + 150 µ"),
  row("openai", "stream-chat-usage.sse", "/v1/chat/completions", "0.00018", "the same, streamed"),
  row("openai", "200-response.json", "/v1/responses", "0.0001832", "72 × 0.10 + 1000 × 0.01 + 128 written × 0.125 + 300 × 0.50 = 7.2 + 10 + 16 + 150 µ"),
  row("openai", "stream-responses-usage.sse", "/v1/responses", "0.0001832", "the same, streamed"),
  row("openai", "stream-responses-incomplete.sse", "/v1/responses", "0.0001832", "the same, though incomplete"),
  row("anthropic", "200-message.http", "/v1/messages", "0.001702", "100 × 4 + 60 read × 0.20 + 10 written × 5 + 30 for an hour × 8 + 50 × 20 = 400 + 12 + 50 + 240 + 1000 µ"),
  row("anthropic", "stream-usage.sse", "/v1/messages", "0.011702", "the same, and one search of 10 a thousand = 1702 + 10000 µ"),
  row("anthropic", "stream-error-overloaded.sse", "/v1/messages", "0.000722", "cut after one token of output: 400 + 12 + 50 + 240 + 1 × 20 µ"),
  row("anthropic", "200-count-tokens.json", "/v1/messages/count_tokens", "0", "counting is free"),
  row("gemini", "200-generate.json", `${gemini}:generateContent`, "0.0003615", "80 × 0.75 + 20 cached × 0.075 + 80 × 3.75 = 60 + 1.5 + 300 µ; audio costs what text costs"),
  row("gemini", "200-generate-tool-use.json", `${gemini}:generateContent`, "0.00033", "140 × 0.75 + 60 × 3.75 = 105 + 225 µ"),
  row("gemini", "200-blocked-prompt.json", `${gemini}:generateContent`, "0.00000675", "9 × 0.75 µ"),
  row("gemini", "stream-usage.sse", `${gemini}:streamGenerateContent`, "0.000375", "100 × 0.75 + 80 × 3.75 = 75 + 300 µ"),
  row("gemini", "stream-error.sse", `${gemini}:streamGenerateContent`, "0.00008625", "100 × 0.75 + 3 × 3.75 = 75 + 11.25 µ"),
  row("gemini", "200-interaction.json", "/v1beta/interactions", "0.0003615", "80 × 0.75 + 20 × 0.075 + 80 × 3.75 µ"),
  row("gemini", "200-count-tokens.json", `${gemini}:countTokens`, "0", "counting is free"),
  row("vertex", "200-generate.json", `${inVertex}:generateContent`, "0.000375", "100 × 0.75 + 80 × 3.75 µ, as at Gemini"),
  row("vertex", "200-count-tokens.json", `${inVertex}:countTokens`, "0", "counting is free"),

  // The vendor's own word.
  row("openrouter", "200-chat.json", "/api/v1/chat/completions", "0.00234", "cost"),
  row("openrouter", "stream-usage.sse", "/api/v1/chat/completions", "0.00234", "cost, streamed"),
  row("openrouter", "200-chat-byok.json", "/api/v1/chat/completions", "0.00252", "fee 0.00012 + vendor's own 0.0024"),

  // Audio in tokens and in seconds.
  row("openai", "200-transcription-tokens.json", transcription, "0.000534", "14 of audio × 6 + 45 × 10 = 84 + 450 µ", { model: "gpt-4o-transcribe" }),
  row("openai", "stream-transcription-usage.sse", transcription, "0.000534", "the same, streamed", { model: "gpt-4o-transcribe" }),
  row("openai", "200-transcription-duration.json", transcription, "0.0009", "9 s × 0.36 an hour = 9 × 100 µ", { model: "whisper-1" }),
  row("openai", "200-transcription-duration.json", transcription, "0.000675", "9 s × 0.27 an hour = 9 × 75 µ", { model: "gpt-transcribe" }),
  row("openai", "stream-speech-usage.sse", "/v1/audio/speech", "0.0012204", "14 × 0.60 + 101 × 12 = 8.4 + 1212 µ", { model: "gpt-4o-mini-tts" }),
  row("deepgram", "listen-200.json", "/v1/listen?model=nova-3", "0.001858603", "25.934 s × 0.0043 a minute = 25934 × 0.0043 / 60000 = 0.00185860333…"),
  row("deepgram", "listen-200.json", "/v1/listen?model=nova-3&language=multi", "0.002247613", "25934 × 0.0052 / 60000 = 0.00224761333…"),
  row("google_speech", "recognize-v1-200.json", "/v1/speech:recognize", "0.0008", "2 s × 0.024 a minute = 2 × 400 µ"),
  row("google_speech", "recognize-v2-200.json", "/v2/projects/me/locations/global/recognizers/_:recognize", "0.000533333", "2 s × 0.016 a minute = 533.333… µ"),

  // Characters.
  row("openai", "200-client-secret.json", "/v1/audio/speech", "0.00018", "12 characters × 15 = 180 µ", { model: "tts-1", input: "Hello there." }),
  row("openai", "200-client-secret.json", "/v1/audio/speech", "0.00036", "12 × 30 µ", { model: "tts-1-hd", input: "Hello there." }),
  row("deepgram", "speak-200.http", "/v1/speak?model=aura-2-thalia-en", "0.00096", "32 characters of Aura-2 × 30 = 960 µ"),
  row("deepgram", "listen-callback-200.json", "/v1/speak?model=aura-asteria-en", "0.000075", "5 characters of Aura-1 × 15 = 75 µ", { text: "Hello" }),
  row("google_speech", "synthesize-200.json", "/v1/text:synthesize", "0.00015", "5 × 30 µ", voice("en-US-Chirp3-HD-Achernar")),
  row("google_speech", "synthesize-200.json", "/v1/text:synthesize", "0.00008", "5 × 16 µ", voice("en-US-Wavenet-A")),
  row("google_speech", "synthesize-200.json", "/v1/text:synthesize", "0.00002", "5 × 4 µ", voice("en-US-Standard-A")),
  row("google_speech", "synthesize-200.json", "/v1/text:synthesize", "0.0008", "5 × 160 µ", voice("en-US-Studio-O")),

  // Segments, messages, minutes.
  row("twilio", "message-create-201.json", sms, "0.0083", "1 segment × 0.0083"),
  row("twilio", "message-fetch-200-priced.json", "report", "0.0083", "price −0.00830, told"),
  row("twilio", "webhook-call-completed.http", "report", "0.028", "78 s: 2 minutes begun × 0.014"),
  row("twilio", "call-fetch-200-priced.json", "report", "0.028", "price −0.02800, told"),
  row("telnyx", "message-create-200.json", "/v2/messages", "0.004", "1 part × 0.004"),
  row("telnyx", "webhook-message-finalized.http", "report", "0.0051", "rate 0.00205 + carrier 0.00305, told"),
  row("telnyx", "webhook-call-hangup.http", "report", "0.004", "78 s: 2 minutes begun × 0.002"),
  row("telnyx", "webhook-call-cost.http", "report", "0.004", "told"),

  // Unknown is unknown.
  row("twilio", "call-create-201.json", "/2010-04-01/Accounts/me/Calls.json", null, "a call whose length is not known yet"),
  row("openai", "200-transcription-tokens.json", transcription, null, "whisper-1 has no price for tokens", { model: "whisper-1" }),
  row("google_speech", "synthesize-200.json", "/v1/text:synthesize", null, "a voice that nobody knows", voice("en-US-Future-A")),
];

/** What the rooms above would keep of the call: its usage, with the model that the call named where the answer names none. */
function usageOf({ provider: type, sample, call, body }: Row): MeteredUsage {
  const provider = providerFor(type);
  const answer = sampleAnswer(type, sample, 200);
  const json: unknown = /^\s*[[{]/.test(answer.body) && !sample.endsWith(".sse") ? JSON.parse(answer.body) : undefined;
  if (call === "report") {
    const told: Record<string, unknown> = json === undefined ? Object.fromEntries(new URLSearchParams(answer.body.trim())) : JSON.parse(answer.body);
    return provider.report?.(told)?.usage ?? {};
  }
  const route = provider.route("POST", call.split("?")[0] ?? "");
  if (!route) throw new Error(`no route for ${call}`);
  const metered: MeteredCall = { route, path: call, body, askedByUs: false, answerHeaders: answer.headers };
  const stream = provider.meter.stream(metered);
  if (sample.endsWith(".sse")) feed(stream, sampleEvents(sampleText(type, sample)));
  const usage = (sample.endsWith(".sse") ? stream.usage() : provider.meter.json(json, metered)) ?? {};
  const model = usage.model ?? provider.model(call, body);
  return { ...usage, ...(model !== null && { model }) };
}

describe("recorded answers cost what a hand computes", () => {
  test.each(rows)("$provider $sample: $usd, since $why", (one) => {
    expect(usdOf(priceOf(one.provider, usageOf(one), at)?.nanos)).toBe(one.usd);
  });

  test("of every vendor, forty at least", () => {
    expect(rows.filter(({ usd }) => usd !== null).length).toBeGreaterThanOrEqual(40);
    expect(new Set(rows.map(({ provider }) => provider)).size).toBe(9);
  });
});

describe("kinds that the samples lack", () => {
  test.each<[string, ProviderType, MeteredUsage, string | null]>([
    ["WhatsApp, one message × 0.005", "twilio", { segments: 2, units: { whatsappMessages: 1 } }, "0.005"],
    ["MMS, one message × 0.022", "twilio", { segments: 1, units: { media: 3 } }, "0.022"],
    ["a call of a whole minute, 1 × 0.014", "twilio", { audioSeconds: 60 }, "0.014"],
    ["a call of a moment more, 2 × 0.014", "twilio", { audioSeconds: 60.001 }, "0.028"],
    ["a call that nobody took", "twilio", { audioSeconds: 0 }, "0"],
    ["realtime: 55 × 4 + 64 read × 0.40 + 13 audio × 32 + 30 × 16 + 91 audio × 64 = 220 + 25.6 + 416 + 480 + 5824 µ", "openai", { model: "gpt-realtime-2.1", inputTokens: 132, outputTokens: 121, cachedInputTokens: 64, audioInputTokens: 13, audioOutputTokens: 91 }, "0.0072056"],
    ["cached audio: 40 × 4 + 160 × 0.40 + 32 cached audio × 0.40 + 28 audio × 32 + 10 × 16 + 30 audio × 64 = 160 + 64 + 12.8 + 896 + 160 + 1920 µ", "openai", { model: "gpt-realtime-2", inputTokens: 260, outputTokens: 40, cachedInputTokens: 192, audioInputTokens: 60, audioOutputTokens: 30, units: { cachedAudioTokens: 32 } }, "0.0032928"],
    ["an image that is made: 10 × 0.30 + 1290 image × 30 = 3 + 38700 µ", "gemini", { model: "gemini-2.5-flash-image", inputTokens: 10, outputTokens: 1290, units: { imageOutputTokens: 1290 } }, "0.038703"],
    ["a long prompt, dearer as a whole: 272001 × 0.20 + 10 × 0.75", "openai", { model: "gpt-6-luna", inputTokens: 272_001, outputTokens: 10 }, "0.0544077"],
    ["one token less is not: 272000 × 0.10 + 10 × 0.50", "openai", { model: "gpt-6-luna", inputTokens: 272_000, outputTokens: 10 }, "0.027205"],
    ["provisioned throughput is paid in advance", "vertex", { model: "gemini-3.6-flash", inputTokens: 100, outputTokens: 80, units: { provisioned: 1 } }, "0"],
    ["streaming recognition, 60 s × 0.0077 a minute", "deepgram", { model: "nova-3", audioSeconds: 60, units: { streaming: 1 } }, "0.0077"],
    ["streaming recognition of many languages", "deepgram", { model: "nova-3", audioSeconds: 60, units: { streaming: 1, multilingual: 1 } }, "0.0092"],
    ["what was written for an hour at a vendor that has no price for it", "vertex", { model: "claude-sonnet-4-5", inputTokens: 10, cacheWriteTokens: 10, units: { cacheWrite1hTokens: 5 } }, null],
    ["a unit that nobody knows", "openai", { model: "gpt-5", inputTokens: 10, units: { quantumTokens: 1 } }, null],
    ["words of a language model about words that were heard", "deepgram", { model: "nova-3", audioSeconds: 1, inputTokens: 10, outputTokens: 5 }, null],
    ["nothing told", "openai", { model: "gpt-5" }, null],
    ["tokens of no model", "openai", { inputTokens: 5 }, null],
    ["nothing used, and known", "openai", { inputTokens: 0, outputTokens: 0 }, "0"],
  ])("%s", (_why, provider, usage, usd) => {
    expect(usdOf(priceOf(provider, usage, at)?.nanos)).toBe(usd);
  });
});

describe("a new model is not given an older one's price", () => {
  test.each<[ProviderType, string, boolean]>([
    ["anthropic", "claude-sonnet-5", true],
    ["anthropic", "claude-sonnet-5-20260929", true],
    ["anthropic", "claude-sonnet-5-5", false],
    ["anthropic", "claude-sonnet-5-latest", true],
    ["anthropic", "claude-haiku-5-5", false],
    ["openai", "gpt-6-luna-2026-10-01", true],
    ["openai", "gpt-6.1-luna", false],
    ["openai", "GPT-5", true],
    ["openai", "ft:gpt-4o-2024-08-06:acme::abc", true],
    ["openai", "ft:gpt-4omega:acme::abc", false],
    ["gemini", "gemini-3.6-flash", true],
    ["gemini", "gemini-3.6-flash-001", true],
    ["gemini", "gemini-3.6-flash-preview-11-2026", true],
    ["gemini", "gemini-3.6-flash-lite", false],
    ["gemini", "gemini-9-flash", false],
    ["vertex", "claude-sonnet-4-5@20250929", true],
    ["openrouter", "openai/gpt-6-luna", true],
    ["openrouter", "openai/gpt-6-luna:free", false],
    ["deepgram", "nova-3-medical", true],
    ["deepgram", "nova-30", false],
  ])("%s %s: %s", (provider, model, known) => {
    const usage: MeteredUsage = provider === "deepgram" ? { model, audioSeconds: 1 } : { model, inputTokens: 1_000 };
    expect(priceOf(provider, usage, at) !== null).toBe(known);
  });
});

describe("dates", () => {
  const usage = { model: "gemini-3.6-flash", inputTokens: 1_000_000 };
  test.each([
    ["2026-12-31T23:59:59Z", "0.75"],
    ["2027-01-01T00:00:00Z", "1.5"],
  ])("a price that changes is that of the day: %s %s", (day, usd) => {
    expect(usdOf(priceOf("gemini", usage, new Date(day))?.nanos)).toBe(usd);
  });
});

describe("the operator's own prices", () => {
  const usage: MeteredUsage = { model: "gpt-5", inputTokens: 1_000, outputTokens: 100, cachedInputTokens: 400 };
  const price = (overrides: PriceOverride[], used = usage) => {
    const found = priceOf("openai", used, at, { overrides });
    return found && [usdOf(found.nanos), found.book];
  };
  const contract: PriceOverride = { provider: "openai", model: "gpt-5", rates: { inputTokens: "1", outputTokens: "9" } };

  test("replace the book's, for the model they name", () => {
    expect(price([])).toEqual(["0.0018", priceBookVersion]);
    // 1000 × 1 + 100 × 9: a contract that names no price for cached input has none.
    expect(price([contract])).toEqual(["0.0019", "operator"]);
    expect(price([{ ...contract, rates: { ...contract.rates, cachedInputTokens: "0.1" } }])).toEqual(["0.00154", "operator"]);
    expect(price([{ ...contract, model: "gpt-5-mini" }])).toEqual(["0.0018", priceBookVersion]);
    expect(price([{ ...contract, provider: "anthropic" }])).toEqual(["0.0018", priceBookVersion]);
  });

  test("by a name's beginning, or for all of a provider's; the first that fits counts", () => {
    expect(price([{ ...contract, model: "gpt-*", rates: { inputTokens: "2", outputTokens: "0" } }])).toEqual(["0.002", "operator"]);
    expect(price([{ provider: "openai", rates: { inputTokens: "3", outputTokens: "0" } }, contract])).toEqual(["0.003", "operator"]);
  });

  test("leave a call unpriced where they lack a rate for what was used", () => {
    expect(price([{ ...contract, rates: { inputTokens: "1" } }])).toBeNull();
  });

  test("of the new model that the book does not know yet", () => {
    expect(price([{ provider: "openai", model: "gpt-6.1*", rates: { inputTokens: "1", outputTokens: "2" } }], { model: "gpt-6.1-luna", inputTokens: 1_000_000, outputTokens: 1_000_000 })).toEqual(["3", "operator"]);
  });

  test("a ceiling is used only where no price is known, and says so", () => {
    const ceiling: PriceOverride = { provider: "openai", rates: { inputTokens: "50", outputTokens: "200" }, ceiling: true };
    expect(price([ceiling])).toEqual(["0.0018", priceBookVersion]);
    expect(price([ceiling], { model: "gpt-9", inputTokens: 1_000, outputTokens: 10 })).toEqual(["0.052", "ceiling"]);
    expect(price([ceiling], { model: "gpt-9", audioSeconds: 5 })).toBeNull();
  });

  test("never overrule what the vendor says it charged", () => {
    expect(price([contract], { ...usage, costUsd: "0.5" })).toEqual(["0.5", "vendor"]);
  });

  test("are minutes for audio, and one for messages", () => {
    expect(usdOf(priceOf("deepgram", { model: "nova-2", audioSeconds: 90 }, at, { overrides: [{ provider: "deepgram", rates: { audioSeconds: "0.01" } }] })?.nanos)).toBe("0.015");
    expect(usdOf(priceOf("twilio", { segments: 3 }, at, { overrides: [{ provider: "twilio", rates: { segments: "0.01" } }] })?.nanos)).toBe("0.03");
  });

  test.each([
    { provider: "nobody", rates: {} },
    { provider: "openai", rates: { tokens: "1" } },
    { provider: "openai", rates: { inputTokens: 1 } },
    { provider: "openai", rates: { inputTokens: "-1" } },
    { provider: "openai", rates: { inputTokens: "1e3" } },
    { provider: "openai", rates: { inputTokens: "" } },
    { provider: "openai", model: "", rates: {} },
    { provider: "openai", rates: {}, more: 1 },
  ])("%o is none", (override) => {
    expect(priceOverrideSchema.safeParse(override).success).toBe(false);
  });
});

const costOf = (milliseconds: number) => priceOf("google_speech", { audioSeconds: milliseconds / 1_000, units: { sttVersion: 2 } }, at)?.nanos ?? 0n;

describe("exactness", () => {
  test("a half of a nanodollar goes to the even one", () => {
    // 1 token × 0.0005 a million = 0.5 nanodollars; × 0.0015 = 1.5; × 0.0025 = 2.5.
    for (const [usd, nanos] of [["0.0005", 0n], ["0.0015", 2n], ["0.0025", 2n], ["0.00250001", 3n]] as const) {
      expect(priceOf("openai", { model: "x", inputTokens: 1 }, at, { overrides: [{ provider: "openai", rates: { inputTokens: usd } }] })?.nanos).toBe(nanos);
    }
  });

  test("thirds of a cent add up: as many calls as one wants cost what one call of all would, within half a nanodollar each", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 1, maxLength: 20 }), (lengths) => {
        const apart = lengths.reduce((sum, one) => sum + costOf(one), 0n);
        const together = costOf(lengths.reduce((sum, one) => sum + one, 0));
        const difference = apart > together ? apart - together : together - apart;
        expect(difference <= BigInt(lengths.length)).toBe(true);
      }),
    );
  });

  test("whatever is used, more of it never costs less, and no count makes it throw", () => {
    const usage = fc.record({ inputTokens: fc.nat(300_000), outputTokens: fc.nat(10_000), cachedInputTokens: fc.nat(300_000), cacheWriteTokens: fc.nat(10_000), audioInputTokens: fc.nat(10_000), audioOutputTokens: fc.nat(10_000) }, { requiredKeys: [] });
    fc.assert(
      fc.property(usage, fc.nat(1_000), (used, more) => {
        const model = "gpt-realtime-2";
        const first = priceOf("openai", { model, ...used }, at)?.nanos ?? 0n;
        const second = priceOf("openai", { model, ...used, outputTokens: (used.outputTokens ?? 0) + more }, at)?.nanos ?? 0n;
        expect(first >= 0n).toBe(true);
        expect(second >= first).toBe(true);
      }),
    );
  });
});

describe("the package whose rates are taken", () => {
  test("is the one that the book's name says", () => {
    const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(tokenRatesVersion).toBe(`genai-prices-${dependencies["@pydantic/genai-prices"]}`);
    expect(priceBookVersion).toContain(tokenRatesVersion);
  });

  const catalogues = [["openai", "openai"], ["anthropic", "anthropic"], ["gemini", "google"], ["openrouter", "openrouter"]] as const;
  test.each(catalogues)("%s: its own sums agree with ours, as far as floats go, for every model that it names", (provider, providerId) => {
    const models = findProvider({ providerId })?.models ?? [];
    const usage = { inputTokens: 150_000, cachedInputTokens: 100_000, outputTokens: 2_000 };
    let compared = 0;
    for (const { id } of models) {
      const ours = priceOf(provider, { model: id, ...usage }, at);
      const theirs = calcPrice({ input_tokens: 150_000, cache_read_tokens: 100_000, output_tokens: 2_000 }, id, { providerId, timestamp: at });
      if (!ours || !theirs) continue;
      compared += 1;
      expect({ id, usd: Number(ours.nanos) / 1e9 }).toEqual({ id, usd: expect.closeTo(theirs.total_price, 8) });
    }
    expect(compared).toBeGreaterThan(models.length * 0.6);
  });
});

test("every line of our own table has a source and an amount, and none is there twice", () => {
  for (const { usd, source } of ownRates) {
    expect(usd).toMatch(/^\d+(?:\.\d+)?$/);
    expect(source).toMatch(/^[a-z.]+\.(?:com|ai)/);
  }
  const places = ownRates.map(({ provider, models, marks, name }) => JSON.stringify([provider, models?.source, marks, name]));
  expect(new Set(places).size).toBe(places.length);
});

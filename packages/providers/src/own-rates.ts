/**
 * Prices that no package knows: speech, voices, telephony. List prices in the United States, in USD; they change, differ by
 * country and contract, and few vendors publish them for machines, so an operator's own come first. Each line says where it
 * is from and how sure it is: the vendors' price pages were read through copies, in November 2026.
 */
import { exactly } from "./decimal.ts";
import { perOf } from "./rates.ts";
import type { ProviderType } from "./provider-type.ts";
import type { RateName, Rates } from "./rates.ts";
import type { MeteredUsage } from "./usage.ts";

/** The day that the table was made, and its name. */
export const ownRatesVersion = "byok-2026-11-24";

/** `sure`: documented, or the same in several copies; `copied`: from one copy of the vendor's page; `guessed`: older knowledge. */
type Certainty = "sure" | "copied" | "guessed";

export interface OwnRate {
  provider: ProviderType;
  /** The models it is about; absent: all. */
  models?: RegExp;
  /** Marks among `units` that it asks for; a line with more of them goes before one with fewer. */
  marks?: Readonly<Record<string, number>>;
  name: RateName;
  /** For as many as {@link perOf} says. */
  usd: string;
  source: string;
  certainty: Certainty;
}

const line = (provider: ProviderType, name: RateName, usd: string, certainty: Certainty, source: string, more: Pick<OwnRate, "models" | "marks"> = {}): OwnRate => ({ provider, name, usd, certainty, source, ...more });

export const ownRates: readonly OwnRate[] = [
  line("openai", "characters", "15", "sure", "openai.com, pricing: TTS", { models: /^tts-1$/ }),
  line("openai", "characters", "30", "sure", "openai.com, pricing: TTS HD", { models: /^tts-1-hd$/ }),

  line("deepgram", "audioSeconds", "0.0043", "copied", "deepgram.com, pricing: Nova-3 pre-recorded", { models: /^nova-3(?:-|$)/ }),
  line("deepgram", "audioSeconds", "0.0052", "copied", "deepgram.com, pricing: Nova-3 multilingual, pre-recorded", { models: /^nova-3(?:-|$)/, marks: { multilingual: 1 } }),
  line("deepgram", "audioSeconds", "0.0077", "copied", "deepgram.com, pricing: Nova-3 streaming", { models: /^nova-3(?:-|$)/, marks: { streaming: 1 } }),
  line("deepgram", "audioSeconds", "0.0092", "copied", "deepgram.com, pricing: Nova-3 multilingual, streaming", { models: /^nova-3(?:-|$)/, marks: { streaming: 1, multilingual: 1 } }),
  line("deepgram", "audioSeconds", "0.0065", "copied", "deepgram.com, pricing: Flux, English", { models: /^flux(?:-|$)/ }),
  line("deepgram", "audioSeconds", "0.0078", "copied", "deepgram.com, pricing: Flux, multilingual", { models: /^flux(?:-|$)/, marks: { multilingual: 1 } }),
  line("deepgram", "characters", "30", "guessed", "deepgram.com, pricing: Aura-2", { models: /^aura-2-/ }),
  line("deepgram", "characters", "15", "copied", "deepgram.com, pricing: Aura-1", { models: /^aura-(?!2-)/ }),
  line("deepgram", "audioSeconds", "0.08", "guessed", "deepgram.com, pricing: Voice Agent, standard", { models: /^voice-agent$/ }),

  line("google_speech", "audioSeconds", "0.024", "guessed", "cloud.google.com/speech-to-text/pricing: v1 standard", { marks: { sttVersion: 1 } }),
  line("google_speech", "audioSeconds", "0.016", "guessed", "cloud.google.com/speech-to-text/pricing: v2 standard", { marks: { sttVersion: 2 } }),
  line("google_speech", "characters", "4", "copied", "cloud.google.com/text-to-speech/pricing: Standard", { models: /-Standard-/ }),
  line("google_speech", "characters", "16", "copied", "cloud.google.com/text-to-speech/pricing: WaveNet (one copy says 4)", { models: /-Wavenet-/i }),
  line("google_speech", "characters", "16", "guessed", "cloud.google.com/text-to-speech/pricing: Neural2", { models: /-Neural2-/ }),
  line("google_speech", "characters", "30", "guessed", "cloud.google.com/text-to-speech/pricing: Chirp 3 HD", { models: /-Chirp3-HD-/ }),
  line("google_speech", "characters", "160", "guessed", "cloud.google.com/text-to-speech/pricing: Studio", { models: /-Studio-/ }),

  line("twilio", "segments", "0.0083", "copied", "twilio.com/en-us/sms/pricing/us: SMS out, without the carrier's fee"),
  line("twilio", "mediaMessages", "0.022", "copied", "twilio.com/en-us/sms/pricing/us: MMS out, without the carrier's fee"),
  line("twilio", "whatsappMessages", "0.005", "guessed", "twilio.com/en-us/whatsapp/pricing: Twilio's fee, without Meta's"),
  line("twilio", "startedMinutes", "0.014", "copied", "twilio.com/en-us/voice/pricing/us: local calls out, by the started minute"),

  line("telnyx", "segments", "0.004", "guessed", "telnyx.com/pricing/messaging: SMS out, without the carrier's fee"),
  line("telnyx", "startedMinutes", "0.002", "guessed", "telnyx.com/pricing/call-control: calls out, without the trunk's"),
];

/** Units that choose a price and are not paid for themselves. */
export const marks: ReadonlySet<string> = new Set(["multilingual", "streaming", "sttVersion", "provisioned"]);

const fits = ({ models, marks: asked = {} }: OwnRate, model: string, units: Readonly<Record<string, number>>): boolean =>
  (models === undefined || models.test(model)) && Object.entries(asked).every(([name, value]) => units[name] === value);

/** What the table says of a call's model and marks; null where it says nothing. */
export function ownRatesFor(provider: ProviderType, { model = "", units = {} }: MeteredUsage): Rates | null {
  const found = ownRates
    .filter((one) => one.provider === provider && fits(one, model, units))
    // The more a line asks for, the later it comes, and the later one stays.
    .toSorted((a, b) => Object.keys(a.marks ?? {}).length - Object.keys(b.marks ?? {}).length);
  if (found.length === 0) return null;
  return Object.fromEntries(found.map(({ name, usd }) => [name, { usd: exactly(usd), per: perOf(name) }]));
}

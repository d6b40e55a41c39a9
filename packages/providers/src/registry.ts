/** Every provider by its name. Adding one means adding its folder and one line here. */
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { anthropic } from "./anthropic/index.ts";
import { deepgram } from "./deepgram/index.ts";
import { gemini } from "./gemini/index.ts";
import { googleSpeech } from "./google-speech/index.ts";
import { openai } from "./openai/index.ts";
import { openrouter } from "./openrouter/index.ts";
import { providerTypes } from "./provider-type.ts";
import { telnyx } from "./telnyx/index.ts";
import { twilio } from "./twilio/index.ts";
import { vertex } from "./vertex/index.ts";
import type { Provider } from "./provider.ts";
import type { ProviderType } from "./provider-type.ts";

const registry: { readonly [P in ProviderType]: Provider<P> } = {
  openai,
  anthropic,
  gemini,
  vertex,
  google_speech: googleSpeech,
  openrouter,
  deepgram,
  twilio,
  telnyx,
};

/** The providers that this version speaks to, in the order of {@link providerTypes}. */
export const completeProviders: readonly Provider[] = providerTypes.map((type): Provider => registry[type]);

/**
 * The provider of a name.
 *
 * @throws InvalidInputError the name is none that byok knows; `issues` has the path `provider`
 */
export function providerFor<P extends ProviderType>(type: P): Provider<P>;
export function providerFor(type: string): Provider;
export function providerFor(type: string): Provider {
  const known = providerTypes.find((one) => one === type);
  if (known === undefined) {
    // The name is not repeated: a key may have been given in its place.
    const message = `has to be one of ${providerTypes.join(", ")}`;
    throw new InvalidInputError(`provider ${message}.`, { details: { field: "provider" }, issues: [{ path: "provider", message }] });
  }
  return registry[known];
}

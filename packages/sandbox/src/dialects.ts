// The vendors that the sandbox can stand for. A new one is a folder and a line here.
import { anthropic } from "./anthropic/dialect.ts";
import { deepgram } from "./deepgram/dialect.ts";
import type { Dialect } from "./dialect.ts";
import { gemini } from "./gemini/dialect.ts";
import { googleSpeech } from "./google-speech/dialect.ts";
import { openai } from "./openai/dialect.ts";
import { openrouter } from "./openrouter/dialect.ts";
import { telnyx } from "./telnyx/dialect.ts";
import { twilio } from "./twilio/dialect.ts";
import { vertex } from "./vertex/dialect.ts";

export const dialects = { openai, anthropic, gemini, vertex, google_speech: googleSpeech, openrouter, deepgram, twilio, telnyx } satisfies Record<string, Dialect>;

/** A vendor that the sandbox can stand for. */
export type SandboxProvider = keyof typeof dialects;

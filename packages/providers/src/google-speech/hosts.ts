/** The hosts of Speech-to-Text and Text-to-Speech: two products behind one key. A path says which of them is meant. */
import { googleTokenUri } from "../google/service-account.ts";
import { accountOf } from "../google/service-account.ts";
import type { KeyData } from "../key-data.ts";

const speech = "speech.googleapis.com";
const voice = "texttospeech.googleapis.com";
/** Locations of Speech-to-Text v2 have hosts of their own; one becomes part of a host name, so its form is strict. */
const location = /^(?:us|eu|[a-z]{2,20}-[a-z]{2,20}\d{1,2})$/;

const voicePaths = /^\/v1\w*\/(?:text:synthesize|voices(?:[/?]|$)|projects\/[^/]+\/locations\/[^/:?]+:synthesizeLongAudio|projects\/[^/]+\/locations\/[^/]+\/operations(?:[/?]|$))/;

export function originOf(_keyData: KeyData<"google_speech">, path: string): string {
  if (path === "/token") return new URL(googleTokenUri).origin;
  if (voicePaths.test(path)) return `https://${voice}`;
  const named = /^\/v2\/projects\/[^/]+\/locations\/([^/:?]+)/.exec(path)?.[1];
  return named !== undefined && location.test(named) ? `https://${named}-${speech}` : `https://${speech}`;
}

export function ownsHost(hostname: string): boolean {
  if (hostname === speech || hostname === voice) return true;
  return hostname.endsWith(`-${speech}`) && location.test(hostname.slice(0, -speech.length - 1));
}

export function projectOf(keyData: KeyData<"google_speech">): string | undefined {
  return "serviceAccount" in keyData ? accountOf(keyData.serviceAccount).projectId : undefined;
}

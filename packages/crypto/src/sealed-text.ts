/**
 * The text of customer-sealed key data. Sealed v1, suite 1, is `sealed_` and the base64url of
 *
 *     version(1) suite(1) mode(1) keyId(32) id(16) length(1) provider(length) enc(32) ciphertext tag(16)
 *
 * Mode 0 is HPKE's base, 2 its auth. HPKE's `info` is label, version, suite and recipient key id; everything before `enc` is its
 * additional data. The plaintext is JSON of id, provider and key data, filled up with blanks to a multiple of 256 bytes, so that
 * its size does not tell the secret's.
 */
import { lengthPrefixed } from "./context.ts";
import { base64url, fromBase64url } from "./encoding.ts";
import { doesNotOpen } from "./envelope.ts";
import type { Agreed, Message } from "./hpke.ts";
import { labels } from "./labels.ts";
import { keyBytes } from "./x25519.ts";

/** What stands outside: enough to store, list and choose a key by. It is authenticated only when the whole is opened. */
export interface SealedHeader {
  version: number;
  /** Id of the key that opens it. */
  keyId: string;
  /** Random, of this sealing alone, 22 characters: the row that holds it records it, so that it is told from any other. */
  id: string;
  /** Null where the sealer named none. */
  provider: string | null;
  /** Whether it claims to be sealed by the holder of the private key. */
  authenticated: boolean;
}

/** A text, taken apart and not yet opened. */
export interface SealedParts extends Omit<SealedHeader, "version" | "keyId"> {
  keyId: Uint8Array;
  message: Message;
  agreed: Agreed;
}

/** Size of the random id. */
export const idBytes = 16;
/** The plaintext's size is a multiple of this. */
export const blockBytes = 256;
/** Twice the largest credential that byok takes. */
export const mostPlainBytes = 64 * 1024;

const prefix = "sealed_";
const version = 1;
const suite = 1;
const modes = { base: 0, auth: 2 } as const;
const modeAt = 2;
const keyIdAt = 3;
const idAt = keyIdAt + 32;
const providerLengthAt = idAt + idBytes;
const providerAt = providerLengthAt + 1;
const tagBytes = 16;
const mostProviderBytes = 64;
const mostCharacters = prefix.length + Math.ceil(((providerAt + mostProviderBytes + keyBytes + mostPlainBytes + tagBytes) * 4) / 3);

/** Small letters, digits, `-` and `_`, at most 64: all of it is ASCII, so letters are bytes. */
export function isProviderName(name: string): boolean {
  return name.length <= mostProviderBytes && /^[a-z][a-z0-9_-]*$/.test(name);
}

/** The id of a key as people and programs see it. */
export function keyIdText(keyId: Uint8Array): string {
  return `seal_${base64url(keyId)}`;
}

/** What sealer and opener must say alike, the sealer from the parts. */
export function agreedFor(keyId: Uint8Array, id: Uint8Array, provider: string | null, authenticated: boolean): Agreed {
  const name = new TextEncoder().encode(provider ?? "");
  const mode = authenticated ? modes.auth : modes.base;
  return { info: infoFor(keyId), aad: joined(Uint8Array.of(version, suite, mode), keyId, id, Uint8Array.of(name.length), name) };
}

export function writeSealed({ aad }: Agreed, { enc, sealed }: Message): string {
  return prefix + base64url(joined(aad, enc, sealed));
}

/** @throws EncryptionError on text that is not of this format; `details.reason: "unsupported_envelope"` on one of another release */
export function readSealed(text: string): SealedParts {
  const bytes = bytesOf(text);
  if (bytes === undefined || bytes.length === 0) throw doesNotOpen();
  if (bytes[0] !== version || (bytes.length > 1 && bytes[1] !== suite)) throw doesNotOpen("unsupported_envelope");
  const encAt = providerAt + (bytes[providerLengthAt] ?? 0);
  const sealedAt = encAt + keyBytes;
  if (bytes.length < sealedAt + blockBytes + tagBytes) throw doesNotOpen();
  const mode = bytes[modeAt];
  if (mode !== modes.base && mode !== modes.auth) throw doesNotOpen();
  const provider = String.fromCharCode(...bytes.subarray(providerAt, encAt));
  if (provider !== "" && !isProviderName(provider)) throw doesNotOpen();
  const keyId = bytes.subarray(keyIdAt, idAt);
  return {
    keyId,
    id: base64url(bytes.subarray(idAt, providerLengthAt)),
    provider: provider === "" ? null : provider,
    authenticated: mode === modes.auth,
    message: { enc: bytes.subarray(encAt, sealedAt), sealed: bytes.subarray(sealedAt) },
    agreed: { info: infoFor(keyId), aad: bytes.subarray(0, encAt) },
  };
}

/**
 * What a service may know of a text that it stores, without any key.
 *
 * @throws EncryptionError on text that is not of this format; `details.reason: "unsupported_envelope"` on one of another release
 */
export function sealedHeader(sealed: string): SealedHeader {
  const { keyId, id, provider, authenticated } = readSealed(sealed);
  return { version, keyId: keyIdText(keyId), id, provider, authenticated };
}

function bytesOf(text: unknown): Uint8Array | undefined {
  if (typeof text !== "string" || text.length > mostCharacters || !text.startsWith(prefix)) return undefined;
  return fromBase64url(text.slice(prefix.length));
}

function infoFor(keyId: Uint8Array): Uint8Array {
  return lengthPrefixed(labels.sealed, version, suite, keyId);
}

function joined(...pieces: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

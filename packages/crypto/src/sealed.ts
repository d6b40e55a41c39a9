/**
 * Key data that its owner alone can read: sealed with HPKE in the customer's program to a key that only the customer holds, and
 * stored by a service that cannot open it. How the text is laid out is in `sealed-text.ts`.
 */
import { contextOf } from "./context.ts";
import { base64url } from "./encoding.ts";
import { engine } from "./engine.ts";
import { doesNotOpen } from "./envelope.ts";
import { EncryptionError } from "./errors.ts";
import { generateKeyPair, openOnce, publicKeyOf, sealOnce, type KeyPair } from "./hpke.ts";
import { labels } from "./labels.ts";
import { agreedFor, blockBytes, idBytes, isProviderName, keyIdText, mostPlainBytes, readSealed, writeSealed, type SealedParts } from "./sealed-text.ts";
import { isPublicKey, keyBytes } from "./x25519.ts";

/**
 * What a customer seals to and opens with. Whoever has the private key reads everything that is sealed to the pair; whoever loses
 * it reads nothing any more, and nobody can help.
 */
export interface SealingKeyPair extends KeyPair {
  /** Fingerprint of the public key: `seal_` and 43 characters. What a client pins and people compare. */
  keyId: string;
}

export interface SealOptions {
  /** Whose key data it is (`openai` …): it then opens for no other provider. Without it only its id holds it in its place. */
  provider?: string;
  /**
   * The private key that belongs to `publicKey`, where the sealer has it: seals in HPKE's auth mode, which proves to the opener
   * that nobody without that key, the service included, has put something else in its place.
   */
  privateKey?: Uint8Array;
}

/** What the opener knows of the row that a text comes from. */
export interface SealedPlace {
  /** Refuses what was sealed for another provider. */
  provider?: string;
  /** The id that the row recorded. */
  id?: string;
  /** Refuses what was not sealed in auth mode. */
  authenticated?: boolean;
}

/**
 * A new key pair of X25519, from the platform's generator.
 *
 * @throws EncryptionError `details.reason: "unsupported_platform"` where WebCrypto has no X25519, or a page was not loaded by HTTPS
 */
export async function createSealingKeyPair(): Promise<SealingKeyPair> {
  try {
    const pair = await generateKeyPair();
    return { ...pair, keyId: sealingKeyId(pair.publicKey) };
  } catch {
    throw noPlatform();
  }
}

/**
 * The fingerprint of a public key, by which a client pins it.
 *
 * @throws EncryptionError on anything but an X25519 public key; those of low order, to which nothing can be sealed, are refused
 */
export function sealingKeyId(publicKey: Uint8Array): string {
  return keyIdText(keyIdOf(publicKey));
}

/**
 * Seals key data in this process, before it goes anywhere. Give `provider` wherever it is known.
 *
 * @param keyData an object of JSON values, at most 64 KiB as JSON
 * @returns text that is ready to store; no two are alike
 * @throws EncryptionError on a key or key data that cannot be used; it quotes neither
 */
export async function sealKeyData(publicKey: Uint8Array, keyData: object, options: SealOptions = {}): Promise<string> {
  const { provider = null, privateKey } = options;
  const keyId = keyIdOf(publicKey);
  if (provider !== null && !isProviderName(provider)) throw unusable("provider", "is not the name of a provider");
  if (privateKey) await requirePair(publicKey, privateKey);
  const id = engine.randomBytes(idBytes);
  const agreed = agreedFor(keyId, id, provider, privateKey !== undefined);
  const plain = plainOf({ id: base64url(id), provider, keyData });
  try {
    return writeSealed(agreed, await sealOnce(publicKey, privateKey, plain, agreed));
  } catch {
    throw noPlatform();
  } finally {
    engine.wipe(plain);
  }
}

/**
 * Opens what `sealKeyData` made for this private key. Say in `place` what the row says: then a text that was moved from another
 * row or provider does not open.
 *
 * @throws EncryptionError `details.reason`: `unsupported_envelope` on a format of another release; `other_key` where it is sealed
 * to another key, which `details.keyId` names; in every other case the one error without a reason
 */
export async function unsealKeyData<KeyData extends object = Record<string, unknown>>(
  privateKey: Uint8Array,
  sealed: string,
  place: SealedPlace = {},
): Promise<KeyData> {
  const parts = readSealed(sealed);
  if (!isFrom(place, parts)) throw doesNotOpen();
  const publicKey = await publicHalf(privateKey);
  if (!engine.equalBytes(keyIdOf(publicKey), parts.keyId)) throw otherKey(keyIdText(parts.keyId));
  const { id, provider, keyData } = await openPayload<KeyData>(privateKey, publicKey, parts);
  if (id !== parts.id || provider !== parts.provider || !isObject(keyData)) throw doesNotOpen();
  return keyData;
}

/** What is sealed, as JSON. Which fields `keyData` has is the sealer's word; who trusts the sealer less parses it by a schema. */
interface Payload<KeyData> {
  id: string;
  provider: string | null;
  keyData: KeyData;
}

function isFrom(place: SealedPlace, { id, provider, authenticated }: SealedParts): boolean {
  if (place.id !== undefined && place.id !== id) return false;
  if (place.provider !== undefined && provider !== null && place.provider !== provider) return false;
  return !place.authenticated || authenticated;
}

async function openPayload<KeyData>(privateKey: Uint8Array, publicKey: Uint8Array, parts: SealedParts): Promise<Payload<KeyData>> {
  const { message, agreed, authenticated } = parts;
  if (!isPublicKey(message.enc)) throw doesNotOpen();
  let plain: Uint8Array | undefined;
  try {
    plain = await openOnce(privateKey, authenticated ? publicKey : undefined, message, agreed);
    const payload: Payload<KeyData> = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
    if (isObject(payload)) return payload;
  } catch {
    // The library's errors would tell a forger which check failed; the JSON parser's quotes what it read.
    throw doesNotOpen();
  } finally {
    if (plain) engine.wipe(plain);
  }
  throw doesNotOpen();
}

async function publicHalf(privateKey: Uint8Array): Promise<Uint8Array> {
  if (!(privateKey instanceof Uint8Array) || privateKey.length !== keyBytes) throw unusable("privateKey", `does not have ${keyBytes} bytes`);
  try {
    return await publicKeyOf(privateKey);
  } catch {
    throw noPlatform();
  }
}

async function requirePair(publicKey: Uint8Array, privateKey: Uint8Array): Promise<void> {
  if (!engine.equalBytes(await publicHalf(privateKey), publicKey)) throw unusable("privateKey", "does not belong to publicKey");
}

function keyIdOf(publicKey: Uint8Array): Uint8Array {
  if (!(publicKey instanceof Uint8Array) || !isPublicKey(publicKey)) {
    throw unusable("publicKey", `is not an X25519 public key of ${keyBytes} bytes that can be sealed to`);
  }
  return engine.sha256(contextOf(labels.sealingKey, publicKey));
}

function plainOf(payload: Payload<object>): Uint8Array {
  const json = isObject(payload.keyData) ? jsonOf(payload) : undefined;
  if (json === undefined) throw unusable("keyData", "is not an object of JSON values");
  const text = new TextEncoder().encode(json);
  const plain = new Uint8Array(Math.ceil(text.length / blockBytes) * blockBytes).fill(0x20);
  const fits = plain.length <= mostPlainBytes;
  if (fits) plain.set(text);
  engine.wipe(text);
  if (!fits) throw unusable("keyData", `has more than ${mostPlainBytes / 1024} KiB as JSON`);
  return plain;
}

function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // A circle or a BigInt; the message can name what it met.
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unusable(field: string, fault: string): EncryptionError {
  return new EncryptionError(`${field} ${fault}. Nothing was sealed or opened.`, { details: { field } });
}

function otherKey(keyId: string): EncryptionError {
  return new EncryptionError(`This is sealed to the key ${keyId}. Open it with the private key of that pair.`, {
    details: { reason: "other_key", keyId },
  });
}

function noPlatform(): EncryptionError {
  return new EncryptionError(
    "This platform cannot seal: its WebCrypto has no X25519, or is not given to pages that were not loaded over HTTPS. " +
      "Node 24 and the browsers of 2025 have it.",
    { details: { reason: "unsupported_platform" } },
  );
}

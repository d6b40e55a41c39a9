/**
 * Reading what an operator gives as root key. Everything weak or mistyped is refused here, before it can become the key of
 * an installation: a key that was guessed is lost together with every secret under it. No message ever quotes the value.
 */
import { engine } from "./engine.ts";
import { fromBase64, fromHex } from "./encoding.ts";
import { ConfigurationError } from "./errors.ts";
import type { RootKey } from "./root-key.ts";

/** What was given, in the form in which it becomes a key. The bytes are copies, the reader's to wipe. */
export type GivenKey =
  | { kind: "passphrase"; passphrase: Uint8Array }
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "root"; root: RootKey };

const leastCharacters = 16;

/** Values from documentation, and what people type to get past a prompt; compared without case and punctuation. */
const examples = new Set([
  "0123456789abcdef",
  "0123456789abcdef0123456789abcdef",
  "1234567890123456",
  "12345678901234567890123456789012",
  "adminadminadmin1",
  "averylongpassphrase",
  "averysecretpassphrase",
  "byokencryptionkey",
  "byokencryptionkeyhere",
  "correcthorsebatterystaple",
  "encryptionkeyhere",
  "exampleencryptionkey",
  "insertyourkeyhere",
  "letmeinletmeinletmein",
  "mysecretencryptionkey",
  "mysupersecretkey",
  "mysupersecretpassphrase",
  "passphrasepassphrase",
  "passwordpassword1",
  "pleasechangethiskey",
  "putyoursecrethere",
  "qwertyuiopasdfgh",
  "qwertyuiopasdfghjklzxcvbnm",
  "replacethiswithyourkey",
  "replacewithyourkey",
  "sixteencharacters",
  "supersecretpassphrase",
  "supersecretpassword",
  "thisisnotasecret",
  "thisissecretkey1",
  "yourencryptionkey",
  "yourencryptionkeyhere",
  "yourpassphrasehere",
  "yoursecretkeyhere",
  "yoursecurepassphrase",
]);
const exampleStart = /^(?:please)?changeme|^changethis/;

const wanted =
  "Set BYOK_ENCRYPTION_KEY (option encryptionKey) to 32 random bytes, written base64:… (44 characters) or hex:… (64 digits), " +
  `or to a passphrase of at least ${leastCharacters} characters. \`openssl rand -base64 32\` makes the bytes.`;

/** Whether the value is a passphrase, which costs a PBKDF2 to become a key. Says nothing about its quality. */
export function isPassphrase(encryptionKey: unknown): encryptionKey is string {
  return typeof encryptionKey === "string" && !/^(?:base64|hex):/i.test(encryptionKey);
}

/** @throws ConfigurationError that says what is wrong and what to give instead */
export function readEncryptionKey(given: unknown): GivenKey {
  if (given === undefined || given === "") throw refused("is not set");
  if (typeof given === "string") {
    const text = given.replace(/\r?\n$/, "");
    return isPassphrase(text) ? readPassphrase(text) : { kind: "bytes", bytes: soundBytes(decode(text)) };
  }
  if (given instanceof Uint8Array) return { kind: "bytes", bytes: soundBytes(Uint8Array.from(given)) };
  if (isRootKey(given)) return { kind: "root", root: given };
  throw refused("is neither text, nor a Uint8Array, nor a RootKey with id, wrap and unwrap");
}

function readPassphrase(text: string): GivenKey {
  if (!text.isWellFormed()) throw refused("holds half of a surrogate pair, so it was cut or badly decoded");
  const passphrase = text.normalize("NFC");
  if (passphrase.includes("\0")) throw refused("holds a NUL character");
  const characters = Array.from(passphrase);
  if (characters.length < leastCharacters) throw refused(`has under ${leastCharacters} characters`);
  const weakness = weaknessOf(characters);
  if (weakness !== undefined) throw refused(weakness);
  return { kind: "passphrase", passphrase: new TextEncoder().encode(passphrase) };
}

function decode(text: string): Uint8Array {
  const [, form, digits = ""] = /^(base64|hex):(.*)$/s.exec(text) ?? [];
  if (form === undefined) throw refused("names its form in capitals; it is base64: or hex:, in small letters");
  const bytes = form === "hex" ? fromHex(digits) : fromBase64(digits);
  if (bytes === undefined && form === "hex") throw refused("is not hexadecimal after hex:");
  if (bytes === undefined) throw refused("is not base64 after base64: (the standard alphabet with + and /, padded with =)");
  return bytes;
}

function soundBytes(bytes: Uint8Array): Uint8Array {
  const weakness = bytes.length === 32 ? weaknessOfBytes(bytes) : `has ${bytes.length} bytes, not 32`;
  if (weakness === undefined) return bytes;
  engine.wipe(bytes);
  throw refused(weakness);
}

function weaknessOfBytes(bytes: Uint8Array): string | undefined {
  if (countsBy(Array.from(bytes), (step) => step & 0xff) !== undefined) return "is one byte repeated, or bytes that count";
  // Words that were turned into bytes are no better than the words.
  const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  return isText ? weaknessOf(Array.from(bytes, (byte) => String.fromCharCode(byte))) : undefined;
}

function weaknessOf(characters: string[]): string | undefined {
  const plain = characters.join("").toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
  if (exampleStart.test(plain) || examples.has(plain)) return "is a value from an example, which everybody can guess";
  if (repeatsWithin(characters, leastCharacters)) return `repeats something shorter than ${leastCharacters} characters`;
  const step = countsBy(characters.map((character) => character.codePointAt(0) ?? 0));
  return step === undefined ? undefined : "is a row of characters that count";
}

/** The step from each number to the next, where it is always the same one. */
function countsBy(numbers: number[], wrap = (step: number): number => step): number | undefined {
  const [first, ...others] = numbers.slice(1).map((number, at) => wrap(number - (numbers[at] ?? 0)));
  return others.every((step) => step === first) ? first : undefined;
}

/** Whether the whole is one piece of under `limit` characters, twice or more. */
function repeatsWithin(characters: string[], limit: number): boolean {
  for (let size = 1; size < limit && size <= characters.length / 2; size++) {
    if (characters.length % size === 0 && characters.every((character, at) => character === characters[at % size])) return true;
  }
  return false;
}

function isRootKey(value: unknown): value is RootKey {
  if (typeof value !== "object" || value === null) return false;
  const { id, wrap, unwrap } = value as Partial<RootKey>;
  return typeof id === "string" && id.length > 0 && id.length <= 256 && typeof wrap === "function" && typeof unwrap === "function";
}

function refused(fault: string): ConfigurationError {
  return new ConfigurationError(`BYOK_ENCRYPTION_KEY ${fault}. ${wanted}`, { details: { field: "encryptionKey", setting: "BYOK_ENCRYPTION_KEY" } });
}

import { describe, expect, it } from "vitest";
import { base64, hex } from "./encoding.ts";
import { engine } from "./engine.ts";
import { isPassphrase, readEncryptionKey } from "./encryption-key.ts";
import { ConfigurationError } from "./errors.ts";

const random = engine.randomBytes(32);
const counting = Uint8Array.from({ length: 32 }, (_, at) => at + 100);
const counted = (step: number) => Uint8Array.from({ length: 32 }, (_, at) => 7 + at * step);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const utf8 = (text: string) => new TextEncoder().encode(text);

/** The error for a value; fails where it was accepted. */
function refusal(value: unknown): ConfigurationError {
  try {
    readEncryptionKey(value);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}
const passphraseOf = (value: string) => {
  const given = readEncryptionKey(value);
  if (given.kind !== "passphrase") throw new Error(`It was read as ${given.kind}.`);
  return textOf(given.passphrase);
};

const badKeys: [string, unknown, RegExp][] = [
  ["31 bytes", new Uint8Array(31).map((_, at) => random[at] ?? 0), /31 bytes, not 32/],
  ["33 bytes", Uint8Array.of(...random, 1), /33 bytes, not 32/],
  ["no bytes", new Uint8Array(), /0 bytes, not 32/],
  ["zeros", new Uint8Array(32), /one byte repeated/],
  ["0xff throughout", new Uint8Array(32).fill(255), /one byte repeated/],
  ["counting bytes", counting, /bytes that count/],
  ["bytes that count down", counting.toReversed(), /bytes that count/],
  ["bytes that count over the edge in steps of 31", counted(31), /bytes that count/],
  ["hex of zeros", `hex:${"0".repeat(64)}`, /one byte repeated/],
  ["base64 of zeros", `base64:${base64(new Uint8Array(32))}`, /one byte repeated/],
  ["hex of counting bytes", `hex:${hex(counting)}`, /bytes that count/],
  ["base64 of 31 bytes", `base64:${base64(random.subarray(1))}`, /31 bytes, not 32/],
  ["base64 of 33 bytes", `base64:${base64(Uint8Array.of(...random, 9))}`, /33 bytes, not 32/],
  ["URL-safe base64", `base64:${"-_".repeat(21)}8=`, /not base64/],
  ["base64 without padding", `base64:${base64(random).slice(0, -1)}`, /not base64/],
  ["base64 with bits left over", `base64:${"A".repeat(42)}B=`, /not base64/],
  ["base64 with a blank inside", `base64: ${base64(random)}`, /not base64/],
  ["odd hex", `hex:${hex(random).slice(1)}`, /not hexadecimal/],
  ["hex with another letter", `hex:${"g".repeat(64)}`, /not hexadecimal/],
  ["hex of 16 bytes", `hex:${hex(random).slice(32)}`, /16 bytes, not 32/],
  ["nothing after the prefix", "hex:", /0 bytes, not 32/],
  ["a prefix in capitals", `BASE64:${base64(random)}`, /small letters/],
  ["an example as bytes", utf8("0123456789abcdef0123456789abcdef"), /from an example/],
  ["a repeated word as bytes", utf8("hunter22".repeat(4)), /repeats something/],
];

describe("S-17 raw root keys", () => {
  it.each(badKeys)("%s: refused", (_, value, fault) => {
    const error = refusal(value);
    expect(error.message).toMatch(fault);
    expect(error.details).toEqual({ field: "encryptionKey", setting: "BYOK_ENCRYPTION_KEY" });
  });

  it.each([
    ["bytes", random],
    ["a Buffer", Buffer.from(random)],
    ["base64:", `base64:${base64(random)}`],
    ["hex:", `hex:${hex(random)}`],
    ["hex: in capitals", `hex:${hex(random).toUpperCase()}`],
    ["a line of a file", `hex:${hex(random)}\n`],
  ])("32 random bytes as %s are taken", (_, value) => {
    expect(readEncryptionKey(value)).toEqual({ kind: "bytes", bytes: random });
  });
});

describe("B-44 passphrases", () => {
  it.each([
    ["15 characters", "fifteen chars ✓", /under 16 characters/],
    ["15 characters of two units each", "🔑🐘🌊🍀🎻🚲🧭🪐🦉🌵🍉🎈🧩🪁🛶", /under 16 characters/],
    ["16 characters that are 15 after NFC", "fifteen chars e\u0301", /under 16 characters/],
    ["15 characters and a newline", "fifteen chars ✓\n", /under 16 characters/],
    ["changeme…", "changeme-changeme-please", /from an example/],
    ["Change-Me…", "Change-Me-1234567890", /from an example/],
    ["please change me", "please change me!", /from an example/],
    ["an example", "correct horse battery staple", /from an example/],
    ["an example in another dress", "Correct-Horse-Battery-STAPLE", /from an example/],
    ["a README value", "your-encryption-key", /from an example/],
    ["the digits", "1234567890123456", /from an example/],
    ["one character", "aaaaaaaaaaaaaaaaaaaaaaaa", /repeats something/],
    ["blanks", " ".repeat(20), /repeats something/],
    ["a short word again and again", "hunter2hunter2hunter2", /repeats something/],
    ["a counting row", "abcdefghijklmnopqr", /count/],
    ["a row that counts down", "zyxwvutsrqponmlkj", /count/],
    ["half a surrogate pair", "a good long passphrase \ud83d", /surrogate/],
    ["a NUL", "a good long\0passphrase", /NUL/],
    ["empty", "", /is not set/],
  ])("%s: refused", (_, value, fault) => {
    expect(refusal(value).message).toMatch(fault);
  });

  it("16 characters are enough, counted as people count", () => {
    expect(passphraseOf("sixteen chars ✓✓")).toBe("sixteen chars ✓✓");
    expect(passphraseOf("🔑🐘🌊🍀🎻🚲🧭🪐🦉🌵🍉🎈🧩🪁🛶🐢")).toHaveLength(32);
  });

  it("one final newline is trimmed, of either kind, and nothing else", () => {
    expect(passphraseOf("plenty of salt and pepper\n")).toBe("plenty of salt and pepper");
    expect(passphraseOf("plenty of salt and pepper\r\n")).toBe("plenty of salt and pepper");
    expect(passphraseOf("plenty of salt and pepper\n\n")).toBe("plenty of salt and pepper\n");
    expect(passphraseOf(" plenty of salt and pepper ")).toBe(" plenty of salt and pepper ");
  });

  it("is the same however its accents are typed (NFC)", () => {
    expect(passphraseOf("une tre\u0300s longue phrase secre\u0300te")).toBe("une tr\u00e8s longue phrase secr\u00e8te");
  });

  it("what openssl prints is a good one even without a prefix", () => {
    expect(passphraseOf(base64(random))).toBe(base64(random));
    expect(passphraseOf(hex(random))).toBe(hex(random));
  });
});

describe("anything else", () => {
  it.each([undefined, null, 42, true, {}, [], { id: "", wrap() {}, unwrap() {} }, { id: "x", wrap() {} }, { id: 1, wrap() {}, unwrap() {} }, () => "key"])(
    "%o: refused",
    (value) => {
      expect(refusal(value).message).toMatch(/is not set|is neither text, nor a Uint8Array, nor a RootKey/);
    },
  );

  it("a RootKey passes through as the object that it is", () => {
    const root = { id: "kms_1", wrap: async (plain: Uint8Array) => plain, unwrap: async (wrapped: Uint8Array) => wrapped };
    expect(readEncryptionKey(root)).toEqual({ kind: "root", root });
    expect(readEncryptionKey(root)).toHaveProperty("root", root);
  });
});

describe("a refusal", () => {
  it("names the setting and the option, and says what to give and how to make it", () => {
    const { message } = refusal(undefined);
    for (const part of ["BYOK_ENCRYPTION_KEY", "encryptionKey", "base64:", "hex:", "16 characters", "openssl rand -base64 32"]) {
      expect(message).toContain(part);
    }
  });

  it.each([`hex:${hex(random).slice(1)}`, `base64:${base64(random).slice(1)}`, "fifteen chars ✓", "hunter2hunter2hunter2", "changeme-0451-0451"])(
    "never shows the value, nor eight characters of it",
    (value) => {
      const shown = JSON.stringify(refusal(value)) + refusal(value).stack;
      const body = value.replace(/^(?:hex|base64):/, "");
      const pieces = Array.from({ length: body.length - 7 }, (_, at) => body.slice(at, at + 8));
      expect(pieces.filter((piece) => shown.includes(piece))).toEqual([]);
    },
  );
});

describe("isPassphrase", () => {
  it.each([
    ["plenty of salt and pepper", true],
    [`base64:${base64(random)}`, false],
    [`hex:${hex(random)}`, false],
    ["HEX:00", false],
    [random, false],
    [undefined, false],
  ])("%o: %s", (value, expected) => {
    expect(isPassphrase(value)).toBe(expected);
  });
});

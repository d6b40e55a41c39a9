import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64, base64url, fromBase64, fromBase64url, fromHex, hex } from "./encoding.ts";

const forms = [
  { form: "hex" as const, write: hex, read: fromHex },
  { form: "base64" as const, write: base64, read: fromBase64 },
  { form: "base64url" as const, write: base64url, read: fromBase64url },
];

describe.each(forms)("$form", ({ form, write, read }) => {
  it("is what Node writes, and reads back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(write(bytes)).toBe(Buffer.from(bytes).toString(form));
        expect(read(write(bytes))).toEqual(bytes);
      }),
    );
  });
});

it.each(["0", "0g", " 00", "0x00", "00 "])("hex does not read %j", (text) => {
  expect(fromHex(text)).toBeUndefined();
});

it.each(["AA", "AA=", "AAA=A", "AB==", "AAB=", "A-A=", "AA==\n", " AA==", "====", "AA==AA=="])("base64 does not read %j", (text) => {
  expect(fromBase64(text)).toBeUndefined();
});

it.each(["A", "AA==", "AB", "AAB", "A+A", "AA ", "AA\n", "ÄÄ"])("base64url does not read %j", (text) => {
  expect(fromBase64url(text)).toBeUndefined();
});

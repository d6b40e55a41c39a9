import { expect, test } from "vitest";
import { hintOf } from "./hint.ts";

test.each([
  ["", ""],
  ["abc", ""],
  ["abcd", "d"],
  ["abcdefg", "g"],
  ["abcdefgh", "gh"],
  ["abcdefghijklmno", "mno"],
  ["abcdefghijklmnop", "mnop"],
  ["sk-test-0123456789abcdefghij", "ghij"],
])("S-13: the hint of %o is %o", (secret, hint) => {
  expect(hintOf(secret)).toBe(hint);
});

test("S-13: no length from 1 to 200 shows more than 4 characters or more than a quarter", () => {
  for (let length = 1; length <= 200; length += 1) {
    const secret = Array.from({ length }, (_, index) => String.fromCodePoint(33 + (index % 90))).join("");
    const hint = hintOf(secret);
    expect(hint.length).toBeLessThanOrEqual(Math.min(4, length / 4));
    expect(secret.endsWith(hint)).toBe(true);
  }
});

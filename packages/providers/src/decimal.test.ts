import * as fc from "fast-check";
import { expect, test } from "vitest";
import { absolute, decimal, decimalText, exactly, plus, rounded, times } from "./decimal.ts";

test.each([
  ["0", "0"],
  ["12.50", "12.5"],
  [0.1, "0.1"],
  [1e-7, "0.0000001"],
  [1.5e21, "1500000000000000000000"],
  ["-0.00830", "-0.0083"],
  ["00.10", "0.1"],
  ["2E3", "2000"],
])("%s is read as %s", (value, text) => {
  expect(decimalText(exactly(value))).toBe(text);
});

test.each(["", " 1", "1 ", ".5", "5.", "0x1", "1e9999", "NaN", Number.NaN, Infinity, null, undefined, {}, [1], true, "1,5", "--1"])("%o is no decimal", (value) => {
  expect(decimal(value)).toBeUndefined();
});

test("what a float gets wrong is right: 0.1 + 0.2 is 0.3", () => {
  expect(decimalText(plus(exactly(0.1), exactly(0.2)))).toBe("0.3");
  expect(decimalText(times(exactly("0.00205"), exactly(3)))).toBe("0.00615");
  expect(decimalText(absolute(exactly("-0.0083")))).toBe("0.0083");
});

test.each([
  ["0.0000000005", 0n],
  ["0.0000000015", 2n],
  ["0.0000000025", 2n],
  ["0.00000000250001", 3n],
  ["-0.0000000015", -2n],
  ["1", 1_000_000_000n],
])("%s USD are %s nanodollars: a half goes to the even one", (usd, nanos) => {
  expect(rounded(exactly(usd), 9)).toBe(nanos);
});

test("sums and products are those of integers, whatever the scale", () => {
  const part = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.nat(20));
  fc.assert(
    fc.property(part, part, ([a, scaleA], [b, scaleB]) => {
      const [left, right] = [{ digits: a, scale: scaleA }, { digits: b, scale: scaleB }];
      const places = scaleA + scaleB;
      expect(rounded(times(left, right), places)).toBe(a * b);
      expect(rounded(plus(left, right), places)).toBe(a * 10n ** BigInt(scaleB) + b * 10n ** BigInt(scaleA));
      expect(exactly(decimalText(left)).digits * 10n ** BigInt(scaleA - exactly(decimalText(left)).scale)).toBe(a);
    }),
  );
});

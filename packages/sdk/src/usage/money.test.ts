import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toNanos, toUsd } from "./money.ts";

describe("money", () => {
  test.each([
    ["0", "0"],
    [0, "0"],
    ["12.5", "12.5"],
    ["12.50", "12.5"],
    ["100", "100"],
    [0.1, "0.1"],
    [0.1 + 0.2, "0.3"],
    [1e-7, "0.0000001"],
    [1.5e-9, "0.000000002"],
    ["0.0000000005", "0"],
    ["0.0000000015", "0.000000002"],
    ["0.0000000025", "0.000000002"],
    ["0.00000000250000000001", "0.000000003"],
    [1e9, "1000000000"],
  ])("%s USD is kept as %s: whole nanodollars, half to even", (given, kept) => {
    expect(toUsd(toNanos(given))).toBe(kept);
  });

  test.each(["-1", -1, NaN, Infinity, "", "0x10", " 1", "1,5", "."])("%s is no amount", (given) => {
    expect(() => toNanos(given)).toThrow(RangeError);
  });

  test("text and nanodollars are one to one, and the text has no exponent and no trailing zero", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (nanos) => {
        const usd = toUsd(nanos);
        expect(usd).toMatch(/^(0|[1-9]\d*)(\.\d{0,8}[1-9])?$/);
        expect(toNanos(usd)).toBe(nanos);
      }),
    );
  });

  test("rounding moves an amount by half a nanodollar at most, and ties go to the even one", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), fc.bigInt({ min: 0n, max: 99_999n }), (nanos, rest) => {
        const usd = `${nanos / 10n ** 9n}.${(nanos % 10n ** 9n).toString().padStart(9, "0")}${rest.toString().padStart(5, "0")}`;
        const expected = rest > 50_000n || (rest === 50_000n && nanos % 2n === 1n) ? nanos + 1n : nanos;
        expect(toNanos(usd)).toBe(expected);
      }),
    );
  });

  test("a negative sum prints with its sign", () => {
    expect(toUsd(-1n)).toBe("-0.000000001");
    expect(toUsd(-12_500_000_000n)).toBe("-12.5");
  });
});

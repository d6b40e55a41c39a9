import * as fc from "fast-check";
import { expect, it } from "vitest";
import { decimal } from "./decimal.ts";

it.each([
  { units: 0, places: 5, text: "0" },
  { units: 510, places: 5, text: "0.0051" },
  { units: 1400, places: 5, text: "0.014" },
  { units: 245, places: 8, text: "0.00000245" },
  { units: 100, places: 2, text: "1" },
  { units: 12_345, places: 2, text: "123.45" },
  { units: 1000, places: 2, text: "10" },
])("$units of 10^-$places is $text", ({ units, places, text }) => {
  expect(decimal(units, places)).toBe(text);
});

it("is the number that it stands for", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000_000), fc.integer({ min: 1, max: 8 }), (units, places) => {
      expect(Math.round(Number(decimal(units, places)) * 10 ** places)).toBe(units);
    }),
  );
});

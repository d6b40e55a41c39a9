import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requireStrictJson } from "./strict-json.ts";

const read = (text: string): unknown => requireStrictJson(Buffer.from(text));

describe("a body that two readers could read differently is refused", () => {
  const cases: [what: string, text: string, says: RegExp][] = [
    ["a name twice", `{"a":1,"a":2}`, /twice/],
    ["a name twice, once escaped", `{"a":1,"\\u0061":2}`, /twice/],
    ["a name twice in an object inside a list", `{"x":[{"b":1,"b":1}]}`, /twice/],
    ["33 levels", "[".repeat(33) + "]".repeat(33), /deeper/],
    ["10,000 levels", "[".repeat(10_000) + "]".repeat(10_000), /deeper/],
    ["1,001 items", `[${Array.from({ length: 1_001 }, () => "1").join(",")}]`, /1000 members/],
    ["100,000 names", `{${Array.from({ length: 100_000 }, (_, at) => `"n${at}":1`).join(",")}}`, /1000 members/],
    ["cut text", `{"a":`, /not valid JSON/],
    ["a comment", `{"a":1 /* b */}`, /not valid JSON/],
    ["NaN", `{"a":NaN}`, /not valid JSON/],
    ["nothing", ``, /not valid JSON/],
  ];
  test.each(cases)("%s", (_what, text, says) => {
    expect(() => read(text)).toThrow(says);
  });

  test("other encodings than UTF-8", () => {
    expect(() => requireStrictJson(Buffer.from(`{"a":1}`, "utf16le"))).toThrow(/not valid JSON/);
    expect(() => requireStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/not valid JSON/);
  });

  test("no message quotes the text", () => {
    expect(() => read(`sk-secret-text`)).toThrow(/^((?!secret).)*$/);
  });
});

describe("every other body passes as JSON.parse reads it", () => {
  test("whatever its values", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("names that look like structure, and one name at two levels", () => {
    expect(read(`{"{\\"a\\":":1,"a":{"a":"a"},"b":["a","a"]}`)).toEqual({ '{"a":': 1, a: { a: "a" }, b: ["a", "a"] });
  });

  test("1,000 items and 32 levels", () => {
    expect(read(`[${Array.from({ length: 1_000 }, () => "1").join(",")}]`)).toHaveLength(1_000);
    expect(read("[".repeat(32) + "]".repeat(32))).toBeDefined();
  });
});

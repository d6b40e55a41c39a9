import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contextOf, lengthPrefixed, type Field } from "./context.ts";
import { hex } from "./encoding.ts";
import { labels } from "./labels.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
/** A text cut in two at two places. */
const cutTwice = fc
  .tuple(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 }), fc.nat(), fc.nat())
  .map(([all, one, other]) => ({ all, one: one % (all.length + 1), other: other % (all.length + 1) }));

function bodyOf(field: Field): string {
  if (typeof field === "string") return Buffer.from(field).toString("hex");
  return typeof field === "number" ? field.toString(16).padStart(8, "0") : hex(field);
}

function bodiesIn(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodies: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at);
    bodies.push(hex(bytes.subarray(at + 4, end)));
    at = end;
  }
  return bodies;
}

describe("S-04 length-prefixed fields", () => {
  it('("ab","c") and ("a","bc") encode differently', () => {
    expect(hex(lengthPrefixed("ab", "c"))).toBe("0000000261620000000163");
    expect(hex(lengthPrefixed("a", "bc"))).toBe("0000000161000000026263");
  });

  it("the same characters cut at another place encode differently", () => {
    fc.assert(
      fc.property(cutTwice, ({ all, one, other }) => {
        const encoded = (at: number) => hex(lengthPrefixed(all.slice(0, at), all.slice(at)));
        expect(encoded(one) === encoded(other)).toBe(one === other);
      }),
    );
  });

  it("different lists of fields encode differently", () => {
    const list = fc.array(text, { maxLength: 4 });
    fc.assert(
      fc.property(list, list, (one, other) => {
        expect(hex(lengthPrefixed(...one)) === hex(lengthPrefixed(...other))).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  it("every field can be read back, so nothing was lost", () => {
    const field: fc.Arbitrary<Field> = fc.oneof(text, fc.nat(2 ** 32 - 1), fc.uint8Array({ maxLength: 20 }));
    fc.assert(
      fc.property(fc.array(field, { maxLength: 6 }), (fields) => {
        expect(bodiesIn(lengthPrefixed(...fields))).toEqual(fields.map(bodyOf));
      }),
    );
  });

  it.each([-1, 0.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY])("the number %d is refused, not rounded", (number) => {
    expect(() => lengthPrefixed(number)).toThrow(RangeError);
  });

  it("half a surrogate pair is refused: its UTF-8 would be that of U+FFFD", () => {
    expect(() => lengthPrefixed("a\ud800")).toThrow(RangeError);
    expect(hex(lengthPrefixed("\ufffd"))).toBe("00000003efbfbd");
  });
});

describe("a context", () => {
  it("begins with its label", () => {
    expect(hex(contextOf(labels.record, "x"))).toBe(hex(lengthPrefixed("byok/1/record", "x")));
  });

  it("stays under 1,024 bytes, counted in bytes", () => {
    const room = 1023 - contextOf(labels.record, "").length;
    expect(contextOf(labels.record, "x".repeat(room))).toHaveLength(1023);
    expect(() => contextOf(labels.record, "x".repeat(room + 1))).toThrow(RangeError);
    expect(() => contextOf(labels.record, "é".repeat(room / 2 + 1))).toThrow(RangeError);
  });
});

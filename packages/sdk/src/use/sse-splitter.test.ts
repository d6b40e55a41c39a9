import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SseSplitter, type Piece } from "./sse-splitter.ts";

const bytesOf = (pieces: readonly Piece[]): string => Buffer.concat(pieces.map((piece) => piece.bytes)).toString("utf8");

function cutAt(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, "utf8");
  const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, index) => bytes.subarray(from, points[index] ?? bytes.length));
}

describe("SseSplitter", () => {
  it("gives every byte back, in order, however the stream is cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), fc.array(fc.nat(400), { maxLength: 12 }), (text, cuts) => {
        const splitter = new SseSplitter();
        const pieces = cutAt(text, cuts).flatMap((chunk) => splitter.push(chunk));
        pieces.push(...splitter.end());
        expect(bytesOf(pieces)).toBe(Buffer.from(text, "utf8").toString("utf8"));
      }),
    );
  });

  it("reads the same events however the stream is cut, with any line ending", () => {
    const stream = 'event: a\r\ndata: {"x":1}\r\n\r\n: a comment\n\ndata: two\ndata: lines\n\ndata: [DONE]\n\n';
    const expected = [{ event: "a", data: '{"x":1}' }, { event: undefined, data: "two\nlines" }, { event: undefined, data: "[DONE]" }];
    fc.assert(
      fc.property(fc.array(fc.nat(120), { maxLength: 20 }), (cuts) => {
        const splitter = new SseSplitter();
        const pieces = cutAt(stream, cuts).flatMap((chunk) => splitter.push(chunk));
        expect(pieces.flatMap((piece) => piece.event ?? [])).toEqual(expected);
      }),
    );
  });

  it("passes an event that is too large on unread, instead of keeping it", () => {
    const splitter = new SseSplitter();
    const pieces = splitter.push(Buffer.alloc(1_200_000, "a"));
    expect(pieces).toHaveLength(1);
    expect(pieces[0]).toMatchObject({ event: null });
    expect(splitter.end()).toEqual([]);
  });
});

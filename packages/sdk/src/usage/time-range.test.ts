import { InvalidInputError } from "@stack-2025/byok-crypto";
import { describe, expect, test } from "vitest";
import type { TimeRange } from "../schema.ts";
import { resolveRange } from "./time-range.ts";

const now = new Date("2026-03-31T15:45:30.123Z");

describe("a time range", () => {
  test.each<[TimeRange, string, string]>([
    ["1h", "2026-03-31T14:00:00.000Z", "hour"],
    ["24h", "2026-03-30T15:00:00.000Z", "hour"],
    ["2d", "2026-03-29T15:00:00.000Z", "hour"],
    ["3d", "2026-03-28T00:00:00.000Z", "day"],
    ["30d", "2026-03-01T00:00:00.000Z", "day"],
    ["4w", "2026-03-03T00:00:00.000Z", "day"],
    ["1m", "2026-02-28T00:00:00.000Z", "day"],
    ["92d", "2025-12-29T00:00:00.000Z", "day"],
    ["93d", "2025-12-01T00:00:00.000Z", "month"],
    ["12m", "2025-03-01T00:00:00.000Z", "month"],
  ])("%s back from now begins where its bucket begins, %s, in buckets of a(n) %s", (range, from, bucket) => {
    expect(resolveRange(range, now)).toEqual({ from: new Date(from), to: null, bucket });
  });

  test("dates that are given are taken as they are", () => {
    const range = { from: new Date("2026-03-01T10:20:30Z"), to: new Date("2026-03-01T10:50:00Z") };
    expect(resolveRange(range, now)).toEqual({ ...range, bucket: "hour" });
    expect(resolveRange({ from: range.from }, now)).toEqual({ from: range.from, to: null, bucket: "day" });
  });

  test.each<[string, unknown]>([
    ["a unit that does not exist", "30x"],
    ["a negative length", "-1d"],
    ["nothing", ""],
    ["zero", "0d"],
    ["more than there is time", "9999m"],
    ["an end before the start", { from: new Date("2026-03-02"), to: new Date("2026-03-01") }],
    ["a start that has not come yet", { from: new Date("2026-04-01") }],
    ["no date", { from: new Date(NaN) }],
  ])("B-57 %s is refused", (_, range) => {
    expect(() => resolveRange(range as TimeRange, now)).toThrow(InvalidInputError);
  });
});

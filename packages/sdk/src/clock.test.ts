import { expect, test } from "vitest";
import { DatabaseClock } from "./clock.ts";

const own = { now: () => new Date("2026-11-24T10:00:00.000Z"), monotonic: () => 7 };

test.each([
  [0, "2026-11-24T10:00:00.000Z"],
  [100, "2026-11-24T10:00:00.000Z"],
  [-100, "2026-11-24T10:00:00.000Z"],
  [101, "2026-11-24T10:00:00.101Z"],
  [-90_000, "2026-11-24T09:58:30.000Z"],
])("a clock that lacks %d ms of the database's says %s", (offsetMs, said) => {
  const clock = new DatabaseClock(own);
  clock.offsetMs = offsetMs;
  expect(clock.now().toISOString()).toBe(said);
  expect([clock.uncorrected(), clock.monotonic()]).toEqual([own.now(), 7]);
});

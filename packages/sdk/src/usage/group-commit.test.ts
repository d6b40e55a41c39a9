import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GroupCommit } from "./group-commit.ts";

class Passing extends Error {}
class Closed extends Error {}

function group(commit: (items: readonly number[], lane: number) => Promise<readonly string[]>, maxItems = 1_000): GroupCommit<number, string> {
  return new GroupCommit({ lanes: 2, maxItems, commit, passes: (error) => error instanceof Passing, onRetry: () => {}, closedError: () => new Closed() });
}

/** A commit that the test lets go. */
function gate(): { open: () => void; wait: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, wait: promise };
}

describe("group commit", () => {
  test("while two statements are in flight, the next carries all that came meanwhile", async () => {
    const statements: number[][] = [];
    const gates = [gate(), gate(), gate()];
    const writer = group(async (items) => {
      const mine = gates[statements.length]!;
      statements.push([...items]);
      await mine.wait;
      return items.map((item) => `kept ${item}`);
    });
    const first = writer.add([1]);
    await new Promise(setImmediate);
    const second = writer.add([2]);
    await new Promise(setImmediate);
    const rest = Array.from({ length: 62 }, (_, index) => writer.add([index + 3]));
    await new Promise(setImmediate);
    expect(statements).toEqual([[1], [2]]);
    expect(writer.held).toBe(64);
    for (const one of gates) one.open();
    expect(await first).toEqual(["kept 1"]);
    expect(await second).toEqual(["kept 2"]);
    expect((await Promise.all(rest)).flat()).toEqual(Array.from({ length: 62 }, (_, index) => `kept ${index + 3}`));
    expect(statements).toHaveLength(3);
    expect(writer.held).toBe(0);
  });

  test("a unit is never torn, and no statement passes the bound", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 40 }), async (sizes) => {
        const statements: number[][] = [];
        const writer = group(async (items) => {
          statements.push([...items]);
          await new Promise(setImmediate);
          return items.map(String);
        }, 10);
        const units = sizes.map((size, unit) => Array.from({ length: size }, (_, index) => unit * 100 + index));
        const verdicts = await Promise.all(units.map((unit) => writer.add(unit)));
        expect(verdicts).toEqual(units.map((unit) => unit.map(String)));
        for (const statement of statements) {
          expect(statement.length).toBeLessThanOrEqual(10);
          for (const unit of units) expect([0, unit.length]).toContain(statement.filter((item) => unit.includes(item)).length);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("a statement that fails for bad units takes none of the good ones down", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), async (bad) => {
        const kept: number[] = [];
        const writer = group(async (items) => {
          if (items.some((item) => bad[item])) throw new RangeError("bad");
          kept.push(...items);
          return items.map(String);
        });
        const outcomes = await Promise.allSettled(bad.map((_, index) => writer.add([index])));
        expect(outcomes.map((outcome) => outcome.status)).toEqual(bad.map((is) => (is ? "rejected" : "fulfilled")));
        expect(kept.toSorted((a, b) => a - b)).toEqual(bad.flatMap((is, index) => (is ? [] : [index])));
        expect(writer.held).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test("what fails for a while is kept in order, counted as held, and resolved once it is written", async () => {
    let away = 3;
    const statements: number[][] = [];
    const writer = group(async (items) => {
      if (away-- > 0) throw new Passing();
      statements.push([...items]);
      return items.map(String);
    }, 2);
    const writes = [writer.add([1]), writer.add([2])];
    expect(writer.held).toBe(2);
    await expect.poll(() => writer.failing, { interval: 1 }).toBe(true);
    writes.push(writer.add([3]));
    await Promise.all(writes);
    expect(statements).toEqual([[1, 2], [3]]);
    expect(writer.held).toBe(0);
    expect(writer.failing).toBe(false);
  });

  test("closing waits for what is held; what is not durable in time is rejected, and nothing new is taken", async () => {
    const commits = gate();
    const slow = group(async (items) => {
      await commits.wait;
      return items.map(String);
    });
    const write = slow.add([1]);
    const closed = slow.close(5_000);
    await expect(slow.add([2])).rejects.toBeInstanceOf(Closed);
    commits.open();
    await closed;
    expect(await write).toEqual(["1"]);

    const dead = group(() => Promise.reject(new Passing()));
    const lost = dead.add([1]).catch((error: unknown) => error);
    await dead.close(50);
    expect(await lost).toBeInstanceOf(Closed);
    expect(dead.held).toBe(0);
  });
});

// Small tools to time things side by side. Machines differ and are busy, so what counts is the ratio of two measurements of one run,
// taken in turns.

export interface Sample {
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** A second. */
  readonly rate: number;
  readonly count: number;
}

export interface Contestant {
  readonly name: string;
  /** One operation; what it resolves to is not looked at. */
  readonly run: (index: number) => unknown;
  /** Operations that are timed as one, where a single one is shorter than the clock can tell. */
  readonly batch?: number;
}

export interface Effort {
  /** How long each contestant runs in all. */
  readonly seconds: number;
  /** How often they take turns. */
  readonly rounds: number;
  /** Operations at one time. */
  readonly concurrency?: number;
}

/** Runs the contestants in turns, after a round that is not counted. */
export async function compare(contestants: readonly Contestant[], { seconds, rounds, concurrency = 1 }: Effort): Promise<Map<string, Sample>> {
  const times = new Map(contestants.map((one) => [one.name, [] as number[]]));
  const wall = new Map(contestants.map((one) => [one.name, 0]));
  const roundMs = (seconds * 1_000) / rounds;
  for (let round = 0; round <= rounds; round += 1) {
    for (const one of contestants) {
      const began = performance.now();
      const taken = await runFor(one, round === 0 ? roundMs / 2 : roundMs, concurrency);
      if (round === 0) continue;
      wall.set(one.name, (wall.get(one.name) ?? 0) + performance.now() - began);
      for (const time of taken) times.get(one.name)?.push(time);
    }
  }
  return new Map(
    contestants.map(({ name, batch = 1 }) => {
      const sorted = Float64Array.from(times.get(name) ?? []).sort();
      const at = (share: number): number => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN) / batch;
      const count = sorted.length * batch;
      return [name, { p50: at(0.5), p99: at(0.99), rate: count / ((wall.get(name) ?? 1) / 1_000), count }];
    }),
  );
}

/** Microseconds that each operation, or batch of them, took. */
async function runFor(one: Contestant, ms: number, concurrency: number): Promise<number[]> {
  const taken: number[] = [];
  const until = performance.now() + ms;
  let index = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const first = index;
      index += one.batch ?? 1;
      const began = process.hrtime.bigint();
      if (one.batch === undefined) await one.run(first);
      else for (let at = 0; at < one.batch; at += 1) await one.run(first + at);
      taken.push(Number(process.hrtime.bigint() - began) / 1_000);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return taken;
}

/** A table in plain text: a row a contestant, with its ratio to the one named `against`. */
export function table(samples: ReadonlyMap<string, Sample>, against: string): string {
  const base = samples.get(against);
  const rows = [...samples].map(([name, sample]) => [
    name, inTime(sample.p50), inTime(sample.p99), Math.round(sample.rate).toLocaleString("en-US"),
    base ? `${(sample.p50 / base.p50).toFixed(2)} / ${(base.rate / sample.rate).toFixed(2)}` : "",
  ]);
  const head = ["", "p50", "p99", "a second", `ratio to "${against}" (p50 / rate)`];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ")).join("\n");
}

function inTime(microseconds: number): string {
  if (microseconds < 1) return `${(microseconds * 1_000).toFixed(0)} ns`;
  return microseconds < 1_000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1_000).toFixed(2)} ms`;
}

// `npm run bench`, and `npm run bench -- --quick` for a look. `npm run bench -- resolve` runs one of the files that end in `.bench.ts`.
// Each says what it compares with: the same work without byok, in the same run.
import { globSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import path from "node:path";

export interface Bench {
  readonly title: string;
  /** Prints its tables. `quick` is for seconds where the full run takes minutes. */
  run(options: { quick: boolean }): Promise<void>;
}

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const wanted = args.filter((arg) => !arg.startsWith("-"));
const files = globSync("*.bench.ts", { cwd: import.meta.dirname }).toSorted();
const chosen = files.filter((file) => wanted.length === 0 || wanted.some((name) => file.startsWith(name)));

if (chosen.length === 0) {
  process.stderr.write(`There is no such benchmark; there are ${files.map((file) => file.replace(".bench.ts", "")).join(", ")}.\n`);
  process.exitCode = 2;
}
const [cpu] = cpus();
process.stdout.write(
  `${cpu?.model ?? "unknown processor"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, ${process.platform}; ` +
    `load ${loadavg()[0]?.toFixed(1)} at the start; ${quick ? "quick run" : "full run"}\n`,
);
for (const file of chosen) {
  const { bench } = (await import(path.join(import.meta.dirname, file))) as { bench: Bench };
  process.stdout.write(`\n## ${bench.title}\n\n`);
  await bench.run({ quick });
}
process.stdout.write(`\nload ${loadavg()[0]?.toFixed(1)} at the end; where it is above the number of cores, trust the ratios only\n`);

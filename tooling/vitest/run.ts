// `npm test`: builds what some tests install from outside, runs vitest, and on request the checks of `npm run check`; the last
// line is the sum of them all. Arguments go on to vitest: `npm test -- packages/crypto -t envelope`.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { checks, runCheck } from "../check/checks.ts";
import { inWords, sum, type Counts } from "./counts.ts";

/** Options of vitest whose value is a word of its own. */
const takesValue = new Set(["-t", "--testNamePattern", "--project", "--reporter"]);

const root = path.resolve(import.meta.dirname, "../..");
const published = ["@stack-2025/byok-core", "@stack-2025/byok-client", "@stack-2025/byok-crypto", "@stack-2025/byok"];

const args = process.argv.slice(2);
const withChecks = args.includes("--with-checks");
const forVitest = args.filter((arg) => arg !== "--with-checks");

const steps: Counts[] = [];
if (needsBuild(forVitest)) steps.push(await build());
steps.push(await vitest(forVitest));
if (withChecks) steps.push(...(await Promise.all(checks.map((check) => runCheck(check, root)))).map(asCount));

const total = sum(steps);
process.stdout.write(`${inWords(total)}\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** Only the tests of the apps and those through the front door use what is built; a package's own tests run from sources. */
function needsBuild(given: readonly string[]): boolean {
  const filters = given.filter((arg, at) => !arg.startsWith("-") && !takesValue.has(given[at - 1] ?? ""));
  return filters.length === 0 || filters.some((filter) => !filter.startsWith("packages/"));
}

async function build(): Promise<Counts> {
  const filters = published.map((name) => `--filter=${name}`);
  const code = await run("turbo", ["run", "build", "--output-logs=errors-only", ...filters], {});
  if (code !== 0) process.stderr.write("npm test: the build failed; tests that need it will fail too\n");
  // A build that works is no test of its own.
  return { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

async function vitest(given: readonly string[]): Promise<Counts> {
  const folder = mkdtempSync(path.join(tmpdir(), "byok-counts-"));
  const file = path.join(folder, "counts.json");
  try {
    const code = await run("vitest", ["run", ...given], { TEST_COUNTS: file });
    const counts = readCounts(file);
    // A run that ended badly without a failed test, such as a set-up that threw, must not pass.
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Counts;
  } catch {
    // vitest stopped before its reporters were asked; what it printed says why.
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function asCount(passed: boolean): Counts {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

/** Runs a command of the workspace with this terminal as its own; resolves with its exit code. */
function run(command: string, commandArgs: readonly string[], extra: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArgs, { cwd: root, stdio: "inherit", env: { ...process.env, ...extra }, shell: process.platform === "win32" });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.once("SIGTERM", pass);
    child.on("error", reject);
    child.on("exit", (code) => {
      process.removeListener("SIGTERM", pass);
      resolve(code ?? 1);
    });
  });
}

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

/** Runs test files of a text each in a project of their own, and gives the last line, the lines above it and the exit code. */
async function runTests(files: Record<string, string>, into?: string): Promise<{ lastLine: string; output: string; code: number; counts: unknown }> {
  const folder = await mkdtemp(path.join(tmpdir(), "byok-reporter-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
    const reporter = path.join(import.meta.dirname, "count-reporter.ts");
    const args = [path.join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", folder, "--globals", `--reporter=${reporter}`];
    const env = { ...process.env, TEST_COUNTS: into === undefined ? "" : path.join(folder, into), NO_COLOR: "1" };
    const { stdout, code } = await promisify(execFile)(process.execPath, args, { env }).then(
      (done) => ({ ...done, code: 0 }),
      (failed: { stdout: string; code: number }) => failed,
    );
    const counts: unknown = into === undefined ? undefined : JSON.parse(await readFile(path.join(folder, into), "utf8"));
    return { lastLine: stdout.trimEnd().split("\n").at(-1) ?? "", output: stdout, code, counts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("the last line counts what passed, failed and was skipped, and a skip says why", { timeout: 30_000 }, async () => {
  const run = await runTests({
    "a.test.js": `test("good", () => {}); test("bad", () => { throw new Error("no"); }); test("absent", (context) => context.skip("there is no moon"));`,
    "b.test.js": `import "./nowhere.js";`,
  });
  expect(run.lastLine).toBe("1 passed, 2 failed, 1 skipped");
  expect(run.output).toContain("skipped: absent: there is no moon");
  expect(run.code).toBe(1);
});

test("a skip without a reason fails the run", { timeout: 30_000 }, async () => {
  const run = await runTests({ "a.test.js": `test("good", () => {}); test.skip("quiet", () => {});` });
  expect(run.lastLine).toBe("1 passed, 1 failed");
  expect(run.output).toContain("failed: quiet: skipped without a reason");
  expect(run.code).toBe(1);
});

test("a run where all is well ends with exit code 0", { timeout: 30_000 }, async () => {
  const run = await runTests({ "a.test.js": `test("good", () => {});` });
  expect(run.lastLine).toBe("1 passed, 0 failed");
  expect(run.code).toBe(0);
});

test("a runner with further steps gets the counts in a file, and the last line is its own", { timeout: 30_000 }, async () => {
  const run = await runTests({ "a.test.js": `test("good", () => {});` }, "counts.json");
  expect(run.counts).toEqual({ passed: 1, failed: 0, skipped: 0 });
  expect(run.output).not.toContain("1 passed, 0 failed");
});

import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { inWords, type Counts } from "./counts.ts";

/**
 * Prints `N passed, N failed, N skipped` as the very last line of a run, whatever else prints, and above it why each
 * skipped test was. A file that does not import, an error outside any test, and a skip without a reason count as failed.
 * Where the variable TEST_COUNTS names a file, the counts go there instead, for a runner that adds up several steps.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: errors.length, skipped: 0 };
    const remarks: string[] = [];
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const result = test.result();
        if (result.state === "passed") counts.passed += 1;
        else if (result.state === "failed") counts.failed += 1;
        else if (leftOutByName(module)) counts.skipped += 1;
        else remarks.push(remarkOnSkip(test, counts));
      }
      if (!module.ok() && (tests === 0 || module.errors().length > 0)) counts.failed += 1;
    }
    const unexplained = remarks.some((remark) => remark.startsWith("failed"));
    const file = process.env["TEST_COUNTS"];
    if (file) writeFileSync(file, JSON.stringify(counts));
    process.on("exit", () => {
      if (unexplained && !process.exitCode) process.exitCode = 1;
      for (const remark of remarks) process.stdout.write(`${remark}\n`);
      if (!file) process.stdout.write(`${inWords(counts)}\n`);
    });
  }
}

/** With `-t PATTERN` vitest marks the other tests as skipped; the caller knows why. */
function leftOutByName(module: TestModule): boolean {
  return module.project.config.testNamePattern !== undefined;
}

function remarkOnSkip(test: TestCase, counts: Counts): string {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  if (note) {
    counts.skipped += 1;
    return `skipped: ${test.fullName}: ${note}`;
  }
  counts.failed += 1;
  return `failed: ${test.fullName}: skipped without a reason; say it with \`context.skip("why")\``;
}

// What `npm run check` looks at, each a command that prints its findings and fails. `npm test -- --with-checks` (so `.ci/run`)
// counts each as a test.
import { spawn } from "node:child_process";
import { cpus } from "node:os";

export interface Check {
  readonly name: string;
  /** Said when it fails: what to do. */
  readonly remedy: string;
  /** The commands of the check, run in order until one fails. */
  readonly commands: readonly (readonly [string, ...string[]])[];
}

const publishedFolders = ["packages/crypto", "packages/sdk", "packages/client", "apps/cli"];

export const checks: readonly Check[] = [
  { name: "types", remedy: "The compiler's messages are above.", commands: [["tsc", "-b"]] },
  { name: "lint", remedy: "oxlint's findings are above; `oxlint --fix` mends some.", commands: [["oxlint", `--threads=${cpus().length}`]] },
  { name: "unused", remedy: "knip's findings are above: files, exports and dependencies that nothing uses.", commands: [["knip"]] },
  {
    name: "published shape",
    remedy: "publint or attw found a package that some users could not import.",
    commands: [
      ["turbo", "run", "build", "--output-logs=errors-only", "--filter=./packages/*", "--filter=./apps/cli"],
      ...publishedFolders.map((folder): [string, ...string[]] => ["publint", "--strict", folder]),
      // The command has no entry to import, and `./internal` is for the checkout alone: it leads to sources.
      ...publishedFolders.slice(0, 3).map((folder): [string, ...string[]] => [
        "attw", "--pack", folder, "--profile", "esm-only", "--exclude-entrypoints", "./internal",
      ]),
    ],
  },
];

/** Runs one check, and says in a line how it ended. What its commands print is shown where one of them fails. */
export async function runCheck(check: Check, root: string): Promise<boolean> {
  const began = performance.now();
  for (const [command, ...args] of check.commands) {
    const { code, output } = await run(command, args, root);
    if (code === 0) continue;
    process.stdout.write(`${output.trimEnd()}\ncheck failed: ${check.name} (\`${[command, ...args].join(" ")}\`). ${check.remedy}\n`);
    return false;
  }
  process.stdout.write(`check passed: ${check.name} (${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
  return true;
}

function run(command: string, args: readonly string[], root: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], shell: process.platform === "win32" });
    const said: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(said).toString() }));
  });
}

/** The entry of the command `byok`: hands the world down, and takes the secrets out of the process's environment. */
import { secretVariables } from "@stack-2025/byok-core/internal";
import { usageExit } from "./exit-codes.ts";
import { run } from "./program.ts";

const env = { ...process.env };
for (const name of secretVariables) delete process.env[name];

// A reader that goes away (`byok keys list | head -1`) is no error. A terminal that closed leaves the prompt: nothing is stored.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : usageExit));
}
const code = await run(process.argv.slice(2), { env, stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, exitCode: 0 });
await new Promise((resolve) => process.stdout.write("", resolve));
process.exit(code);

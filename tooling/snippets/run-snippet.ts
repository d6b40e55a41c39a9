import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";
import type { Sandbox } from "@stack-2025/byok-sandbox";
import type { VendorFront } from "../outside/vendor-front.ts";

export interface Surroundings {
  readonly sandbox: Sandbox;
  readonly front: VendorFront;
  readonly databaseUrl: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a script in a process of its own, where the vendors' host names lead to the sandbox and the environment holds what the
 * documents speak of. The example keys of its text are ones that the vendors know.
 */
export function runSnippet(script: string, code: string, around: Surroundings): Promise<Ran> {
  for (const key of exampleKeys(code)) around.sandbox.script(key, { kind: "ok" });
  const env = {
    ...process.env,
    ...around.front.env,
    BYOK_ENCRYPTION_KEY: `base64:${randomBytes(32).toString("base64")}`,
    DATABASE_URL: around.databaseUrl,
    ...around.env,
  };
  const args = [...around.front.nodeArgs, path.join(import.meta.dirname, "run-script.ts"), script];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, output: `${stdout}${stderr}` });
    });
  });
}

/** Documents write `sk-...`; no vendor ever issued that, so the sandbox has to be told to know it. */
function exampleKeys(code: string): string[] {
  return [...code.matchAll(/["'](sk-[^"'\s]*)["']/g)].map(([, key = ""]) => key);
}

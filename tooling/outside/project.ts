// A project as a user would make one: in a folder outside the repository, with the published packages installed from their folders.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");

/** `npm` alone links the folders; with `--install-links` it copies them, as pnpm does. */
export const installers = ["pnpm", "npm --install-links", "npm"] as const;
export type Installer = (typeof installers)[number];

export interface Ran {
  readonly code: number;
  readonly output: string;
}

export interface OutsideProject extends AsyncDisposable {
  /** Writes a source file. */
  write(file: string, text: string): Promise<void>;
  /** The compiler's complaints about every source file, strictly and with the libraries' declarations checked. */
  complaints(resolution: "nodenext" | "bundler"): Promise<string>;
  /** Runs a source file. `nodeArgs` come before it. */
  run(file: string, env: Readonly<Record<string, string>>, nodeArgs?: readonly string[]): Promise<Ran>;
}

/** Makes the project and installs it. @throws Error with what the installer said, where it failed */
export async function makeOutsideProject(installer: Installer): Promise<OutsideProject> {
  const folder = await mkdtemp(path.join(tmpdir(), "byok-outside-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await writeFile(path.join(folder, "package.json"), JSON.stringify(await manifest(), null, 2));
    await writeFile(path.join(folder, "tsconfig.nodenext.json"), JSON.stringify(settings("nodenext", "nodenext")));
    await writeFile(path.join(folder, "tsconfig.bundler.json"), JSON.stringify(settings("esnext", "bundler")));
    const [command = "", ...args] = installCommands[installer];
    const installed = await execute(command, args, folder, {});
    if (installed.code !== 0) throw new Error(`${installer} could not install the project:\n${installed.output}`);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    write: (file, text) => writeFile(path.join(folder, file), text),
    async complaints(resolution) {
      const compiler = path.join(folder, "node_modules", "typescript", "bin", "tsc");
      return (await execute(process.execPath, [compiler, "-p", `tsconfig.${resolution}.json`, "--pretty", "false"], folder, {})).output.trim();
    },
    run: (file, env, nodeArgs = []) => execute(process.execPath, [...nodeArgs, file], folder, env),
    [Symbol.asyncDispose]: dispose,
  };
}

const installCommands: Readonly<Record<Installer, readonly string[]>> = {
  // A user's first install has no lock; in CI pnpm would otherwise insist on one.
  pnpm: ["pnpm", "install", "--no-frozen-lockfile", "--prefer-offline", "--reporter=append-only"],
  "npm --install-links": ["npm", "install", "--install-links", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
  npm: ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
};

/** Versions are those of the workspace, so that what pnpm has stored for it serves here too. */
async function manifest(): Promise<unknown> {
  const tooling = JSON.parse(await readFile(path.join(root, "tooling/package.json"), "utf8")) as { devDependencies: Record<string, string> };
  const workspace = await readFile(path.join(root, "pnpm-workspace.yaml"), "utf8");
  const version = (name: string): string => {
    const found = new RegExp(`^  "?${name}"?: (\\S+)$`, "m").exec(workspace)?.[1] ?? tooling.devDependencies[name];
    if (found === undefined) throw new Error(`the workspace has no version of ${name}`);
    return found;
  };
  const external = ["openai", "pg", "@types/pg", "@types/node", "typescript"];
  return {
    name: "outside", private: true, type: "module",
    dependencies: {
      "@stack-2025/byok-core": `file:${path.join(root, "packages/sdk")}`,
      "@stack-2025/byok-client": `file:${path.join(root, "packages/client")}`,
      "@stack-2025/byok-crypto": `file:${path.join(root, "packages/crypto")}`,
      ...Object.fromEntries(external.map((name) => [name, version(name)])),
    },
  };
}

function settings(module: string, moduleResolution: string): unknown {
  return {
    compilerOptions: {
      target: "es2024", lib: ["es2024", "esnext.disposable", "dom", "dom.iterable"], module, moduleResolution, types: ["node"],
      strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: false, verbatimModuleSyntax: true,
    },
    include: ["*.ts"],
  };
}

/** Runs a command as a user's shell would: nothing of the workspace's own set-up is in its environment. */
function execute(command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS" && !/^(npm_|VITEST|BYOK_)/i.test(name)));
  return new Promise((resolve) => {
    const options = { cwd, env: { ...inherited, NODE_ENV: "", ...env }, timeout: 180_000, maxBuffer: 16 * 1_048_576, shell: process.platform === "win32" };
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, output: `${stdout}${stderr}` });
    });
  });
}

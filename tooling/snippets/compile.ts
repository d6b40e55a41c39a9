// Writes snippets into files that stand where the workspace's packages resolve, and has the compiler read them as a user's strict
// project would.
import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { root, type Snippet } from "./documents.ts";

export interface WrittenSnippet extends Snippet {
  /** Absolute. */
  readonly script: string;
}

// A document about the library does not open with how one makes a pool; it says that `db` is one. Each line stands in for such a
// sentence, where the snippet uses the name and does not make it.
const preludes: Readonly<Record<string, string>> = {
  db: `import pg from "pg"; const db = new pg.Pool({ connectionString: process.env.DATABASE_URL, allowExitOnIdle: true });`,
  OpenAI: `import OpenAI from "openai";`,
};

/** The snippet with what it takes for granted, all on one line above it, so that line numbers move by one. */
export function withPrelude(code: string): string {
  const needed = Object.entries(preludes).filter(([name]) => uses(code, name) && !makes(code, name));
  return `${needed.map(([, line]) => line).join(" ")} export {};\n${code}`;
}

/** Below `tooling`, in a folder that git ignores; a second run replaces the first. */
export async function writeSnippets(snippets: readonly Snippet[], folderName: string): Promise<WrittenSnippet[]> {
  const folder = path.join(root, "tooling", ".tsbuild", "of-documents", folderName);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const written = snippets.map((snippet) => ({
    ...snippet,
    script: path.join(folder, `${snippet.file.replaceAll(/\W+/g, "-")}-${snippet.line}.ts`),
  }));
  await Promise.all(written.map((snippet) => writeFile(snippet.script, withPrelude(snippet.code))));
  await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(compilerSettings, null, 2));
  return written;
}

const compilerSettings = {
  compilerOptions: {
    target: "es2024", lib: ["es2024", "esnext.disposable"], module: "nodenext", moduleResolution: "nodenext", moduleDetection: "force",
    types: ["node"], customConditions: ["byok-source"], allowImportingTsExtensions: true,
    strict: true, noUncheckedIndexedAccess: true, noImplicitReturns: true, noEmit: true, skipLibCheck: true,
  },
  include: ["*.ts"],
};

/** The compiler's complaints about these snippets, with the document's line in place of the file's. */
export async function complaintsAbout(written: readonly WrittenSnippet[]): Promise<string[]> {
  const [first] = written;
  if (!first) return [];
  const folder = path.dirname(first.script);
  const output = await new Promise<string>((resolve, reject) => {
    execFile("tsc", ["-p", folder, "--pretty", "false"], { cwd: folder, shell: process.platform === "win32" }, (error, stdout) => {
      // The compiler ends with 1 or 2 where it complains; anything else is that it could not run.
      if (error && typeof error.code !== "number") reject(error);
      else resolve(stdout);
    });
  });
  return output.split("\n").filter((line) => line.trim() !== "").map((line) => inDocument(line, written));
}

function inDocument(line: string, written: readonly WrittenSnippet[]): string {
  const [, file = "", at = "", rest = ""] = /^(\S+?)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
  const snippet = written.find((one) => path.basename(one.script) === path.basename(file));
  return snippet ? `${snippet.file}:${snippet.line + Number(at) - 2} ${rest}` : line;
}

function uses(code: string, name: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(code);
}

function makes(code: string, name: string): boolean {
  return new RegExp(`\\b(const|let|import|class|function)\\s+(\\{[^}]*)?\\b${name}\\b`).test(code);
}

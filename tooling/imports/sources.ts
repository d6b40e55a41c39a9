// What every source file of the workspace imports, read by a parser so that an example in a comment is no import. It knows no
// rules; those are in rooms.ts.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseSync, visitorKeys } from "oxc-parser";

export const root = path.resolve(import.meta.dirname, "../..");

export interface Import {
  /** From the root of the checkout, with forward slashes. */
  readonly file: string;
  readonly line: number;
  /** As written: a package, a `node:` module, or a relative path. */
  readonly specifier: string;
  /** `import type` and `export type`, which leave nothing at run time. `import { type A }` leaves an import. */
  readonly typeOnly: boolean;
  /** `export * from`, which hides what a module offers. */
  readonly star: boolean;
}

export interface SourceFile {
  readonly file: string;
  readonly imports: readonly Import[];
  /** The lines on which the environment of the process is read. */
  readonly environmentReads: readonly number[];
}

const leftOut = ["**/node_modules", "**/dist", "**/.tsbuild"];

/** Every source file below these folders of the checkout. */
export function readSources(folders: readonly string[]): SourceFile[] {
  return globSync(folders.map((folder) => `${folder}/**/*.{ts,tsx,mts}`), { cwd: root, exclude: leftOut })
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => !file.endsWith(".d.ts"))
    .toSorted()
    .map((file) => parseSource(file, readFileSync(path.join(root, file), "utf8")));
}

/** @throws Error when the text does not parse */
export function parseSource(file: string, text: string): SourceFile {
  const { module, program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message}`);
  const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
  const imports: Import[] = [];
  const add = (specifier: string, start: number, end: number, star = false): void => {
    const typeOnly = /^(import|export)\s+type\b/.test(text.slice(start, end));
    imports.push({ file, line: lineAt(start), specifier, typeOnly, star });
  };
  for (const one of module.staticImports) add(one.moduleRequest.value, one.start, one.end);
  for (const one of module.staticExports) {
    const entry = one.entries.find((each) => each.moduleRequest);
    if (!entry?.moduleRequest) continue;
    add(entry.moduleRequest.value, one.start, one.end, entry.importName.kind === "AllButDefault");
  }
  const environmentReads: number[] = [];
  walk(program, (node) => {
    if (node.type === "ImportExpression" && node["source"]?.type === "Literal") add(String(node["source"]["value"]), node.start, node.start);
    if (readsEnvironment(node)) environmentReads.push(lineAt(node.start));
  });
  return { file, imports, environmentReads };
}

interface Node {
  type: string;
  start: number;
  [field: string]: unknown;
}
type AnyNode = Node & Record<string, Node & Record<string, unknown>>;

/** `process.env`, `process["env"]`, `import.meta.env`, and `env` taken out of `process` by name. */
function readsEnvironment(node: AnyNode): boolean {
  if (node.type === "MemberExpression") {
    const name = node["property"]?.["name"] ?? node["property"]?.["value"];
    return name === "env" && (node["object"]?.["name"] === "process" || node["object"]?.type === "MetaProperty");
  }
  if (node.type === "ImportDeclaration" && /^(node:)?process$/.test(String(node["source"]?.["value"]))) {
    return (node["specifiers"] as unknown as { imported?: { name?: string } }[]).some((one) => one.imported?.name === "env");
  }
  return false;
}

function walk(node: unknown, visit: (node: AnyNode) => void): void {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
    return;
  }
  if (typeof node !== "object" || node === null || !("type" in node)) return;
  visit(node as AnyNode);
  for (const key of visitorKeys[(node as AnyNode).type] ?? []) walk((node as Record<string, unknown>)[key], visit);
}

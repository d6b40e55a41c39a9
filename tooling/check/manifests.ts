// The manifests of the workspace and the versions that it has agreed on.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");

export interface Manifest {
  name: string;
  /** From the root of the checkout: `packages/sdk/package.json`. */
  file: string;
  private?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/** Every manifest of ours, the root's and those of the bootstrap included. */
export function readManifests(): Manifest[] {
  const places = ["package.json", "{packages,apps}/*/package.json", "{tooling,tests}/package.json", "tooling/bootstrap/*/package.json"];
  return globSync(places, { cwd: root })
    .map((file) => file.replaceAll(path.sep, "/"))
    .toSorted()
    .map((file): Manifest => ({ ...(JSON.parse(readText(file)) as Omit<Manifest, "file">), file }));
}

/** The catalog of pnpm-workspace.yaml: package to version. */
export function readCatalog(): Map<string, string> {
  const block = /^catalog:\n((?: {2}.*\n)+)/m.exec(readText("pnpm-workspace.yaml"))?.[1] ?? "";
  return new Map([...block.matchAll(/^ {2}"?([^"\s:]+)"?: (\S+)$/gm)].map(([, name = "", version = ""]) => [name, version]));
}

/** A file of the checkout by its path from the root. */
export function readText(file: string): string {
  return readFileSync(path.join(root, file), "utf8").replaceAll("\r\n", "\n");
}

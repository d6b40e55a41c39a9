import { globSync, readFileSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseSource, root } from "../tooling/imports/sources.ts";

interface Manifest {
  name: string;
  dependencies: Record<string, string>;
  peerDependencies?: Record<string, string>;
  exports?: Record<string, unknown>;
}

// What `turbo run build` made of them; `npm test` sees to that.
/** The price book's rates: bundled code asks for them by name, and only once it prices something. */
const loadedLater = new Set(["@pydantic/genai-prices"]);

describe.each(["packages/crypto", "packages/sdk", "packages/client", "apps/cli"])("%s, as it is published", (folder) => {
  const manifest = JSON.parse(readFileSync(path.join(root, folder, "package.json"), "utf8")) as Manifest;
  let files: string[];
  /** Package to the files that import it. */
  const imported = new Map<string, string[]>();

  beforeAll(() => {
    files = globSync("dist/**/*.{js,d.ts}", { cwd: path.join(root, folder) });
    for (const file of files) {
      const text = readFileSync(path.join(root, folder, file), "utf8");
      for (const { specifier } of parseSource(file, text).imports) {
        if (/^[.#]/.test(specifier) || isBuiltin(specifier)) continue;
        const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
        imported.set(name, [...(imported.get(name) ?? []), file]);
      }
    }
  });

  test("is built", () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test("imports nothing that its manifest does not bring, and no private package", () => {
    const own = new Set([manifest.name, ...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies ?? {})]);
    expect([...imported].filter(([name]) => !own.has(name))).toEqual([]);
    expect([...imported.keys()].filter((name) => name.startsWith("@stack-2025/") && name !== manifest.name)).toEqual([]);
  });

  test("brings nothing that it does not import", () => {
    const types = (name: string): string => name.replace(/^@types\//, "");
    expect(Object.keys(manifest.dependencies).filter((name) => !imported.has(types(name)) && !loadedLater.has(name))).toEqual([]);
  });

  test("has every file that its exports lead to", () => {
    const targets = JSON.stringify(manifest.exports ?? {}).match(/\.\/dist\/[^"]+/g) ?? [];
    expect(targets.filter((target) => !statSync(path.join(root, folder, target), { throwIfNoEntry: false })?.isFile())).toEqual([]);
  });
});

test("the migrations lie beside the code of core and of the command", () => {
  const migrations = (folder: string): string[] => globSync("*.sql", { cwd: path.join(root, folder) }).toSorted();
  const written = migrations("packages/db/src/migrations");
  expect(written.length).toBeGreaterThan(0);
  expect(migrations("packages/sdk/dist/migrations")).toEqual(written);
  expect(migrations("apps/cli/dist/migrations")).toEqual(written);
});

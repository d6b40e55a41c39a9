import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { edges, findings } from "./direction.ts";
import { rooms } from "./rooms.ts";
import { parseSource, readSources, root } from "./sources.ts";

describe("the sources", () => {
  const sources = readSources(rooms.map((room) => room.folder));

  test("import down, by name, and read the environment only where a process starts", () => {
    expect(findings(sources)).toEqual([]);
  });

  test("draw the graph of the rooms without a circle", () => {
    const graph = edges(sources);
    expect(graph).toContain("packages/crypto <- packages/providers");
    expect(circles(graph)).toEqual([]);
  });
});

test("a manifest depends at run time on those packages of ours that its room may import", () => {
  const wrong: string[] = [];
  for (const room of rooms.filter((each) => each.folder !== "tests")) {
    const manifest = JSON.parse(readFileSync(path.join(root, room.folder, "package.json"), "utf8")) as { dependencies?: Record<string, string> };
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (rooms.some((each) => each.packageName === name) && !room.mayImport.includes(name)) wrong.push(`${room.folder} depends on ${name}`);
    }
  }
  expect(wrong).toEqual([]);
});

describe("a wrong import is found", () => {
  const cases: [file: string, text: string, says: string][] = [
    ["packages/crypto/src/a.ts", `import { x } from "@stack-2025/byok-db";`, "may import nothing of ours"],
    ["packages/crypto/src/a.ts", `import type { X } from "@stack-2025/byok-core";`, "imports point down"],
    ["packages/db/src/a.ts", `import { x } from "@stack-2025/byok-providers/provider-type";`, "imports @stack-2025/byok-providers"],
    ["packages/sdk/src/a.ts", `import { x } from "../../db/src/connect.ts";`, "Import @stack-2025/byok-db by name"],
    ["packages/sdk/src/a.ts", `const x = await import("@stack-2025/byok-api");`, "imports @stack-2025/byok-api"],
    ["packages/sdk/src/a.ts", `import pg from "pg";`, "Only packages/db talks to PostgreSQL"],
    ["packages/sdk/src/a.ts", `import { startSandbox } from "@stack-2025/byok-sandbox";`, "imports @stack-2025/byok-sandbox"],
    ["packages/client/src/a.ts", `import { type X } from "@stack-2025/byok-core";`, "imports @stack-2025/byok-core"],
    ["apps/worker/src/a.ts", `import { x } from "@stack-2025/byok-api";`, "imports @stack-2025/byok-api"],
    ["packages/sdk/src/index.ts", `export * from "./manager.ts";`, "List what is exported by name"],
    ["packages/sdk/src/a.ts", `const x = process.env["HOME"];`, "reads the environment"],
    ["packages/sdk/src/a.ts", `import { env } from "node:process";`, "reads the environment"],
  ];
  test.each(cases)("%s: %s", (file, text, says) => {
    const found = findings([parseSource(file, text)]);
    expect(found.join("\n")).toContain(says);
  });
});

describe("a right import is let through", () => {
  const cases: [file: string, text: string][] = [
    ["packages/sdk/src/a.ts", `import type { Pool } from "pg";`],
    ["packages/sdk/src/testing.ts", `export { startSandbox } from "@stack-2025/byok-sandbox";`],
    ["packages/client/src/a.ts", `import type { X } from "@stack-2025/byok-core";`],
    ["apps/cli/src/a.ts", `import { x } from "@stack-2025/byok-api"; import { y } from "@stack-2025/byok-worker";`],
    ["apps/cli/src/a.ts", `const x = process.env.HOME;`],
    ["packages/sdk/src/a.ts", `// import pg from "pg"; process.env.HOME\nconst text = 'import pg from "pg"';`],
  ];
  test.each(cases)("%s: %s", (file, text) => {
    expect(findings([parseSource(file, text)])).toEqual([]);
  });
});

/** Rooms that reach themselves by the edges. */
function circles(graph: readonly string[]): string[] {
  const below = new Map<string, string[]>();
  for (const edge of graph) {
    const [to = "", from = ""] = edge.split(" <- ");
    below.set(from, [...(below.get(from) ?? []), to]);
  }
  const reaches = (start: string, at: string, seen: Set<string>): boolean =>
    (below.get(at) ?? []).some((next) => {
      if (next === start) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(start, next, seen);
    });
  return [...below.keys()].filter((room) => reaches(room, room, new Set()));
}

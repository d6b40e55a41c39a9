import { globSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readCatalog, readManifests, readText } from "./manifests.ts";

const manifests = readManifests();
const catalog = readCatalog();

test("the catalog is read", () => {
  expect(catalog.get("typescript")).toMatch(/^\d+\.\d+\.\d+$/);
  expect(manifests.map((manifest) => manifest.name)).toContain("@stack-2025/byok-core");
});

describe("versions", () => {
  // `catalog:` means nothing outside the workspace, and a published package is installed from its folder.
  test("a published package names what it depends on by plain versions", () => {
    const wrong = manifests
      .filter((manifest) => !manifest.private)
      .flatMap((manifest) => runtime(manifest).map(([name, version]) => ({ file: manifest.file, name, version })))
      .filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(wrong).toEqual([]);
  });

  test("where the catalog has a version, every manifest has that one", () => {
    const wrong = manifests
      .flatMap((manifest) => everything(manifest).map(([name, version]) => ({ file: manifest.file, name, version })))
      .filter(({ name, version }) => catalog.has(name) && version !== "catalog:" && version !== catalog.get(name));
    expect(wrong).toEqual([]);
  });

  test("two manifests that name a package name the same version of it", () => {
    const seen = new Map<string, Set<string>>();
    for (const manifest of manifests) {
      for (const [name, version] of everything(manifest)) {
        const plain = version === "catalog:" ? (catalog.get(name) ?? version) : version;
        seen.set(name, (seen.get(name) ?? new Set()).add(plain));
      }
    }
    expect([...seen].filter(([, versions]) => versions.size > 1).map(([name, versions]) => [name, [...versions]])).toEqual([]);
  });

  // Whoever has the package already keeps the one they have, so a peer is a range; tests run with one version in it.
  test("a peer is optional, a range within one major version, and among the developers' dependencies", () => {
    const wrong = manifests.flatMap((manifest) =>
      Object.entries(manifest.peerDependencies ?? {})
        .filter(([name, range]) => {
          const tried = manifest.devDependencies?.[name];
          const [major] = /^\^([1-9]\d*)\.\d+\.\d+$/.exec(range)?.slice(1) ?? [];
          return !manifest.peerDependenciesMeta?.[name]?.optional || major === undefined || !tried?.startsWith(`${major}.`);
        })
        .map(([name]) => `${manifest.file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test("every version is exact", () => {
    const exact = /^(\d+\.\d+\.\d+(-[\w.]+)?|catalog:|workspace:\*)$/;
    const wrong = manifests
      .flatMap((manifest) => everything(manifest).map(([name, version]) => `${manifest.file}: ${name} ${version}`))
      .filter((line) => !exact.test(line.split(" ").at(-1) ?? ""));
    expect(wrong).toEqual([]);
  });
});

test("no lock holds an address", () => {
  const locks = ["pnpm-lock.yaml", ...globSync("tooling/bootstrap/*/package-lock.json")];
  expect(locks.length).toBeGreaterThan(2);
  expect(locks.filter((lock) => /https?:\/\//.test(readText(lock)))).toEqual([]);
});

describe("docs/dependencies.md", () => {
  const document = readText("docs/dependencies.md");
  /** `| \`name\` | where | why |`: the name to the reason. */
  const reasons = new Map([...document.matchAll(/^\| `([^`]+)` \|.*\| ([^|]+) \|$/gm)].map(([, name = "", reason = ""]) => [name, reason]));
  const ours = new Set(manifests.map((manifest) => manifest.name));
  const used = new Set(manifests.flatMap((manifest) => everything(manifest).map(([name]) => name)).filter((name) => !ours.has(name)));

  test("gives a reason for every dependency", () => {
    expect([...used].filter((name) => (reasons.get(name)?.length ?? 0) < 12).toSorted()).toEqual([]);
  });

  test("speaks of nothing that is not depended on", () => {
    expect([...reasons.keys()].filter((name) => !used.has(name)).toSorted()).toEqual([]);
  });
});

function runtime(manifest: (typeof manifests)[number]): [string, string][] {
  return Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies });
}

function everything(manifest: (typeof manifests)[number]): [string, string][] {
  return [...runtime(manifest), ...Object.entries(manifest.devDependencies ?? {})];
}

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { completeProviders } from "@stack-2025/byok-core/internal";
import { expect, test } from "vitest";
import { anchorsIn, linksIn, readDocuments, root, snippetsIn, type Link } from "./documents.ts";

const documents = readDocuments();

test("every link in the documents leads to a file, and to a heading of it", () => {
  expect(documents.map((document) => document.file)).toContain("README.md");
  expect(documents.flatMap(linksIn).filter(isBroken).map(({ file, line, target }) => `${file}:${line} ${target}`)).toEqual([]);
});

test("every decision is listed", () => {
  const list = documents.find((document) => document.file === "docs/decisions/README.md")?.text ?? "";
  const pages = documents.map((document) => document.file).filter((file) => /^docs\/decisions\/\d/.test(file));
  expect(pages.filter((file) => !list.includes(`(${path.posix.basename(file)})`))).toEqual([]);
});

test("the readme names the providers that are there, and no other", () => {
  const readme = documents.find((document) => document.file === "README.md")?.text ?? "";
  const named = /^\| providers \| ([^.|]+)\./m.exec(readme)?.[1]?.split(", ");
  expect(named).toEqual(completeProviders.map((provider) => provider.name));
});

// What may not be said until it is so, or at all.
test.each([["unbreakable"], ["HSM-grade"], ["FIPS validated"], ["SOC 2"], ["regular audits"], ["military-grade"]])("no document says %j", (word) => {
  expect(documents.filter((document) => document.text.toLowerCase().includes(word.toLowerCase())).map((document) => document.file)).toEqual([]);
});

test("snippets, links and anchors are found where they stand, and code is no link", () => {
  const text = "# A `thing`, twice\n\n[x](a.md)\n\n```ts\nconst a = [b](c);\n```\n`[y](b.md)`\n";
  expect(snippetsIn({ file: "f.md", text })).toEqual([{ file: "f.md", line: 6, code: "const a = [b](c);\n" }]);
  expect(linksIn({ file: "f.md", text })).toEqual([{ file: "f.md", line: 3, target: "a.md" }]);
  expect(anchorsIn(text)).toEqual(["a-thing-twice"]);
});

function isBroken({ file, target }: Link): boolean {
  const [place = "", anchor] = target.split("#");
  const found = place === "" ? file : path.posix.join(path.posix.dirname(file), place);
  if (!existsSync(path.join(root, found))) return true;
  return anchor !== undefined && !anchorsIn(readFileSync(path.join(root, found), "utf8")).includes(anchor);
}

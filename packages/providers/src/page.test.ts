import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { indexPage, pageName, pageOf } from "./page.ts";
import { completeProviders } from "./registry.ts";

const folder = new URL("../../../docs/providers/", import.meta.url);
const pages = new Map([...completeProviders.map((provider) => [pageName(provider), pageOf(provider)] as const), ["README.md", indexPage(completeProviders)] as const]);

if (process.env["TEST_WRITE_PAGES"] === "1") {
  mkdirSync(folder, { recursive: true });
  for (const [name, page] of pages) writeFileSync(new URL(name, folder), page);
}

test.each([...pages])("docs/providers/%s says what the registry says; TEST_WRITE_PAGES=1 writes it anew", (name, page) => {
  expect(readFileSync(new URL(name, folder), "utf8")).toBe(page);
});

test("there is no page without a provider", () => {
  expect(readdirSync(folder).toSorted()).toEqual([...pages.keys()].toSorted());
});

test.each(completeProviders.map((provider) => [provider.type, provider] as const))("%s helps in whole sentences, and links to the vendor's own page", (_type, { help }) => {
  const { keyUrl, limits, ...texts } = help;
  expect(new URL(keyUrl).protocol).toBe("https:");
  expect(limits.length).toBeGreaterThan(2);
  expect([...Object.values(texts), ...limits].filter((sentence) => !/^[A-Za-z].*\.$/.test(sentence))).toEqual([]);
});

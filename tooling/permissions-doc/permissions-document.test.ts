import { readFile } from "node:fs/promises";
import { actions, tokenScopes } from "@stack-2025/byok-core/internal";
import { expect, test } from "vitest";
import { documentFile, permissionsDocument } from "./permissions-document.ts";

test("docs/permissions.md is what the tables of roles and scopes say", async () => {
  expect(await readFile(documentFile, "utf8"), "run `node tooling/permissions-doc/write.ts` and commit what it writes").toBe(permissionsDocument());
});

test("it names every action and every scope", () => {
  for (const name of [...actions, ...tokenScopes]) expect(permissionsDocument()).toContain(`\`${name}\``);
});

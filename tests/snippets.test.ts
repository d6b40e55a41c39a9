import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";
import { createEmptyDatabase } from "@stack-2025/byok-db/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startVendorFront, type VendorFront } from "../tooling/outside/vendor-front.ts";
import { complaintsAbout, writeSnippets } from "../tooling/snippets/compile.ts";
import { readDocuments, snippetsIn } from "../tooling/snippets/documents.ts";
import { runSnippet } from "../tooling/snippets/run-snippet.ts";

const snippets = await writeSnippets(readDocuments().flatMap(snippetsIn), "right");

describe("the snippets of the documents", () => {
  let sandbox: Sandbox;
  let front: VendorFront;
  beforeAll(async () => {
    sandbox = await startSandbox();
    front = await startVendorFront(sandbox);
  });
  afterAll(async () => {
    await front[Symbol.asyncDispose]();
    await sandbox.close();
  });

  test("compile strictly", { timeout: 60_000 }, async () => {
    expect(snippets.length).toBeGreaterThan(1);
    expect(await complaintsAbout(snippets)).toEqual([]);
  });

  test.each(snippets.map((snippet) => [`${snippet.file}:${snippet.line}`, snippet] as const))("%s runs", { timeout: 60_000 }, async (_place, snippet) => {
    await using database = await createEmptyDatabase();
    const { code, output } = await runSnippet(snippet.script, snippet.code, { sandbox, front, databaseUrl: database.connectionString });
    expect(output).not.toMatch(/Error|Warning/);
    expect(code).toBe(0);
  });

  test("a snippet that does not hold is found, by its line in the document", { timeout: 60_000 }, async () => {
    const wrong = await writeSnippets([{ file: "wrong.md", line: 10, code: `const a = 1;\nconst b: string = a;\nthrow new Error(b);\n` }], "wrong");
    expect(await complaintsAbout(wrong)).toEqual([expect.stringMatching(/^wrong\.md:11 error TS2322/)]);
    const [snippet] = wrong;
    await using database = await createEmptyDatabase();
    const ran = await runSnippet(snippet?.script ?? "", "", { sandbox, front, databaseUrl: database.connectionString });
    expect(ran.code).not.toBe(0);
  });
});

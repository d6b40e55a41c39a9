import { readFile } from "node:fs/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentFile, generateTypes, schemaDocument, typesFile, withLiveSchema } from "./live-schema.ts";

const remake = "run `node tooling/schema-doc/write.ts` and commit what it writes";

let connectionString: string;
let finish: () => void;
let ended: Promise<void>;

beforeAll(async () => {
  const ready = Promise.withResolvers<string>();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  finish = resolve;
  ended = withLiveSchema(async (at) => {
    ready.resolve(at);
    await done;
  });
  ended.catch(ready.reject);
  connectionString = await ready.promise;
}, 60_000);

afterAll(async () => {
  finish();
  await ended;
});

test("the table types are those of the live schema", async () => {
  expect(await generateTypes(connectionString, typesFile, { verify: true }), remake).toBe(true);
});

test("docs/DATABASE_SCHEMA.md is what the live schema says", async () => {
  expect(await schemaDocument(connectionString), remake).toBe(await readFile(documentFile, "utf8"));
});

test("both see a change of the schema", async () => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query("alter table byok.keys add column planted text");
    expect(await generateTypes(connectionString, typesFile, { verify: true })).toBe(false);
    expect(await schemaDocument(connectionString)).not.toBe(await readFile(documentFile, "utf8"));
  } finally {
    await client.query("alter table byok.keys drop column planted");
    await client.end();
  }
});

import { fork } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { BYOKManager, ProviderType } from "@stack-2025/byok-core";
import { createTestDatabase } from "@stack-2025/byok-db/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const packages = path.resolve(import.meta.dirname, "../packages");
const encryptionKey = `base64:${Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 57 + 11) % 251)).toString("base64")}`;
const secretOf = (user: string): string => `sk-of-${user}-long-enough-0001`;

let next: string;
/** The version of the schema that the next release needs. */
let nextVersion: number;

/** A copy of the library as its next release may be: the same code, and a migration that only adds. */
beforeAll(() => {
  next = realpathSync(mkdtempSync(path.join(tmpdir(), "byok-next-")));
  for (const name of ["crypto", "db", "providers", "sdk"]) {
    const to = path.join(next, "packages", name);
    cpSync(path.join(packages, name, "src"), path.join(to, "src"), { recursive: true, filter: (file) => !/\.test\.ts$|fixtures$/.test(file) });
    cpSync(path.join(packages, name, "package.json"), path.join(to, "package.json"));
    linkDependencies(path.join(packages, name, "node_modules"), path.join(to, "node_modules"));
  }
  const file = path.join(next, "packages/db/src/migrate.ts");
  const text = readFileSync(file, "utf8");
  nextVersion = Number(/export const schemaVersion = (\d+);/.exec(text)?.[1]) + 1;
  const migration = `${String(nextVersion).padStart(4, "0")}_next.sql`;
  const changed = text
    .replace(/export const schemaVersion = \d+;/, `export const schemaVersion = ${nextVersion};`)
    .replace(/(const migrations: readonly Migration\[\] = \[[^\]]*)\]/, `$1  { version: ${nextVersion}, run: "${migration}" },\n]`);
  if (changed.match(new RegExp(String.raw`\b${nextVersion}\b`, "g"))?.length !== 2) throw new Error("the list of migrations reads another way now: this copy has none of its own");
  writeFileSync(file, changed);
  writeFileSync(path.join(next, "packages/db/src/migrations", migration), "alter table byok.keys add column of_the_next text not null default 'next';\n");
  writeFileSync(path.join(next, "process.ts"), nextProcess);
});
afterAll(() => {
  rmSync(next, { recursive: true, force: true });
});

/** The packages of others from where they are; ours from the copy. */
function linkDependencies(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from)) {
    if (entry.startsWith(".")) continue;
    if (entry === "@stack-2025") {
      mkdirSync(path.join(to, entry));
      for (const ours of readdirSync(path.join(from, entry))) symlinkSync(path.join(next, "packages", path.basename(realpathSync(path.join(from, entry, ours)))), path.join(to, entry, ours));
    } else symlinkSync(path.join(from, entry), path.join(to, entry));
  }
}

const add = (manager: BYOKManager, user: string): Promise<unknown> => manager.addKey({ userId: user, provider: ProviderType.OPENAI, keyData: { apiKey: secretOf(user) }, validate: "skip" });
const read = async (manager: BYOKManager, user: string): Promise<string> => (await manager.getActiveKey(user, ProviderType.OPENAI)).decryptedKey;

const nextProcess = `
import { BYOKManager } from "./packages/sdk/src/index.ts";
const [, , database, encryptionKey] = process.argv;
const manager = new BYOKManager({ encryptionKey, database, cache: false });
process.on("message", async ({ add, read }) => {
  try {
    if (add) await manager.addKey({ userId: add, provider: "openai", keyData: { apiKey: \`sk-of-\${add}-long-enough-0001\` }, validate: "skip" });
    process.send({ answer: read ? (await manager.getActiveKey(read, "openai")).decryptedKey : "added" });
  } catch (error) {
    process.send({ answer: String(error) });
  }
});
await manager.listKeys("nobody");
process.send({ answer: "open" });
`;

describe("F-11: two versions of the library on one database", () => {
  test("the next one upgrades the schema under the running old one, and both go on, a newly started old one too", { timeout: 120_000 }, async () => {
    await using database = await createTestDatabase();
    await using old = new BYOKManager({ encryptionKey, database: database.connectionString, cache: false });
    await add(old, "before");

    const child = fork(path.join(next, "process.ts"), [database.connectionString, encryptionKey], { execArgv: ["--conditions=byok-source"] });
    const answer = async (): Promise<unknown> => ((await once(child, "message")) as [{ answer: unknown }])[0].answer;
    const ask = (question: { add?: string; read?: string }): Promise<unknown> => {
      const answered = answer();
      child.send(question);
      return answered;
    };
    try {
      expect(await answer()).toBe("open");
      for (let index = 0; index < 10; index += 1) {
        const [, added] = await Promise.all([add(old, `old_${index}`), ask({ add: `next_${index}` })]);
        expect(added).toBe("added");
        expect(await Promise.all([read(old, `next_${index}`), ask({ read: `old_${index}` })])).toEqual([secretOf(`next_${index}`), secretOf(`old_${index}`)]);
      }
      await using started = new BYOKManager({ encryptionKey, database: database.connectionString, cache: false });
      await add(started, "after");
      await started.migrate();
      expect([await read(started, "before"), await ask({ read: "after" })]).toEqual([secretOf("before"), secretOf("after")]);

      const client = new pg.Client({ connectionString: database.connectionString });
      await client.connect();
      const { rows } = await client.query("select version, (select count(*)::integer from byok.keys where of_the_next = 'next') as keys, (select array_agg(distinct code_version order by code_version) from byok.processes) as code from byok.installation");
      await client.end();
      expect(rows).toEqual([{ version: nextVersion, keys: 22, code: [String(nextVersion - 1), String(nextVersion)] }]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

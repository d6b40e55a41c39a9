// What it costs to have a key: from this process's cache, and from the database, role switch, row security and decryption included.
// The measure for the latter is the same statement on the same server by a superuser, whom row security does not concern, with the
// owners in its condition.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import pg from "pg";
import { BYOKManager, ProviderType } from "@stack-2025/byok-core";
import { coreOf, ownerRef } from "@stack-2025/byok-core/internal";
import { startTemporaryPostgres } from "@stack-2025/byok-db/testing";
import { compare, table } from "./measure.ts";
import type { Bench } from "./run.ts";

const statementName = "byok_resolve";

export const bench: Bench = {
  title: "getActiveKey",
  async run({ quick }) {
    const owners = quick ? 200 : 2_000;
    const server = await startTemporaryPostgres({ durable: true });
    const options = { encryptionKey: new Uint8Array(randomBytes(32)), database: server.connectionString };
    const cached = new BYOKManager({ ...options, cache: { ttlMs: 3_600_000 } });
    const cold = new BYOKManager({ ...options, cache: false });
    const bare = new pg.Client({ connectionString: server.connectionString });
    await bare.connect();
    try {
      const user = (index: number): string => `user_${(index * 7_919) % owners}`;
      await inLanes(owners, 8, (index) => cached.addKey({ userId: `user_${index}`, provider: ProviderType.OPENAI, keyData: { apiKey: `sk-${randomBytes(30).toString("hex")}` }, validate: "skip" }));
      for (let index = 0; index < owners; index += 1) await cached.getActiveKey(`user_${index}`, ProviderType.OPENAI);

      const text = await resolveStatement(bare, () => cold.getActiveKey("user_0", ProviderType.OPENAI));
      const withCondition = text.replace(/\s+order by /, "\nwhere o.owner_id = any($4::uuid[])\norder by ");
      if (withCondition === text) throw new Error("the statement has no place for a condition; look at it, and then at this benchmark");
      const { installation } = (await coreOf(cold)).database;
      const system = ownerRef(installation.id, { system: true }).id;
      const id = (index: number): string => ownerRef(installation.id, user(index)).id;
      await bare.query("analyze");
      const { rows } = await bare.query<{ v: string }>("select current_setting('server_version') as v");
      process.stdout.write(`PostgreSQL ${rows[0]?.v ?? "?"} on this machine over loopback, ${owners} owners with a key each, all resident in the cache\n\n`);

      const hit = await compare([{ name: "cached", batch: 100, run: (index) => cached.getActiveKey(user(index), ProviderType.OPENAI) }], { seconds: quick ? 1 : 5, rounds: 5 });
      process.stdout.write(`${table(hit, "cached")}\n\n`);

      const without = "the read without row security";
      for (const concurrency of quick ? [1] : [1, 16]) {
        const miss = await compare(
          [
            { name: without, run: (index) => bare.query({ name: statementName, text: withCondition, values: [id(index), system, "openai", [id(index), system]] }) },
            { name: "cold", run: (index) => cold.getActiveKey(user(index), ProviderType.OPENAI) },
          ],
          { seconds: quick ? 2 : 10, rounds: 5, concurrency },
        );
        process.stdout.write(`${concurrency} at a time${concurrency > 1 ? " (the bare read on one connection)" : ""}\n${table(miss, without)}\n\n`);
      }
    } finally {
      await bare.end();
      await cached.close();
      await cold.close();
      await server.stop();
    }
  },
};

/** The text of the statement, from the server's log: what is compared with is what really runs, without a copy of it here. */
async function resolveStatement(admin: pg.Client, call: () => Promise<unknown>): Promise<string> {
  const { rows } = await admin.query<{ data_directory: string }>("show data_directory");
  const log = path.join(path.dirname(rows[0]?.data_directory ?? ""), "postgres.log");
  await setLogging(admin, "all");
  await call();
  await setLogging(admin, "none");
  const lines = (await readFile(log, "utf8")).split("\n");
  const first = lines.findLastIndex((line) => line.includes(`execute ${statementName}: `));
  if (first < 0) throw new Error(`the server's log shows no statement ${statementName}`);
  const next = lines.findIndex((line, index) => index > first && /^\d{4}-\d\d-\d\d /.test(line));
  return lines.slice(first, next).join("\n").replace(new RegExp(`^.*execute ${statementName}: `), "");
}

async function setLogging(admin: pg.Client, level: "all" | "none"): Promise<void> {
  await admin.query(`alter system set log_statement = '${level}'`);
  await admin.query("select pg_reload_conf()");
  // The signal reaches the sessions at their next command; one that shows the new value says that it has gone round.
  for (;;) {
    const { rows } = await admin.query<{ log_statement: string }>("show log_statement");
    if (rows[0]?.log_statement === level) return;
  }
}

async function inLanes(count: number, lanes: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

import { setTimeout as pause } from "node:timers/promises";
import { createEmptyDatabase, createTestDatabase } from "@stack-2025/byok-db/testing";
import { connectDatabase } from "@stack-2025/byok-db";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { coreOf } from "../manager.ts";
import { removeOldRows } from "../jobs/remove-old-rows.ts";
import { derivingRoots } from "./roots.ts";
import { verifyRoots } from "./verify-roots.ts";
import { killChildren, startChild } from "./rotation-children.fixture.ts";
import { openPlace, rootNumber, type Place } from "./rotation.fixture.ts";

let place: Place;
beforeEach(async () => {
  place = await openPlace();
});
afterEach(async () => {
  killChildren();
  await place[Symbol.asyncDispose]();
});

/** A checksum of every row of every table, and of what the catalog says of the tables. */
async function checksums(): Promise<Record<string, unknown>[]> {
  const { rows: tables } = await place.admin.query<{ name: string }>("select format('%I.%I', nspname, relname) as name from pg_class c join pg_namespace n on n.oid = relnamespace where nspname like 'byok%' and relkind = 'r' order by 1");
  const sums = tables.map(({ name }) => `select '${name}' as name, md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as sum from ${name} t`);
  const shape = "select 'shape' as name, md5(string_agg(attrelid::text || attname || atttypid, '|' order by attrelid, attnum)) as sum from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace where nspname like 'byok%'";
  return (await place.admin.query([...sums, shape].join(" union all "))).rows as Record<string, unknown>[];
}

describe("S-16: a stored derivation that was tampered with", () => {
  test.each([1, 1_000, 2 ** 31 - 1])("%d iterations: a passphrase is refused in under 100 ms, before it is derived from", async (iterations) => {
    const passphrase = "a passphrase of some length, of nobody";
    await coreOf(place.manager([], { encryptionKey: passphrase }));
    await place.admin.query("update byok.installation set kdf_iterations = $1", [iterations]);
    await using database = connectDatabase({ database: place.connectionString });
    const { kdfSalt, kdfIterations } = await database.open();
    const began = performance.now();
    await expect(derivingRoots({ encryptionKey: passphrase })({ salt: kdfSalt, iterations: kdfIterations })).rejects.toMatchObject({ code: "CONFIGURATION", details: { field: "installation.iterations" } });
    expect(performance.now() - began).toBeLessThan(100);
    await expect(place.manager([], { encryptionKey: passphrase }).listKeys("u_1")).rejects.toMatchObject({ code: "CONFIGURATION" });
  });
});

describe("S-18: a wrong root key", () => {
  test.each([
    ["the schema of today", "select 1", ["listKeys"]],
    ["an older schema, which is not upgraded first", "update byok.installation set version = 7", ["listKeys", "migrate"]],
  ] as const)("%s: nothing is written, and both keys are named by id", async (_, before, calls) => {
    const right = place.manager([1]);
    await right.addKey({ userId: "u_1", provider: "openai", keyData: { apiKey: "sk-of-somebody-long-enough-1" }, validate: "skip" });
    await right.close();
    await place.admin.query(before);
    const sums = await checksums();
    const named = { code: "CONFIGURATION", details: { expected: await place.rootId(1), found: [await place.rootId(2)] } };
    for (const call of calls) await expect(place.manager([2])[call]("u_1")).rejects.toMatchObject(named);
    expect(await checksums()).toEqual(sums);
  });

  test("a candidate under a name that others know another key by is refused", async () => {
    await coreOf(place.manager([1]));
    await coreOf(place.manager([2, 1]));
    await place.admin.query("update byok.root_keys set check_record = (select check_record from byok.root_keys where root_key_id = $1) where root_key_id = $2", [await place.rootId(1), await place.rootId(2)]);
    await expect(place.manager([2, 1]).listKeys("u_1")).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining(await place.rootId(2)) as string });
  });
});

test("S-19: of two first processes with different root keys one installs, the other fails with ConfigurationError, 20 times", { timeout: 280_000 }, async () => {
  const children = await Promise.all([startChild(), startChild()]);
  const winners = new Set<number>();
  for (let run = 0; run < 20; run += 1) {
    // Every fourth time they also race for the schema, which takes most of the time.
    await using empty = await (run % 4 === 0 ? createEmptyDatabase() : createTestDatabase());
    for (const [index, child] of children.entries()) child.tell({ task: "open", connectionString: empty.connectionString, root: rootNumber(index + 1) });
    const outcomes = await Promise.all(children.map((child) => child.answer("opened")));
    expect(new Set(outcomes.map((one) => one.error))).toEqual(new Set(["CONFIGURATION", null]));
    const winner = outcomes.findIndex((one) => one.error === null);
    winners.add(winner);
    expect(outcomes[winner]!.rootKeyId).toBe(await place.rootId(winner + 1));
    const admin = new pg.Client({ connectionString: empty.connectionString });
    await admin.connect();
    const { rows } = await admin.query("select root_key_id, (select count(*)::integer from byok.installation_keys) as keys from byok.root_keys");
    await admin.end();
    expect(rows).toEqual([{ root_key_id: await place.rootId(winner + 1), keys: 4 }]);
  }
  process.stdout.write(`    ${winners.size === 2 ? "each of them was first once or more" : "one of them was always first"}\n`);
});

describe("the living processes", () => {
  const rows = async (): Promise<Record<string, unknown>[]> => (await place.admin.query("select name, code_version, root_key_ids, keyring_version from byok.processes")).rows as Record<string, unknown>[];

  test("each keeps a row, with the roots that it knows, and takes it away when it ends", async () => {
    const manager = place.manager([2, 1]);
    await coreOf(place.manager([1])).then(async () => coreOf(manager));
    expect(await rows()).toEqual(expect.arrayContaining([{ name: expect.stringMatching(/:\d+$/) as string, code_version: expect.stringMatching(/^\d+$/) as string, root_key_ids: [await place.rootId(2), await place.rootId(1)], keyring_version: 1 }]));
    expect(await rows()).toHaveLength(2);
    await manager.close();
    expect(await rows()).toHaveLength(1);
  });

  test("a row that was lost is written again within seconds, and one of the dead is removed by the job", async () => {
    const core = await coreOf(place.manager([1]));
    await place.admin.query("delete from byok.processes");
    await place.admin.query("insert into byok.processes (process_id, code_version, root_key_ids, seen_at) values (gen_random_uuid(), '9', '{}', now() - interval '61 minutes')");
    for (let tries = 0; tries < 100 && (await rows()).length < 2; tries += 1) await pause(100);
    expect(await rows()).toHaveLength(2);
    await removeOldRows(core.database);
    expect((await rows()).map((row) => row["code_version"])).not.toContain("9");
  });

  test("a process whose clock is wrong works by the database's, so that windows are the same everywhere", async () => {
    const { clock, database } = await coreOf(place.manager([1]));
    expect(Math.abs(clock.now().getTime() - (await database.now()).getTime())).toBeLessThan(1_000);
  });
});

describe("S-24: verify", () => {
  const verify = async (numbers: readonly number[]): Promise<unknown> => {
    await using database = connectDatabase({ database: place.connectionString });
    const { kdfSalt, kdfIterations } = await database.open({ autoMigrate: false });
    const [encryptionKey, ...previousEncryptionKeys] = numbers.map(rootNumber);
    return await verifyRoots(database, await derivingRoots({ encryptionKey, previousEncryptionKeys })({ salt: kdfSalt, iterations: kdfIterations }));
  };

  test("says of each key what it is good for, names what is missing, and writes nothing", async () => {
    const [one, two, three] = [await place.rootId(1), await place.rootId(2), await place.rootId(3)];
    expect(await verify([1])).toEqual({ installed: null, missing: [], roots: [{ rootKeyId: one, state: "candidate", opens: 0 }] });
    await (async () => {
      await using first = place.manager([1]);
      await coreOf(first);
    })();
    const sums = await checksums();
    expect(await verify([1])).toEqual({ installed: one, missing: [], roots: [{ rootKeyId: one, state: "in use", opens: 4 }] });
    expect(await verify([2])).toEqual({ installed: one, missing: [one], roots: [{ rootKeyId: two, state: "candidate", opens: 0 }] });
    expect(await verify([2, 1])).toMatchObject({ missing: [], roots: [{ state: "candidate" }, { state: "in use" }] });
    expect(await checksums()).toEqual(sums);

    await place.rotate(place.manager([2, 1]));
    expect(await verify([1])).toEqual({ installed: two, missing: [two], roots: [{ rootKeyId: one, state: "retired", opens: 0 }] });
    expect(await verify([2, 3])).toMatchObject({ missing: [], roots: [{ rootKeyId: two, state: "in use" }, { rootKeyId: three, state: "candidate" }] });
    await place.admin.query("update byok.root_keys set check_record = set_byte(check_record, 60, get_byte(check_record, 60) # 1) where root_key_id = $1", [two]);
    expect(await verify([2])).toEqual({ installed: two, missing: [two], roots: [{ rootKeyId: two, state: "another", opens: 0 }] });
  });
});

import { randomBytes } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { BYOKManager, EncryptionError } from "@stack-2025/byok-core";
import { coreOf } from "@stack-2025/byok-core/internal";
import { startTemporaryPostgres, type TemporaryPostgres } from "@stack-2025/byok-db/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey } from "./installation.ts";

// What of an owner is left after deleteOwner: in the live data folder, file by file, and in a copy that was made before.

/** The files below a folder that hold these bytes. */
async function filesWith(folder: string, needle: Buffer): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const bytes = await readFile(file).catch(() => Buffer.alloc(0)); // A file of the server's may go while we look.
    if (bytes.includes(needle)) found.push(path.relative(folder, file));
  }
  return found;
}

describe("S-25: a deleted owner's records are unreadable", () => {
  let postgres: TemporaryPostgres;
  let manager: BYOKManager;
  let admin: pg.Client;
  let data: string;
  let copy: string;
  const encryptionKey = `base64:${randomBytes(32).toString("base64")}`;

  beforeAll(async () => {
    postgres = await startTemporaryPostgres({ durable: true });
    manager = new BYOKManager({ encryptionKey, database: postgres.connectionString });
    admin = new pg.Client({ connectionString: postgres.connectionString });
    await admin.connect();
    const { rows } = await admin.query<{ data_directory: string }>("show data_directory");
    data = rows[0]?.data_directory ?? "";
    copy = await mkdtemp(path.join(tmpdir(), "byok-copy-"));
  }, 60_000);
  afterAll(async () => {
    await manager.close();
    await admin.end();
    await postgres.stop();
    await rm(copy, { recursive: true, force: true });
  });

  test("after the procedure of docs/operations.md neither the data folder nor the write-ahead log holds its wrapped key; a copy made before does, and opens", async () => {
    const add = (userId: string) => manager.addKey({ userId, provider: "openai", keyData: { apiKey: openaiKey(userId) }, validate: "skip" });
    // Neighbours, so that their pages are kept.
    for (const userId of ["before", "gone", "after"]) await add(userId);
    const { id: keyId } = (await manager.listKeys("gone")).items[0]!;
    await manager.rotateKey(keyId, { apiKey: openaiKey("second") }, { validate: "skip" });

    const core = await coreOf(manager);
    const { id: ownerId } = core.ownerRef("gone");
    const wrapped = async (): Promise<Buffer | undefined> => (await admin.query<{ wrapped: Buffer }>("select wrapped from byok.tenant_keys where owner_id = $1", [ownerId])).rows[0]?.wrapped;
    const bytes = (await wrapped())!;
    const sealed = (await admin.query<{ sealed: Buffer }>("select sealed from byok.key_versions where owner_id = $1 and version = 2", [ownerId])).rows[0]!.sealed;
    await admin.query("checkpoint");
    expect((await filesWith(data, bytes)).length).toBeGreaterThan(0);
    await cp(path.join(data, "base"), path.join(copy, "base"), { recursive: true });

    await manager.deleteOwner("gone");
    await admin.query("vacuum (full) byok.tenant_keys");
    await admin.query("alter system set wal_recycle = off");
    await admin.query("select pg_reload_conf()");
    for (let round = 0; round < 3; round += 1) {
      await admin.query("select pg_switch_wal()");
      await admin.query("checkpoint");
    }
    // Files that the server has let go of are removed at its own pace.
    await expect.poll(() => filesWith(data, bytes), { timeout: 15_000, interval: 200 }).toEqual([]);

    // The ciphertexts may lie about in freed space: without the tenant key they are noise, to us too.
    expect(await wrapped()).toBeUndefined();
    const place = { ownerId, keyId, keyVersion: 2, custody: "managed" as const, provider: "openai", environment: "production", field: "keyData" };
    const { rows: others } = await admin.query<{ owner_id: string; version: number; wrapped: Buffer }>("select owner_id, version, wrapped from byok.tenant_keys");
    expect(others).toHaveLength(2);
    for (const other of others) {
      const key = core.keyring.unwrap(other.owner_id, other.version, other.wrapped);
      expect(() => core.keyring.open(key, sealed, place)).toThrow(EncryptionError);
      expect(() => core.keyring.unwrap(ownerId, other.version, other.wrapped)).toThrow(EncryptionError);
    }
    // The neighbours are whole.
    for (const userId of ["before", "after"]) expect((await manager.getActiveKey(userId, "openai")).decryptedKey).toBe(openaiKey(userId));

    // What an older copy holds, said in docs/operations.md: the wrapped key, which today's root key still opens.
    expect((await filesWith(copy, bytes)).length).toBeGreaterThan(0);
    const restored = core.keyring.unwrap(ownerId, 1, bytes);
    expect(Buffer.from(core.keyring.open(restored, sealed, place)).toString()).toContain(openaiKey("second"));
  }, 90_000);
});

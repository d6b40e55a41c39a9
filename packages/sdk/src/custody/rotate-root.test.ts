import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Logger } from "../byok.ts";
import { ConfigurationError, ConflictError, EncryptionError } from "../index.ts";
import { coreOf, type BYOKManager } from "../manager.ts";
import { silentLogger } from "../silent-logger.ts";
import { openPlace, type Place } from "./rotation.fixture.ts";

let place: Place;
beforeEach(async () => {
  place = await openPlace();
});
afterEach(() => place[Symbol.asyncDispose]());

const store = async (manager: BYOKManager, userId: string): Promise<string> =>
  (await manager.addKey({ userId, provider: "openai", keyData: { apiKey: `sk-of-${userId}-long-enough-0001` }, validate: "skip" })).id;
const read = async (manager: BYOKManager, userId: string): Promise<string> => (await manager.getActiveKey(userId, "openai")).decryptedKey;
const secretOf = (userId: string): string => `sk-of-${userId}-long-enough-0001`;

/** What is logged as an error. */
function listening(): { errors: object[]; logger: Logger } {
  const errors: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields: object) => void errors.push(fields), child: () => logger };
  return { errors, logger };
}

async function eventually<T>(look: () => T | Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (const until = performance.now() + 8_000; ; ) {
    const value = await look();
    if (holds(value) || performance.now() > until) return value;
    await pause(50);
  }
}

describe("S-20: root rotation", () => {
  test("is refused, by name, while a living process does not know the new root; then promotes, rewraps and retires", async () => {
    const old = place.manager([1]);
    await store(old, "u_1");
    const both = place.manager([2, 1], { cache: false });
    expect(await read(both, "u_1")).toBe(secretOf("u_1"));
    // Until it is promoted the new root wraps nothing, but every process can prove it.
    expect(await place.opensUnder(2)).toEqual([`check of ${await place.rootId(2)}`]);

    const refused: unknown = await place.rotate(both).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ConflictError);
    expect(refused).toMatchObject({ message: expect.stringContaining(`:${process.pid}`) as string, details: { reason: "processes_unaware" } });
    expect((await coreOf(both)).keyring.rootKeyId).toBe(await place.rootId(1));

    await old.close();
    expect(await place.rotate(both)).toEqual({ rootKeyId: await place.rootId(2), retired: [await place.rootId(1)], unopened: [], rewrapped: 4, remaining: 0 });
    expect(await place.rotate(both)).toMatchObject({ rewrapped: 0, remaining: 0, retired: [] });
    expect(await read(place.manager([2], { cache: false }), "u_1")).toBe(secretOf("u_1"));
    await store(both, "u_2");
    const { rows } = await place.admin.query("select action from byok.audit_events where action like 'root.%' order by seq");
    expect(rows).toEqual([{ action: "root.rotation_started" }, { action: "root.rotated" }]);
  });

  test("S-21: afterwards the old root opens nothing in the database, and does not come back", async () => {
    const both = place.manager([2, 1]);
    await place.admin.query("select 1");
    const first = place.manager([1]);
    await store(first, "u_1");
    expect(await place.opensUnder(1)).toHaveLength(5);
    await first.close();
    await place.rotate(both);
    expect(await place.opensUnder(1)).toEqual([]);
    expect(await place.opensUnder(2)).toHaveLength(5);
    await expect(place.manager([1]).listKeys("u_1")).rejects.toThrow(ConfigurationError);
    const back = place.manager([1, 2]);
    await expect(place.rotate(back)).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining("retired") as string });
  });

  test("running processes take the promoted root up without a restart", async () => {
    const [one, two] = [place.manager([2, 1]), place.manager([2, 1])];
    const first = place.manager([1]);
    await store(first, "u_1");
    await first.close();
    const keyring = (await coreOf(one)).keyring;
    await coreOf(two);
    await place.rotate(two);
    expect(await eventually(() => keyring.rootKeyId, (id) => id === keyring.roots.primary.id)).toBe(await place.rootId(2));
    expect(await read(one, "u_1")).toBe(secretOf("u_1"));
  });

  test("F-12: a second one at once gets ConflictError, and the first goes on", async () => {
    const first = place.manager([1]);
    await store(first, "u_1");
    await first.close();
    const [one, two] = [place.manager([2, 1]), place.manager([2, 1])];
    await Promise.all([coreOf(one), coreOf(two)]);
    const outcomes = await Promise.allSettled([place.rotate(one), place.rotate(two)]);
    // Where the first had ended before the second began, both are right.
    const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as ConflictError] : []));
    expect(lost.map((error) => [error.code, error.details["reason"]])).toEqual(lost.map(() => ["CONFLICT", "rotation_running"]));
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled").length).toBeGreaterThan(0);
    const held = (await coreOf(one)).database.alone("byok root rotation", async () => {
      await expect(place.rotate(two)).rejects.toMatchObject({ code: "CONFLICT", details: { reason: "rotation_running" } });
      return true;
    });
    expect(await held).toEqual({ result: true });
    expect(await place.rotate(two)).toMatchObject({ remaining: 0 });
  });

  test("a process that starts in the middle needs the old root too, and is told which", async () => {
    const first = place.manager([1]);
    await store(first, "u_1");
    await first.close();
    const both = place.manager([2, 1]);
    await place.rotate(both);
    // As if the run had died after one key was rewrapped.
    const [old] = [await place.rootId(1)];
    await place.admin.query("update byok.root_keys set state = 'live', retired_at = null where root_key_id = $1", [old]);
    await place.admin.query("update byok.installation_keys set root_key_id = $1 where purpose = 'cursor'", [old]);
    await expect(place.manager([2]).listKeys("u_1")).rejects.toMatchObject({ code: "CONFIGURATION", details: { setting: "BYOK_ENCRYPTION_KEY_PREVIOUS", expected: old } });
  });
});

describe("S-22: a root that was lost", () => {
  test("new tenant keys and records: with the old root and an old dump nothing new opens", async () => {
    const first = place.manager([1]);
    for (const user of ["u_1", "u_2", "u_3"]) await store(first, user);
    await first.close();
    const dump = await place.admin.query<{ owner_id: string; wrapped: Buffer }>("select owner_id, version, wrapped from byok.tenant_keys");
    const both = place.manager([2, 1], { cache: false });
    const beside = place.manager([2, 1], { cache: false });
    await coreOf(beside);
    expect(await place.rotate(both, { compromised: true })).toMatchObject({ rewrapped: 7, remaining: 0, unopened: [] });

    // The thief has version 1 of the wrapping key and every tenant key of the dump. No row of today is under either.
    const { rows: tenantKeys } = await place.admin.query("select version, wrap_version::integer, state from byok.tenant_keys");
    expect(tenantKeys).toEqual([1, 2, 3].map(() => ({ version: 2, wrap_version: 2, state: "live" })));
    const { rows: records } = await place.admin.query("select distinct tenant_key_version, get_byte(sealed, 5) as header from byok.key_versions");
    expect(records).toEqual([{ tenant_key_version: 2, header: 2 }]);
    const { rows: now } = await place.admin.query<{ wrapped: Buffer }>("select wrapped from byok.tenant_keys");
    for (const { wrapped } of dump.rows) expect(now.some((row) => row.wrapped.equals(wrapped))).toBe(false);

    for (const manager of [both, beside]) for (const user of ["u_1", "u_2", "u_3"]) expect(await read(manager, user)).toBe(secretOf(user));
    // Whoever comes now is under the new keys, made by any process.
    await store(beside, "u_4");
    const { rows: newest } = await place.admin.query("select count(*)::integer as left from byok.tenant_keys where wrap_version < 2");
    expect(newest).toEqual([{ left: 0 }]);
    expect(await place.rotate(both, { compromised: true })).toMatchObject({ rewrapped: 0, remaining: 0 });
  });

  test("needs a new root", async () => {
    const only = place.manager([1]);
    await store(only, "u_1");
    await expect(place.rotate(only, { compromised: true })).rejects.toMatchObject({ code: "CONFIGURATION", message: expect.stringContaining("new root key") as string });
  });

  test("found out after the rotation: what the earlier root has wrapped is replaced then", async () => {
    const first = place.manager([1]);
    await store(first, "u_1");
    await first.close();
    const both = place.manager([2, 1]);
    await place.rotate(both);
    expect(await place.rotate(both, { compromised: true })).toMatchObject({ rewrapped: 5 - 4, remaining: 0 });
    expect(await read(place.manager([2], { cache: false }), "u_1")).toBe(secretOf("u_1"));
  });

  test("S-11: a record that does not open keeps its old key, is named, and stops nobody else", async () => {
    const first = place.manager([1]);
    const ids = [];
    for (const user of ["u_1", "u_2"]) ids.push(await store(first, user));
    await first.close();
    await place.admin.query("update byok.key_versions set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where key_id = $1", [ids[0]]);
    const both = place.manager([2, 1], { cache: false });
    expect(await place.rotate(both, { compromised: true })).toMatchObject({ remaining: 1, unopened: [ids[0]] });
    expect(await read(both, "u_2")).toBe(secretOf("u_2"));
    expect((await both.getKey(ids[0]!)).status).toBe("unchecked");
    // Put back from a backup it is taken along by the next run.
    await place.admin.query("update byok.key_versions set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where key_id = $1", [ids[0]]);
    expect(await place.rotate(both)).toMatchObject({ remaining: 0, unopened: [] });
    expect(await read(both, "u_1")).toBe(secretOf("u_1"));
  });

  test("pages of before the loss begin again; the audit of before verifies on", async () => {
    const first = place.manager([1]);
    for (const user of ["u_1"]) await store(first, user);
    await first.addKey({ userId: "u_1", provider: "openai", keyData: { apiKey: "sk-another-one-long-enough-02" }, validate: "skip" });
    const { nextCursor } = await first.listKeys("u_1", { limit: 1 });
    await first.close();
    const both = place.manager([2, 1]);
    expect((await both.listKeys("u_1", { limit: 1, cursor: nextCursor! })).items).toHaveLength(1);
    const { keyring } = await coreOf(both);
    const [bytes, ownerId] = [Buffer.from("an event"), "aaaaaaaa-0000-4000-8000-000000000000"];
    const before = keyring.auditMac(ownerId, bytes);
    await place.rotate(both, { compromised: true });
    await expect(both.listKeys("u_1", { limit: 1, cursor: nextCursor! })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(keyring.auditKeyVersion).toBe(2);
    expect(keyring.auditMac(ownerId, bytes)).toBe(keyring.auditMacUnder(2, ownerId, bytes));
    expect(keyring.auditMac(ownerId, bytes)).not.toBe(before);
    expect(keyring.auditMacUnder(1, ownerId, bytes)).toBe(before);
    expect(keyring.auditMacUnder(3, ownerId, bytes)).toBeUndefined();
  });
});

describe("installation keys", () => {
  test("a new wrapping key: tenant keys stay what they are, every process follows, reads go on", async () => {
    const one = place.manager([1], { cache: false });
    for (let user = 0; user < 5; user += 1) await store(one, `u_${user}`);
    const two = place.manager([1], { cache: false });
    expect(await read(two, "u_0")).toBe(secretOf("u_0"));
    const { rows: before } = await place.admin.query("select sealed from byok.key_versions order by key_id");
    expect(await place.rotate(one, { installationKeys: true })).toMatchObject({ rewrapped: 5, remaining: 0 });
    const { rows: wraps } = await place.admin.query("select distinct wrap_version::integer as version from byok.tenant_keys");
    expect(wraps).toEqual([{ version: 2 }]);
    expect((await place.admin.query("select sealed from byok.key_versions order by key_id")).rows).toEqual(before);
    for (const manager of [one, two, place.manager([1], { cache: false })]) for (let user = 0; user < 5; user += 1) expect(await read(manager, `u_${user}`)).toBe(secretOf(`u_${user}`));
    await store(two, "u_new");
    const { rows } = await place.admin.query("select count(*)::integer as left from byok.tenant_keys where wrap_version < 2");
    expect(rows).toEqual([{ left: 0 }]);
  });

  test("S-24: a row under a version that nobody has is an alarm and an EncryptionError; the key's status stays", async () => {
    const { errors, logger } = listening();
    const manager = place.manager([1], { cache: false, logger });
    const keyId = await store(manager, "u_1");
    await place.admin.query("update byok.tenant_keys set wrapped = set_byte(wrapped, 5, 9)");
    const fresh = place.manager([1], { cache: false, logger });
    for (let time = 0; time < 3; time += 1) {
      await expect(fresh.getActiveKey("u_1", "openai")).rejects.toMatchObject({ code: "ENCRYPTION", details: { reason: "unknown_key_version", version: 9 } });
    }
    await expect(fresh.testKey(keyId)).rejects.toThrow(EncryptionError);
    expect((await fresh.getKey(keyId)).status).toBe("unchecked");
    expect(errors).toHaveLength(1);
  });

  test("S-24: a root that a running process was not given is an alarm; it works on with what it holds", async () => {
    const { errors, logger } = listening();
    const old = place.manager([1], { cache: false, logger });
    const keyId = await store(old, "u_1");
    const { keyring } = await coreOf(old);
    const both = place.manager([2, 1]);
    await coreOf(both);
    // It was asleep for half a minute and counts as dead; when it wakes, the rotation is over.
    await place.admin.query("update byok.processes set seen_at = now() - interval '31 seconds' where process_id = $1", [keyring.processId]);
    await place.rotate(both);
    await eventually(() => errors.length, (count) => count > 0);
    expect(errors).toEqual([expect.objectContaining({ expectedRootKeyIds: [await place.rootId(2)] })]);
    expect(await read(old, "u_1")).toBe(secretOf("u_1"));
    expect((await both.getKey(keyId)).status).toBe("unchecked");
  });
});

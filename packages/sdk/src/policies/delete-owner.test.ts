import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConflictError, EncryptionError, InvalidInputError, KeyNotFoundError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import { createServiceToken } from "../access/service-token.ts";
import type { Core } from "../core.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { openKeyData } from "../keys/sealed-key-data.ts";
import { coreOf, type BYOKManager } from "../manager.ts";

let at: Installation;
let manager: BYOKManager;
let core: Core;
beforeAll(async () => {
  at = await openInstallation();
  manager = at.manager;
  core = await coreOf(manager);
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

const add = (owner: { userId: string } | { organizationId: string }, more: object = {}) => manager.addKey({ ...owner, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...more });
const outcome = (by: BYOKManager, userId: string): Promise<string> => by.getActiveKey(userId, "openai").then((key) => key.source, (error: { code: string }) => error.code);

describe("deleteOwner", () => {
  it("destroys keys, versions, tenant keys, tokens, members, policies and sealing keys; the audit trail and the sums of usage stay", async () => {
    const organization = { organizationId: "gone-org" };
    const ref = core.ownerRef(organization);
    await manager.setMember({ organizationId: "gone-org", userId: "gone-boss", role: "owner" });
    const key = await add(organization, { sharedAccess: true, limits: { requestsPerDay: 9 } });
    await manager.rotateKey(key.id, { apiKey: openaiKey() }, { validate: "skip" });
    await manager.setOwnerPolicy(organization, { notify: [{ type: "email", to: "a@example.com" }] });
    const { token } = await createServiceToken(core, "test", { name: "org", scopes: ["keys:read"], owner: organization });
    await manager.recordUsage({ keyId: key.id, inputTokens: 5 });
    await core.database.inTenant({ owners: [ref.id] }, (trx) => trx.insertInto("sealing_keys").values({ owner_id: ref.id, sealing_key_id: "s1", public_key: Buffer.alloc(32, 1), created_at: new Date() }).execute());
    const other = at.another();
    expect(await outcome(other, "gone-boss")).toBe("organization");

    await manager.deleteOwner(organization);
    const counts = await core.database.inTenant({ owners: [ref.id] }, async (trx) => {
      const left: Record<string, number> = {};
      for (const table of ["keys", "key_versions", "key_health", "tenant_keys", "service_tokens", "members", "owner_policies", "sealing_keys", "limit_counters", "audit_events", "usage_hourly"] as const) {
        left[table] = (await trx.selectFrom(table).select("owner_id").where("owner_id", "=", ref.id).execute()).length;
      }
      return left;
    });
    const { audit_events: events, usage_hourly: sums, ...gone } = counts;
    expect(new Set(Object.values(gone))).toEqual(new Set([0]));
    expect(events).toBeGreaterThan(4);
    expect(sums).toBe(1);

    // Within a second nothing of it is served anywhere.
    await expect(manager.getKey(key.id)).rejects.toBeInstanceOf(KeyNotFoundError);
    await expect.poll(() => outcome(other, "gone-boss"), { timeout: 1_000, interval: 20 }).toBe("KEY_NOT_FOUND");
    await expect.poll(() => manager.as({ serviceToken: token }).listKeys(organization).then(() => "served", (error: { code: string }) => error.code), { timeout: 1_000, interval: 20 }).toBe("UNAUTHENTICATED");
    expect(await manager.listMembers("gone-org")).toEqual([]);
    // A second time changes nothing.
    await manager.deleteOwner(organization);
    const again = await core.database.inTenant({ owners: [ref.id] }, (trx) => trx.selectFrom("audit_events").select("action").where("action", "=", "owner.deleted").execute());
    expect(again).toHaveLength(1);
  });

  it("an owner that comes back has a tenant key of a higher version, which opens nothing of what was", async () => {
    const ref = core.ownerRef("back-again");
    const first = await add({ userId: "back-again" });
    const old = await core.database.inTenant({ owners: [ref.id] }, (trx) =>
      trx.selectFrom("key_versions").innerJoin("tenant_keys", "tenant_keys.owner_id", "key_versions.owner_id").select(["sealed", "wrapped", "tenant_keys.version"]).executeTakeFirstOrThrow(),
    );
    await manager.deleteOwner("back-again");
    const second = await add({ userId: "back-again" });
    expect(await outcome(manager, "back-again")).toBe("user");
    const now = await core.database.inTenant({ owners: [ref.id] }, (trx) => trx.selectFrom("tenant_keys").select(["version", "wrapped"]).execute());
    expect([old.version, now.map((one) => one.version)]).toEqual([1, [2]]);
    const place = { ownerId: ref.id, keyId: first.id, keyVersion: 1, custody: "managed" as const, provider: "openai", environment: "production" };
    expect(() => openKeyData(core.keyring, core.keyring.unwrap(ref.id, 2, now[0]!.wrapped), old.sealed, place)).toThrow(EncryptionError);
    await manager.deleteOwner("back-again");
    await add({ userId: "back-again" });
    const third = await core.database.inTenant({ owners: [ref.id] }, (trx) => trx.selectFrom("tenant_keys").select("version").execute());
    expect(third).toEqual([{ version: 3 }]);
    await expect(manager.getKey(second.id)).rejects.toBeInstanceOf(KeyNotFoundError);
  });

  it("takes a user out of its organizations, unless it is the last owner of one: that is a ConflictError, and nothing has gone", async () => {
    await manager.setMember({ organizationId: "leave-a", userId: "leaver", role: "member" });
    await manager.setMember({ organizationId: "leave-b", userId: "leaver", role: "owner" });
    await add({ userId: "leaver" });
    const error = await manager.deleteOwner("leaver").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ details: { reason: "last_owner", organizationIds: ["leave-b"] } });
    expect((await manager.listKeys("leaver")).items).toHaveLength(1);
    expect(await manager.listMembers("leave-a")).toHaveLength(1);
    await manager.setMember({ organizationId: "leave-b", userId: "heir", role: "owner" });
    await manager.deleteOwner("leaver");
    expect(await manager.listMembers("leave-a")).toEqual([]);
    expect(await manager.listMembers("leave-b")).toMatchObject([{ userId: "heir" }]);
    expect((await manager.listKeys("leaver")).items).toEqual([]);
  });

  it("is for the owner of an organization, the user itself and the operator; the operator's own set stays", async () => {
    await manager.setMember({ organizationId: "perm-org", userId: "perm-boss", role: "owner" });
    await manager.setMember({ organizationId: "perm-org", userId: "perm-admin", role: "admin" });
    const token = async (owner?: { userId: string } | { organizationId: string }): Promise<string> =>
      (await createServiceToken(core, "test", { name: "x", scopes: owner ? ["keys:write"] : ["keys:write", "act:any"], ...(owner && { owner }) })).token;
    for (const byok of [manager.as({ userId: "perm-admin" }), manager.as({ userId: "stranger" }), manager.as({ organizationId: "perm-org", role: "admin" }), manager.as({ serviceToken: await token({ organizationId: "perm-org" }) })]) {
      await expect(byok.deleteOwner({ organizationId: "perm-org" })).rejects.toBeInstanceOf(PermissionDeniedError);
    }
    await expect(manager.as({ userId: "perm-boss" }).deleteOwner({ organizationId: "perm-org" })).resolves.toBeUndefined();
    await add({ userId: "perm-self" });
    await expect(manager.as({ serviceToken: await token({ userId: "perm-self" }) }).deleteOwner("perm-self")).resolves.toBeUndefined();
    await expect(manager.as({ serviceToken: await token() }).deleteOwner("whoever")).resolves.toBeUndefined();
    await expect(manager.deleteOwner({ system: true })).rejects.toBeInstanceOf(InvalidInputError);
  });

  it("raced by keys that are added, rotated and used: every call ends whole, and afterwards nothing is there that cannot be opened", async () => {
    for (let round = 0; round < 6; round += 1) {
      const userId = `raced-${round}`;
      const key = await add({ userId });
      const results = await Promise.allSettled([
        manager.deleteOwner(userId), add({ userId }), add({ userId }), manager.rotateKey(key.id, { apiKey: openaiKey() }, { validate: "skip" }),
        manager.updateKey(key.id, { alias: "x" }), manager.setOwnerPolicy(userId, { notify: [{ type: "email", to: "a@example.com" }] }), manager.deleteOwner(userId),
      ]);
      const lost = results.flatMap((one) => (one.status === "rejected" ? [(one.reason as { code?: string }).code] : []));
      expect(lost.filter((code) => code !== "CONFLICT" && code !== "KEY_NOT_FOUND")).toEqual([]);
      core.resolver.drop(core.ownerRef(userId).id);
      for (const left of (await manager.listKeys(userId)).items) expect((await manager.getActiveKey(userId, "openai", { keyId: left.id })).keyId).toBe(left.id);
      await expect(manager.getOwnerPolicy(userId)).resolves.toBeDefined();
    }
  });
});

describe("S-52: what changed in one process is not acted on in another a second later", () => {
  const changes: [name: string, change: (userId: string, keyId: string) => Promise<unknown>][] = [
    ["a disabled key", (_userId, keyId) => manager.updateKey(keyId, { status: "disabled" })],
    ["a deleted key", (_userId, keyId) => manager.deleteKey(keyId)],
    ["a suspended owner", (userId) => manager.setOwnerPolicy(userId, { suspended: true })],
    ["a deleted owner", (userId) => manager.deleteOwner(userId)],
    ["a key that a probe found dead", async (_userId, keyId) => manager.testKey(keyId)],
  ];
  it.each(changes)("%s", async (name, change) => {
    const userId = `seen ${name}`;
    const apiKey = openaiKey();
    const { id } = await manager.addKey({ userId, provider: "openai", keyData: { apiKey }, validate: "skip" });
    const other = at.another();
    expect(await outcome(other, userId)).toBe("user");
    if (name.startsWith("a key that")) at.sandbox.script(apiKey, { kind: "revoked" });
    await change(userId, id);
    await expect.poll(() => outcome(other, userId), { timeout: 1_000, interval: 20 }).not.toBe("user");
    expect(await outcome(manager, userId)).not.toBe("user");
  });
});

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BYOKError, ConflictError, InvalidInputError, KeyNotFoundError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import type { BYOK } from "../byok.ts";
import type { Core } from "../core.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf, type BYOKManager } from "../manager.ts";
import { roles, type Role } from "../schema.ts";
import { createServiceToken, type CreateServiceToken } from "./service-token.ts";

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

const token = async (scopes: CreateServiceToken["scopes"], owner?: CreateServiceToken["owner"]): Promise<BYOK> =>
  manager.as({ serviceToken: (await createServiceToken(core, "test", { name: "members", scopes, ...(owner && { owner }) })).token });
const rolesIn = async (organizationId: string): Promise<Record<string, Role>> => Object.fromEntries((await manager.listMembers(organizationId)).map((one) => [one.userId, one.role]));

describe("B-29: members", () => {
  it("an unknown role, an empty id and one of 10 kB are InvalidInputErrors naming the field", async () => {
    const odd: [object, string][] = [[{ role: "boss" }, "role"], [{ role: "Owner" }, "role"], [{ userId: "" }, "userId"], [{ userId: "x".repeat(10_240) }, "userId"], [{ organizationId: "" }, "organizationId"], [{ extra: 1 }, ""]];
    for (const [over, path] of odd) {
      const error = await manager.setMember({ organizationId: "b29", userId: "u", role: "owner", ...over } as never).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect((error as InvalidInputError).issues[0]?.path).toBe(path);
    }
    expect(await manager.listMembers("b29")).toEqual([]);
  });

  it("an admin makes itself no owner; the last owner stays; the same call twice changes nothing", async () => {
    await manager.setMember({ organizationId: "b29-2", userId: "boss", role: "owner" });
    await manager.setMember({ organizationId: "b29-2", userId: "admin", role: "admin" });
    await expect(manager.as({ userId: "admin" }).setMember({ organizationId: "b29-2", userId: "admin", role: "owner" })).rejects.toBeInstanceOf(PermissionDeniedError);
    await expect(manager.removeMember({ organizationId: "b29-2", userId: "boss" })).rejects.toBeInstanceOf(ConflictError);
    await expect(manager.setMember({ organizationId: "b29-2", userId: "boss", role: "admin" })).rejects.toBeInstanceOf(ConflictError);
    const events = (): Promise<number> =>
      core.database.inTenant({ owners: [core.ownerRef({ organizationId: "b29-2" }).id] }, async (trx) => (await trx.selectFrom("audit_events").select("seq").execute()).length);
    const before = await events();
    await manager.setMember({ organizationId: "b29-2", userId: "admin", role: "admin" });
    await manager.removeMember({ organizationId: "b29-2", userId: "nobody" });
    expect(await events()).toBe(before);
  });

  it("of two last owners that are removed at once one stays", async () => {
    await manager.setMember({ organizationId: "b29-3", userId: "one", role: "owner" });
    await manager.setMember({ organizationId: "b29-3", userId: "two", role: "owner" });
    const results = await Promise.allSettled(["one", "two"].map((userId) => manager.removeMember({ organizationId: "b29-3", userId })));
    expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    expect(Object.values(await rolesIn("b29-3"))).toEqual(["owner"]);
  });
});

describe("an organization's first owner", () => {
  it("is made by the bare manager or a service-wide token with members:write, and by nobody else", async () => {
    const first = (organizationId: string) => ({ organizationId, userId: "founder", role: "owner" as const });
    const refused: [string, BYOK][] = [
      ["a user", manager.as({ userId: "founder" })],
      ["a role that the server asserted", manager.as({ organizationId: "first-1", role: "owner" })],
      ["a token of the organization", await token(["members:write"], { organizationId: "first-1" })],
      ["a token of the user", await token(["members:write"], { userId: "founder" })],
      ["a service-wide token without act:any", await token(["members:write"])],
      ["one without members:write", await token(["keys:write", "act:any"])],
    ];
    for (const [name, byok] of refused) await expect(byok.setMember(first("first-1")), name).rejects.toBeInstanceOf(PermissionDeniedError);
    expect(await manager.listMembers("first-1")).toEqual([]);
    await (await token(["members:write", "act:any"])).setMember(first("first-1"));
    await manager.setMember(first("first-2"));
    expect([await rolesIn("first-1"), await rolesIn("first-2")]).toEqual([{ founder: "owner" }, { founder: "owner" }]);
  });

  it("a token of the organization, which an admin can make, grants up to admin", async () => {
    const org = await token(["members:write"], { organizationId: "first-1" });
    await expect(org.setMember({ organizationId: "first-1", userId: "climber", role: "owner" })).rejects.toBeInstanceOf(PermissionDeniedError);
    await expect(org.removeMember({ organizationId: "first-1", userId: "founder" })).rejects.toBeInstanceOf(PermissionDeniedError);
    await expect(org.setMember({ organizationId: "first-1", userId: "climber", role: "admin" })).resolves.toBeUndefined();
  });
});

describe("S-53: nobody grants above the own role, and the last owner stays", () => {
  it("over random sequences of calls by everyone", async () => {
    const people = ["a", "b", "c", "d"];
    const rank: Record<Role | "none", number> = { none: 0, viewer: 1, member: 2, admin: 3, owner: 4 };
    let run = 0;
    const step = fc.record({ by: fc.constantFrom(...people), on: fc.constantFrom(...people), role: fc.option(fc.constantFrom(...roles), { nil: undefined }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), fc.array(fc.constantFrom(...roles), { minLength: 3, maxLength: 3 }), async (steps, others) => {
        run += 1;
        const organizationId = `random-org-${run}`;
        await manager.setMember({ organizationId, userId: "a", role: "owner" });
        for (const [index, role] of others.entries()) await manager.setMember({ organizationId, userId: people[index + 1]!, role });
        for (const { by, on, role } of steps) {
          const before = await rolesIn(organizationId);
          const byok = manager.as({ userId: by });
          const outcome = await (role === undefined ? byok.removeMember({ organizationId, userId: on }) : byok.setMember({ organizationId, userId: on, role })).then(
            () => "done",
            (error: unknown) => (error instanceof BYOKError ? "refused" : "failed"),
          );
          const after = await rolesIn(organizationId);
          const changed = JSON.stringify(after) !== JSON.stringify(before);
          const own = rank[before[by] ?? "none"];
          const within = own >= rank.admin && rank[before[on] ?? "none"] <= own && rank[after[on] ?? "none"] <= own;
          expect(outcome).not.toBe("failed");
          // Whatever was refused changed nothing, and what became of the rest was within the reach of whoever asked.
          expect({ changed, outcome, within }).not.toMatchObject({ changed: true, outcome: "refused" });
          expect({ changed, within }).not.toEqual({ changed: true, within: false });
          expect(Object.values(after)).toContain("owner");
        }
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});

describe("what a member sees of an organization", () => {
  it("the shared keys, by list, by id, with their health and usage; a viewer sees every masked record; a stranger nothing", async () => {
    for (const [userId, role] of [["m-boss", "owner"], ["m-member", "member"], ["m-viewer", "viewer"]] as const) await manager.setMember({ organizationId: "m-org", userId, role });
    const key = (more: object) => manager.addKey({ organizationId: "m-org", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...more });
    const hidden = await key({});
    const shared = [await key({ sharedAccess: true }), await key({ sharedAccess: true })].map((one) => one.id);
    const list = async (byok: BYOK): Promise<string[]> => (await byok.listKeys({ organizationId: "m-org" })).items.map((one) => one.id);
    const member = manager.as({ userId: "m-member" });
    expect(await list(member)).toEqual(shared);
    expect(await list(manager.as({ organizationId: "m-org", role: "member" }))).toEqual(shared);
    expect(await list(manager.as({ userId: "m-viewer" }))).toEqual([hidden.id, ...shared]);
    const page = await member.listKeys({ organizationId: "m-org" }, { limit: 1 });
    expect((await member.listKeys({ organizationId: "m-org" }, { limit: 1, cursor: page.nextCursor! })).items.map((one) => one.id)).toEqual([shared[1]]);
    // A cursor of an admin's listing is none of a member's.
    const { nextCursor } = await manager.listKeys({ organizationId: "m-org" }, { limit: 1 });
    await expect(member.listKeys({ organizationId: "m-org" }, { limit: 1, cursor: nextCursor! })).rejects.toBeInstanceOf(InvalidInputError);

    expect((await member.getKey(shared[0]!)).id).toBe(shared[0]);
    expect((await member.getKeyHealth(shared[0]!)).keyId).toBe(shared[0]);
    expect((await member.getUsageStats(shared[0]!)).requests).toBe(0);
    for (const call of [() => member.getKey(hidden.id), () => member.getKeyHealth(hidden.id), () => member.getUsageStats(hidden.id)]) await expect(call()).rejects.toBeInstanceOf(KeyNotFoundError);
    for (const call of [
      () => member.updateKey(shared[0]!, { alias: "x" }), () => member.deleteKey(shared[0]!), () => member.rotateKey(shared[0]!, { apiKey: openaiKey() }), () => member.rollbackKey(shared[0]!), () => member.testKey(shared[0]!),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(KeyNotFoundError);
    }
    await expect(member.validateAllKeys({ organizationId: "m-org" })).rejects.toBeInstanceOf(PermissionDeniedError);
    await expect(manager.as({ userId: "m-stranger" }).listKeys({ organizationId: "m-org" })).rejects.toBeInstanceOf(PermissionDeniedError);
    const narrowed = manager.as({ userId: "m-member", organizationIds: ["other"] });
    await expect(narrowed.getKey(shared[0]!)).rejects.toBeInstanceOf(KeyNotFoundError);
  });
});

import { randomBytes } from "node:crypto";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BYOKManager, coreOf, scopeFor } from "../manager.ts";
import { ownerRef, type OwnerRef } from "../owners.ts";
import type { Access, Scope } from "../scope.ts";
import { actions, mayGrant, reachOf, requireOwner, roleTable, scopesAllow, scopeTable, tokenScopes, visibleOwners, type Action, type Reach, type TokenScope } from "./permissions.ts";

let database: TestDatabase;
let manager: BYOKManager;
let owners: { alice: OwnerRef; bob: OwnerRef; acme: OwnerRef; other: OwnerRef; system: OwnerRef };
beforeAll(async () => {
  database = await createTestDatabase();
  manager = new BYOKManager({ encryptionKey: randomBytes(32), database: database.connectionString });
  for (const [userId, role] of [["boss", "owner"], ["alice-admin", "admin"], ["alice-member", "member"], ["alice-viewer", "viewer"]] as const) {
    await manager.setMember({ organizationId: "acme", userId, role });
  }
  await manager.setMember({ organizationId: "other", userId: "somebody", role: "owner" });
  const { id } = (await coreOf(manager)).database.installation;
  owners = {
    alice: ownerRef(id, { userId: "alice" }), bob: ownerRef(id, { userId: "bob" }), acme: ownerRef(id, { organizationId: "acme" }),
    other: ownerRef(id, { organizationId: "other" }), system: ownerRef(id, { system: true }),
  };
});
afterAll(async () => {
  await manager.close();
  await database.drop();
});

const scopeOf = async (access: Access): Promise<Scope> => ({ core: await coreOf(manager), access, actor: "test" });
const token = (scopes: readonly TokenScope[], owner: Extract<Access, { kind: "token" }>["owner"] = null): Access => ({ kind: "token", tokenId: "tok_x", owner, scopes });

describe("role × action, within the organization that gave the role", () => {
  const rows: [role: "owner" | "admin" | "member" | "viewer", action: Action, reach: Reach, sentence: string][] = [
    ["owner", "keys:read", "all", "an owner sees every key"],
    ["owner", "keys:write", "all", "an owner manages every key"],
    ["owner", "keys:use", "all", "an owner calls with every key"],
    ["owner", "keys:reveal", "all", "an owner's program is handed every key, in-process"],
    ["owner", "usage:read", "all", "an owner sees all usage"],
    ["owner", "usage:write", "all", "an owner reports usage of every key"],
    ["owner", "members:read", "all", "an owner sees who belongs"],
    ["owner", "members:write", "all", "an owner says who belongs"],
    ["owner", "audit:read", "all", "an owner reads the trail"],
    ["owner", "tokens:write", "all", "an owner makes tokens of the organization"],
    ["owner", "policy:read", "all", "an owner sees the policy"],
    ["owner", "policy:write", "all", "an owner sets what an owner sets"],
    ["owner", "owner:delete", "all", "an owner deletes the organization"],
    ["owner", "system", "none", "an owner does not reach the operator's defaults"],
    ["owner", "act:any", "none", "an owner acts for nobody else"],
    ["admin", "keys:read", "all", "an admin sees every key"],
    ["admin", "keys:write", "all", "an admin manages every key"],
    ["admin", "keys:use", "all", "an admin calls with every key"],
    ["admin", "keys:reveal", "all", "an admin's program is handed every key, in-process"],
    ["admin", "usage:read", "all", "an admin sees all usage"],
    ["admin", "usage:write", "all", "an admin reports usage of every key"],
    ["admin", "members:read", "all", "an admin sees who belongs"],
    ["admin", "members:write", "all", "an admin says who belongs, up to the own role"],
    ["admin", "audit:read", "all", "an admin reads the trail"],
    ["admin", "tokens:write", "all", "an admin makes tokens of the organization"],
    ["admin", "policy:read", "all", "an admin sees the policy"],
    ["admin", "policy:write", "all", "an admin sets what an owner sets"],
    ["admin", "owner:delete", "none", "an admin does not delete the organization"],
    ["admin", "system", "none", "an admin does not reach the operator's defaults"],
    ["admin", "act:any", "none", "an admin acts for nobody else"],
    ["member", "keys:read", "shared", "a member sees the keys that are shared"],
    ["member", "keys:write", "none", "a member manages no key"],
    ["member", "keys:use", "shared", "a member calls with the keys that are shared"],
    ["member", "keys:reveal", "none", "a member is handed no key of the organization by its name"],
    ["member", "usage:read", "shared", "a member sees the usage of shared keys"],
    ["member", "usage:write", "shared", "a member reports usage of shared keys"],
    ["member", "members:read", "all", "a member sees who belongs"],
    ["member", "members:write", "none", "a member does not say who belongs"],
    ["member", "audit:read", "none", "a member does not read the trail"],
    ["member", "tokens:write", "none", "a member makes no tokens of the organization"],
    ["member", "policy:read", "none", "a member does not see the policy"],
    ["member", "policy:write", "none", "a member sets no policy"],
    ["member", "owner:delete", "none", "a member does not delete the organization"],
    ["member", "system", "none", "a member does not reach the operator's defaults"],
    ["member", "act:any", "none", "a member acts for nobody else"],
    ["viewer", "keys:read", "all", "a viewer sees every masked record"],
    ["viewer", "keys:write", "none", "a viewer manages no key"],
    ["viewer", "keys:use", "none", "a viewer calls with no key"],
    ["viewer", "keys:reveal", "none", "a viewer is handed no key"],
    ["viewer", "usage:read", "all", "a viewer sees all usage"],
    ["viewer", "usage:write", "none", "a viewer reports no usage"],
    ["viewer", "members:read", "all", "a viewer sees who belongs"],
    ["viewer", "members:write", "none", "a viewer does not say who belongs"],
    ["viewer", "audit:read", "none", "a viewer does not read the trail"],
    ["viewer", "tokens:write", "none", "a viewer makes no tokens"],
    ["viewer", "policy:read", "all", "a viewer sees the policy"],
    ["viewer", "policy:write", "none", "a viewer sets no policy"],
    ["viewer", "owner:delete", "none", "a viewer does not delete the organization"],
    ["viewer", "system", "none", "a viewer does not reach the operator's defaults"],
    ["viewer", "act:any", "none", "a viewer acts for nobody else"],
  ];

  test("the table below has every role and action once", () => {
    expect(rows.map(([role, action]) => `${role} ${action}`).toSorted()).toEqual(Object.keys(roleTable).flatMap((role) => actions.map((action) => `${role} ${action}`)).toSorted());
  });

  const user = { owner: "boss", admin: "alice-admin", member: "alice-member", viewer: "alice-viewer" } as const;
  test.each(rows)("%s, %s: %s (%s)", async (role, action, reach) => {
    const asUser = await scopeOf({ kind: "user", userId: user[role], organizationIds: undefined });
    const asRole = await scopeOf({ kind: "organization", organizationId: "acme", role });
    expect(await reachOf(asUser, owners.acme, action)).toBe(reach);
    expect(await reachOf(asRole, owners.acme, action)).toBe(reach);
    expect((await visibleOwners(asUser, action)).includes(owners.acme.id)).toBe(reach === "all");
    expect((await visibleOwners(asRole, action)).includes(owners.acme.id)).toBe(reach === "all");
    // Never in another organization, with any role here.
    expect(await reachOf(asUser, owners.other, action)).toBe("none");
    expect(await reachOf(asRole, owners.other, action)).toBe("none");
    expect((await visibleOwners(asUser, action)).includes(owners.other.id)).toBe(false);
  });
});

describe("a user", () => {
  test.each(actions)("does with the own keys whatever there is: %s", async (action) => {
    const scope = await scopeOf({ kind: "user", userId: "alice", organizationIds: undefined });
    const own = action !== "system" && action !== "act:any";
    expect(await reachOf(scope, owners.alice, action)).toBe(own ? "all" : "none");
    expect(await reachOf(scope, owners.bob, action)).toBe("none");
    expect(await reachOf(scope, owners.acme, action)).toBe("none");
    expect(await reachOf(scope, owners.system, action)).toBe("none");
    const visible = await visibleOwners(scope, action);
    expect([owners.alice, owners.bob, owners.acme, owners.system].map((owner) => visible.includes(owner.id))).toEqual([own, false, false, false]);
  });

  test("organizationIds narrow the memberships, and add none", async () => {
    const narrowed = await scopeOf({ kind: "user", userId: "boss", organizationIds: ["other"] });
    expect(await reachOf(narrowed, owners.acme, "keys:read")).toBe("none");
    expect(await reachOf(narrowed, owners.other, "keys:read")).toBe("none");
    expect((await visibleOwners(narrowed, "keys:read")).owners).toHaveLength(1);
    const kept = await scopeOf({ kind: "user", userId: "boss", organizationIds: ["acme"] });
    expect(await reachOf(kept, owners.acme, "keys:read")).toBe("all");
  });

  test("that was removed reaches nothing any more", async () => {
    await manager.setMember({ organizationId: "acme", userId: "leaving", role: "admin" });
    const scope = await scopeFor(manager, { userId: "leaving" });
    await expect(requireOwner(scope, owners.acme, "keys:write")).resolves.toBeUndefined();
    await manager.removeMember({ organizationId: "acme", userId: "leaving" });
    await expect(requireOwner(scope, owners.acme, "keys:write")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("scope × action", () => {
  const rows: [scope: TokenScope, allowed: Action[], sentence: string][] = [
    ["keys:read", ["keys:read", "policy:read"], "reads masked records, and the policy"],
    ["keys:write", ["keys:write", "policy:write", "owner:delete"], "manages keys, and whether there are any"],
    ["keys:use", ["keys:use"], "calls through us"],
    ["keys:reveal", ["keys:reveal"], "is handed plaintext"],
    ["usage:read", ["usage:read"], "reads usage"],
    ["usage:write", ["usage:write"], "reports usage"],
    ["alerts:write", [], "does nothing yet"],
    ["members:write", ["members:read", "members:write"], "says who belongs"],
    ["audit:read", ["audit:read"], "reads and proves the trail"],
    ["tokens:write", ["tokens:write"], "makes tokens"],
    ["system", ["system"], "reaches the operator's defaults, with another scope's action"],
    ["act:any", ["act:any"], "names the owner of a call, with another scope's action"],
  ];

  test.each(rows)("%s: %j, and no more (%s)", (scope, allowed) => {
    expect(scopeTable[scope]).toEqual(allowed);
    expect(actions.filter((action) => scopesAllow([scope], action))).toEqual(allowed);
  });

  test("a scope that nobody knows, or by the name of a prototype's property, allows nothing", () => {
    for (const scope of ["all", "constructor", "__proto__", ""]) expect(actions.filter((action) => scopesAllow([scope], action))).toEqual([]);
  });

  const every = tokenScopes.filter((scope) => scope !== "system" && scope !== "act:any");
  const cases: [sentence: string, access: Access, reaches: (keyof typeof owners)[]][] = [
    ["a token of a user acts for that user alone", token(every, { userId: "alice" }), ["alice"]],
    ["a token of an organization acts for it alone", token(every, { organizationId: "acme" }), ["acme"]],
    ["a service-wide token acts for nobody by itself", token(every), []],
    ["with act:any it acts for everyone but the operator", token([...every, "act:any"]), ["alice", "bob", "acme", "other"]],
    ["with system it reaches the operator's defaults alone", token([...every, "system"]), ["system"]],
    ["with both it reaches everything", token([...every, "act:any", "system"]), ["alice", "bob", "acme", "other", "system"]],
    ["act:any and system without another scope do nothing", token(["act:any", "system"]), []],
    // Such tokens are not made; one that a database was given reaches no further for it.
    ["a bound token with act:any and system reaches its owner alone", token([...every, "act:any", "system"], { userId: "alice" }), ["alice"]],
  ];
  test.each(cases)("%s", async (_sentence, access, reaches) => {
    const scope = await scopeOf(access);
    const visible = await visibleOwners(scope, "keys:read");
    for (const [name, owner] of Object.entries(owners)) {
      const reached = reaches.includes(name as keyof typeof owners);
      expect([name, await reachOf(scope, owner, "keys:read")]).toEqual([name, reached ? "all" : "none"]);
      expect([name, visible.includes(owner.id)]).toEqual([name, reached]);
    }
  });

  test("what is refused says which scope is missing, or that the owner is another's, and not whether it exists", async () => {
    const scope = await scopeOf(token(["keys:read"], { userId: "alice" }));
    await expect(requireOwner(scope, owners.alice, "keys:write")).rejects.toThrow(/lacks a scope for keys:write/);
    const { id } = scope.core.database.installation;
    const [there, nowhere] = await Promise.all(
      [owners.acme, ownerRef(id, { organizationId: "nowhere" })].map((owner) => requireOwner(scope, owner, "keys:read").catch((error: unknown) => error)),
    );
    expect(JSON.stringify(there)).toBe(JSON.stringify(nowhere));
  });
});

describe("nobody grants above the own role", () => {
  test.each([
    ["owner", "owner", true], ["owner", "admin", true], ["owner", "viewer", true],
    ["admin", "owner", false], ["admin", "admin", true], ["admin", "member", true],
    ["member", "viewer", false], ["viewer", "viewer", false],
  ] as const)("%s → %s: %s", (own, granted, may) => {
    expect(mayGrant(own, granted)).toBe(may);
  });
});

test("S-53: an admin makes no owner, is made none, and unmakes none; an owner does", async () => {
  const admin = manager.as({ userId: "alice-admin" });
  for (const change of [
    () => admin.setMember({ organizationId: "acme", userId: "alice-admin", role: "owner" }),
    () => admin.setMember({ organizationId: "acme", userId: "alice-viewer", role: "owner" }),
    () => admin.setMember({ organizationId: "acme", userId: "boss", role: "member" }),
    () => admin.removeMember({ organizationId: "acme", userId: "boss" }),
    () => manager.as({ userId: "alice-member" }).setMember({ organizationId: "acme", userId: "alice-member", role: "admin" }),
  ]) {
    await expect(change()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  }
  await expect(admin.setMember({ organizationId: "acme", userId: "new-admin", role: "admin" })).resolves.toBeUndefined();
  await expect(manager.as({ userId: "boss" }).setMember({ organizationId: "acme", userId: "new-admin", role: "owner" })).resolves.toBeUndefined();
  await expect(manager.as({ userId: "boss" }).removeMember({ organizationId: "acme", userId: "new-admin" })).resolves.toBeUndefined();
});

test("the bare manager reaches everything", async () => {
  const scope = await scopeOf({ kind: "trusted" });
  for (const owner of Object.values(owners)) expect(await reachOf(scope, owner, "system")).toBe("all");
  expect((await visibleOwners(scope, "keys:read")).owners).toBe("all");
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InvalidInputError, KeyNotFoundError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import { createServiceToken, type CreateServiceToken } from "../access/service-token.ts";
import type { OwnerPolicyInput, UseOptions } from "../byok.ts";
import type { Core } from "../core.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf, type BYOKManager } from "../manager.ts";

let at: Installation;
let manager: BYOKManager;
let core: Core;
let systemKey: string;
beforeAll(async () => {
  at = await openInstallation();
  manager = at.manager;
  core = await coreOf(manager);
  systemKey = (await add({ system: true })).id;
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

type Who = { userId: string } | { organizationId: string } | { system: true };
const add = (owner: Who, more: object = {}) => manager.addKey({ ...owner, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...more });
const outcome = (userId: string, options?: UseOptions, by: BYOKManager = manager): Promise<unknown> =>
  by.getActiveKey(userId, "openai", options).then((key) => key.source, (error: { name: string; details: { reason?: string } }) => `${error.name} ${error.details.reason ?? ""}`);
const token = async (scopes: CreateServiceToken["scopes"], owner?: CreateServiceToken["owner"]): Promise<string> =>
  (await createServiceToken(core, "test", { name: "policies", scopes, ...(owner && { owner }) })).token;

describe("setOwnerPolicy", () => {
  it("absent leaves, null clears, and an owner without a policy has the defaults", async () => {
    expect(await manager.getOwnerPolicy("set-1")).toEqual({ ownKeysOnly: false, overflow: "never", suspended: false, limits: null, notify: [], maxKeyAgeDays: null });
    await manager.setOwnerPolicy("set-1", { ownKeysOnly: true, limits: { requestsPerDay: 5 }, maxKeyAgeDays: 90 });
    expect(await manager.setOwnerPolicy("set-1", { overflow: "system" })).toEqual({ ownKeysOnly: true, overflow: "system", suspended: false, limits: { requestsPerDay: 5 }, notify: [], maxKeyAgeDays: 90 });
    expect(await manager.setOwnerPolicy("set-1", { limits: null, maxKeyAgeDays: null, ownKeysOnly: false })).toMatchObject({ ownKeysOnly: false, overflow: "system", limits: null, maxKeyAgeDays: null });
    const both = await Promise.all([manager.setOwnerPolicy("set-1", { maxKeyAgeDays: 7 }), manager.setOwnerPolicy("set-1", { ownKeysOnly: true })]);
    expect(both).toHaveLength(2);
    expect(await manager.getOwnerPolicy("set-1")).toMatchObject({ maxKeyAgeDays: 7, ownKeysOnly: true, overflow: "system" });
  });

  it("makes a webhook's secret, shows it once, keeps it while the address stays, and stores it sealed", async () => {
    const hook = { type: "webhook" as const, url: "https://hooks.example.com/byok" };
    const first = await manager.setOwnerPolicy("hook-1", { notify: [hook, { type: "email", to: "ops@example.com" }] });
    const secret = first.notify[0]?.type === "webhook" ? first.notify[0].secret : undefined;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await manager.getOwnerPolicy("hook-1")).toMatchObject({ notify: [hook, { type: "email", to: "ops@example.com" }] });
    expect(JSON.stringify(await manager.getOwnerPolicy("hook-1"))).not.toContain("whsec_");
    expect(JSON.stringify(await manager.setOwnerPolicy("hook-1", { notify: [hook] }))).not.toContain("whsec_");
    const given = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    expect(JSON.stringify(await manager.setOwnerPolicy("hook-1", { notify: [{ ...hook, secret: given }] }))).not.toContain("whsec_");
    const row = await core.database.inTenant({ owners: [core.ownerRef("hook-1").id] }, (trx) => trx.selectFrom("owner_policies").selectAll().executeTakeFirstOrThrow());
    expect(row.notify?.toString("latin1")).not.toContain("hooks.example.com");
    expect(row.notify_tenant_key_version).toBe(1);
  });

  const refused: [string, string][] = [
    ["http", "http://example.com/x"], ["no address", "example.com"], ["loopback in short", "https://127.1/x"], ["loopback in hex", "https://0x7f.1/x"], ["loopback as a number", "https://2130706433/x"],
    ["mapped loopback", "https://[::ffff:7f00:1]/x"], ["localhost with a dot", "https://localhost./x"], ["a metadata service", "https://169.254.169.254/latest"], ["a private range", "https://10.0.0.8/x"],
    ["carrier-grade", "https://100.64.0.1/x"], ["a unique local address", "https://[fd00::1]/x"], ["NAT64", "https://[64:ff9b::a00:1]/x"], ["a name of the inside", "https://db.internal/x"],
    ["a single label", "https://intranet/x"], ["credentials", "https://user:pass@example.com/x"], ["another scheme", "ftp://example.com/x"],
  ];
  it.each(refused)("B-55: %s is an InvalidInputError naming the channel, for webhooks and Slack", async (_name, url) => {
    for (const type of ["webhook", "slack"] as const) {
      const error = await manager.setOwnerPolicy("urls-1", { notify: [{ type, url }] }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect((error as InvalidInputError).issues[0]?.path).toBe("notify.0.url");
      expect(JSON.stringify(error)).not.toContain(url);
    }
    expect((await manager.getOwnerPolicy("urls-1")).notify).toEqual([]);
  });

  it("B-54: one e-mail address and no more, no line break, no unknown field", async () => {
    for (const to of ["a@b.c\r\nBcc: x@y.z", "a@b.c,d@e.f", "a b@c.d", "nobody", "@x.y", "a@b"]) await expect(manager.setOwnerPolicy("mail-1", { notify: [{ type: "email", to }] })).rejects.toBeInstanceOf(InvalidInputError);
    const odd: object[] = [{ suspnded: true }, { overflow: "user" }, { maxKeyAgeDays: 0 }, { limits: { requestsPerDay: -1 } }, { notify: [{ type: "pager" }] }, { notify: [{ type: "webhook", url: "https://example.com", secret: "short" }] }];
    for (const policy of odd) await expect(manager.setOwnerPolicy("mail-1", policy as OwnerPolicyInput)).rejects.toBeInstanceOf(InvalidInputError);
  });

  it("private addresses pass where the operator allows them", async () => {
    const open = at.another({ allowPrivateUrls: true });
    expect((await open.setOwnerPolicy("urls-2", { notify: [{ type: "webhook", url: "http://127.0.0.1:9/x" }] })).notify).toHaveLength(1);
    await expect(open.setOwnerPolicy("urls-2", { notify: [{ type: "webhook", url: "ftp://127.0.0.1/x" }] })).rejects.toBeInstanceOf(InvalidInputError);
  });

  it("suspended and overflow to the system are the operator's; the owner sets the rest", async () => {
    const own = manager.as({ userId: "who-1" });
    await own.setOwnerPolicy("who-1", { ownKeysOnly: true, overflow: "never", maxKeyAgeDays: 30 });
    for (const policy of [{ suspended: true }, { suspended: false }, { overflow: "system" as const }]) {
      await expect(own.setOwnerPolicy("who-1", policy)).rejects.toBeInstanceOf(PermissionDeniedError);
      await expect(manager.as({ serviceToken: await token(["keys:write"], { userId: "who-1" }) }).setOwnerPolicy("who-1", policy)).rejects.toBeInstanceOf(PermissionDeniedError);
      await expect(manager.as({ serviceToken: await token(["keys:write", "act:any"]) }).setOwnerPolicy("who-1", policy)).rejects.toBeInstanceOf(PermissionDeniedError);
      await expect(manager.as({ serviceToken: await token(["keys:write", "act:any", "system"]) }).setOwnerPolicy("who-1", policy)).resolves.toBeDefined();
    }
    await expect(own.setOwnerPolicy("who-2", { ownKeysOnly: false })).rejects.toBeInstanceOf(PermissionDeniedError);
  });
});

describe("whose money", () => {
  const overrides: UseOptions[] = [{}, { fallbackToSystem: true }, { environment: "production", fallbackToSystem: true }];

  it("S-53: ownKeysOnly keeps the system's key back, whatever the caller asks for, and the refusal says so", async () => {
    expect(await outcome("own-1")).toBe("system");
    await manager.setOwnerPolicy("own-1", { ownKeysOnly: true });
    for (const options of [...overrides, { keyId: systemKey }]) expect(await outcome("own-1", options)).toBe("PermissionDeniedError own_keys_only");
    await expect(manager.fetchFor("own-1", "openai")("https://api.openai.com/v1/models")).rejects.toMatchObject({ details: { reason: "own_keys_only" } });
    await expect(manager.withKey("own-1", "openai", async () => 1)).rejects.toBeInstanceOf(PermissionDeniedError);
    expect(await manager.explain("own-1", "openai")).toMatchObject([{ keyId: systemKey, usable: false, reason: "own_keys_only" }]);
    const key = await add({ userId: "own-1" });
    expect(await outcome("own-1")).toBe("user");
    await manager.updateKey(key.id, { status: "disabled" });
    const error = await manager.getActiveKey("own-1", "openai").catch((caught: unknown) => caught);
    expect((error as { candidates: { reason: string }[] }).candidates.map((one) => one.reason)).toEqual(["disabled", "own_keys_only"]);
  });

  it("S-53: fallback never on a key does so while that key exists, whatever its state, for that provider", async () => {
    const key = await add({ userId: "never-1" }, { fallback: "never" });
    await manager.updateKey(key.id, { status: "disabled" });
    for (const options of overrides) expect(await outcome("never-1", options)).toMatch(/^KeyValidationError/);
    await manager.updateKey(key.id, { fallback: "allowed" });
    expect(await outcome("never-1")).toBe("system");
    await manager.updateKey(key.id, { fallback: "never" });
    expect(await outcome("never-1")).not.toBe("system");
    await manager.deleteKey(key.id);
    expect(await outcome("never-1")).toBe("system");
  });

  it("a key that an organization shares with a member binds that member, and one that it does not share binds nobody", async () => {
    await manager.setMember({ organizationId: "never-org", userId: "never-boss", role: "owner" });
    await manager.setMember({ organizationId: "never-org", userId: "never-2", role: "member" });
    const shared = await add({ organizationId: "never-org" }, { sharedAccess: true, fallback: "never" });
    await manager.updateKey(shared.id, { status: "disabled" });
    expect(await outcome("never-2")).not.toBe("system");
    await manager.updateKey(shared.id, { sharedAccess: false });
    expect(await outcome("never-2")).toBe("system");
  });

  it("configured defaults are the system's too", async () => {
    const configured = at.another({ systemKeys: { anthropic: { apiKey: "sk-ant-api03-configured-default-0001" } } });
    expect((await configured.getActiveKey("conf-1", "anthropic")).source).toBe("system");
    await manager.setOwnerPolicy("conf-1", { ownKeysOnly: true });
    await expect.poll(() => configured.getActiveKey("conf-1", "anthropic").then((key) => key.source, (error: { details: { reason: string } }) => error.details.reason), { timeout: 1_000, interval: 20 }).toBe("own_keys_only");
  });

  it("a customer's limit moves no spend to the operator, unless the operator says overflow", async () => {
    const key = await add({ userId: "over-1" }, { limits: { requestsPerDay: 1 } });
    const use = (): Promise<string> => manager.withKey("over-1", "openai", async (one) => one.source).catch((error: { code: string }) => error.code);
    expect([await use(), await use()]).toEqual(["user", "RATE_LIMITED"]);
    expect(await manager.explain("over-1", "openai")).toMatchObject([{ keyId: key.id, reason: "rate_limited", usable: false, until: expect.any(Date) as Date }, { keyId: systemKey, usable: false, reason: "rate_limited" }]);
    await manager.setOwnerPolicy("over-1", { overflow: "system" });
    expect(await use()).toBe("system");
    await manager.setOwnerPolicy("over-1", { overflow: "never" });
    expect(await use()).toBe("RATE_LIMITED");
  });

  it("the policy's limits bind every call of the owner, on whichever key; explain takes nothing of them", async () => {
    await add({ userId: "limits-1" });
    await manager.setOwnerPolicy("limits-1", { limits: { requestsPerDay: 2 } });
    const use = (): Promise<string> => manager.withKey("limits-1", "openai", async (one) => one.source).catch((error: { code: string }) => error.code);
    for (let look = 0; look < 5; look += 1) expect((await manager.explain("limits-1", "openai"))[0]).toMatchObject({ usable: true });
    expect([await use(), await use(), await use()]).toEqual(["user", "user", "RATE_LIMITED"]);
    await manager.setOwnerPolicy("limits-1", { limits: null });
    expect(await use()).toBe("user");
    // Also where the key is the operator's.
    await manager.setOwnerPolicy("limits-2", { limits: { requestsPerDay: 1 } });
    const other = (): Promise<string> => manager.withKey("limits-2", "openai", async (one) => one.source).catch((error: { code: string }) => error.code);
    expect([await other(), await other()]).toEqual(["system", "RATE_LIMITED"]);
  });

  it("S-52: a suspended owner uses nothing, in every process within a second; its keys and its organization's are there again afterwards", async () => {
    await add({ userId: "susp-1" });
    const other = at.another();
    expect(await outcome("susp-1", {}, other)).toBe("user");
    await manager.setOwnerPolicy("susp-1", { suspended: true });
    expect(await outcome("susp-1")).toBe("PermissionDeniedError suspended");
    await expect.poll(() => outcome("susp-1", {}, other), { timeout: 1_000, interval: 20 }).toBe("PermissionDeniedError suspended");
    expect((await manager.listKeys("susp-1")).items).toHaveLength(1);
    await manager.setOwnerPolicy("susp-1", { suspended: false });
    await expect.poll(() => outcome("susp-1", {}, other), { timeout: 1_000, interval: 20 }).toBe("user");

    await manager.setMember({ organizationId: "susp-org", userId: "susp-2", role: "owner" });
    await add({ organizationId: "susp-org" }, { sharedAccess: true });
    await manager.setOwnerPolicy({ organizationId: "susp-org" }, { suspended: true });
    expect(await manager.explain("susp-2", "openai")).toMatchObject([{ source: "organization", reason: "suspended" }, { source: "system", reason: "usable" }]);
  });

  it("a cold resolution is still one round trip", async () => {
    await add({ userId: "trips-2" });
    await manager.setOwnerPolicy("trips-2", { maxKeyAgeDays: 9 });
    const reader = at.another();
    await reader.getActiveKey("somebody-else", "openai").catch(() => undefined);
    const { database } = await coreOf(reader);
    const before = database.roundTrips;
    await reader.getActiveKey("trips-2", "openai");
    expect(database.roundTrips - before).toBeLessThanOrEqual(2); // one, and perhaps a look at the log of changes
  });
});

describe("explain", () => {
  it("names every candidate in order with its reason, calls nobody, and hides the names of what is not shared", async () => {
    await manager.setMember({ organizationId: "exp-org", userId: "exp-boss", role: "owner" });
    await manager.setMember({ organizationId: "exp-org", userId: "exp-1", role: "member" });
    const own = await add({ userId: "exp-1" }, { allowedModels: ["gpt-4o*"], alias: "Own" });
    const shared = await add({ organizationId: "exp-org" }, { sharedAccess: true, alias: "Ours" });
    const hidden = await add({ organizationId: "exp-org" }, { alias: "Secret project" });
    const as = manager.as({ userId: "exp-1" });
    expect((await as.explain("exp-1", "openai", { model: "o3" })).map((one) => [one.keyId, one.source, one.alias, one.usable, one.reason])).toEqual([
      [own.id, "user", "Own", false, "model_not_allowed"], [shared.id, "organization", "Ours", true, "usable"], [hidden.id, "organization", null, false, "not_shared"], [systemKey, "system", null, true, "usable"],
    ]);
    await expect(as.explain("exp-2", "openai")).rejects.toBeInstanceOf(PermissionDeniedError);
    expect(await manager.explain("exp-3", "anthropic")).toEqual([]);
    await expect(manager.getActiveKey("exp-3", "anthropic")).rejects.toBeInstanceOf(KeyNotFoundError);
  });
});

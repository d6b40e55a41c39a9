import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServiceToken, revokeServiceToken } from "../access/service-token.ts";
import type { AuditEvent, BYOK } from "../byok.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf, scopeFor, type BYOKManager } from "../manager.ts";
import { Refusals } from "./refusals.ts";

let at: Installation;
let admin: pg.Client;

beforeAll(async () => {
  at = await openInstallation();
  admin = new pg.Client({ connectionString: at.connectionString });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await at[Symbol.asyncDispose]();
});

const add = async (owner: { userId: string } | { organizationId: string }, more: object = {}): Promise<string> =>
  (await at.manager.addKey({ ...owner, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", ...more })).id;
const trail = async (owner: Parameters<BYOK["listAuditEvents"]>[0], filter = {}): Promise<AuditEvent[]> => (await at.manager.listAuditEvents(owner, filter)).items;
const said = (events: readonly AuditEvent[]): string[] => events.map(({ actor, action, target }) => `${actor} ${action} ${target ?? "-"}`);

describe("S-86: no event, no change, no reveal", () => {
  const tables = ["owners", "tenant_keys", "members", "keys", "key_versions", "key_health", "service_tokens", "audit_events", "audit_heads", "audit_names", "changes"];
  async function everything(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const table of tables) {
      const { rows } = await admin.query(`select coalesce(md5(string_agg(one::text, ',' order by one::text)), 'none') as digest from byok.${table} one`);
      found[table] = rows[0].digest as string;
    }
    return found;
  }

  let keyId: string;
  let tokenId: string;
  let token: string;
  let fresh: BYOKManager;
  const calls = { made: 0 };
  beforeAll(async () => {
    keyId = await add({ userId: "still" });
    await at.manager.setMember({ organizationId: "still", userId: "boss", role: "owner" });
    await at.manager.setMember({ organizationId: "still", userId: "other", role: "member" });
    const core = await coreOf(at.manager);
    tokenId = (await createServiceToken(core, "manager", { name: "x", scopes: ["keys:use"], owner: { userId: "still" } })).id;
    ({ token } = await createServiceToken(core, "manager", { name: "y", scopes: ["keys:reveal"], owner: { userId: "still" } }));
    fresh = at.another();
    // It has opened nothing, and makes no partition while we look.
    await fresh.getKey(keyId);
  });

  const operations: [name: string, run: () => Promise<unknown>][] = [
    ["addKey", () => add({ userId: "newcomer" })],
    ["updateKey", () => at.manager.updateKey(keyId, { priority: 3 })],
    ["deleteKey", () => at.manager.deleteKey(keyId)],
    ["testKey", () => at.manager.testKey(keyId)],
    ["setMember", () => at.manager.setMember({ organizationId: "still", userId: "third", role: "viewer" })],
    ["removeMember", () => at.manager.removeMember({ organizationId: "still", userId: "other" })],
    ["createServiceToken", async () => createServiceToken(await coreOf(at.manager), "manager", { name: "z", scopes: ["keys:use"] })],
    ["revokeServiceToken", async () => revokeServiceToken(await coreOf(at.manager), tokenId)],
    ["getActiveKey, cold", () => fresh.getActiveKey("still", "openai")],
    ["getProviderConfig, cold", () => fresh.getProviderConfig("still", "openai")],
    ["withKey, cold", () => fresh.withKey("still", "openai", async () => void (calls.made += 1))],
    ["fetchFor, cold", () => fresh.fetchFor("still", "openai")("https://api.openai.com/v1/models")],
    ["getActiveKey with a service token", () => at.manager.as({ serviceToken: token }).getActiveKey("still", "openai")],
  ];

  describe.each([
    ["the right to write events is taken away", "revoke insert on byok.audit_events from ROLE", "grant insert on byok.audit_events to ROLE"],
    [
      "a trigger refuses each event",
      "create function pg_temp.no() returns trigger language plpgsql as $$ begin raise exception 'full'; end $$; create trigger no before insert on byok.audit_events for each row execute function pg_temp.no()",
      "drop trigger no on byok.audit_events",
    ],
  ])("%s", (_, break_, mend) => {
    const role = async (): Promise<string> => `"byok_app_${(await coreOf(at.manager)).database.installation.id}"`;
    beforeAll(async () => {
      await admin.query(break_.replaceAll("ROLE", await role()));
    });
    afterAll(async () => {
      await admin.query(mend.replaceAll("ROLE", await role()));
    });

    test.each(operations)("%s fails, and nothing is changed", async (_name, run) => {
      const before = await everything();
      await expect(run()).rejects.toThrow("PostgreSQL refused a statement");
      expect(await everything()).toEqual(before);
      expect(calls.made).toBe(0);
      expect(at.sandbox.ledger.entries().length).toBe(0);
    });
  });

  test("the twin: mended, each of them succeeds, and is in the trail", async () => {
    for (const [name, run] of operations.filter(([one]) => one !== "deleteKey")) await expect(run(), name).resolves.not.toThrow();
    await at.manager.deleteKey(keyId);
    expect(new Set((await trail("still")).map(({ action }) => action))).toEqual(new Set(["key.added", "key.updated", "key.deleted", "key.opened", "key.revealed", "key.status_changed", "token.created", "token.revoked"]));
    expect(await at.manager.verifyAudit()).toMatchObject({ ok: true });
  });
});

describe("S-86: openings", () => {
  const openings = async (owner: Parameters<typeof trail>[0]): Promise<string[]> => said((await trail(owner, { action: "key.opened" })).toReversed());

  test("one for each process, principal and key version, and none for hand-outs from the cache or after a refill", async () => {
    const key = await add({ userId: "opened" });
    const other = at.another({ cache: false });
    for (let round = 0; round < 3; round += 1) {
      await at.manager.getActiveKey("opened", "openai");
      await at.manager.as({ userId: "opened" }).getActiveKey("opened", "openai");
      await other.getActiveKey("opened", "openai");
      (await coreOf(at.manager)).resolver.clear();
    }
    expect((await openings("opened")).toSorted()).toEqual([`manager key.opened ${key}`, `manager key.opened ${key}`, `user:opened key.opened ${key}`]);
  });

  test("a shared key's are in its organization's trail, one for each member, however many come at once", async () => {
    await at.manager.setMember({ organizationId: "team", userId: "lead", role: "owner" });
    const members = Array.from({ length: 20 }, (_, index) => `member-${index}`);
    for (const userId of members) await at.manager.setMember({ organizationId: "team", userId, role: "member" });
    const key = await add({ organizationId: "team" }, { sharedAccess: true });
    await Promise.all(members.flatMap((userId) => [1, 2, 3].map(() => at.manager.as({ userId }).getActiveKey(userId, "openai"))));
    expect((await openings({ organizationId: "team" })).toSorted()).toEqual(members.map((userId) => `user:${userId} key.opened ${key}`).toSorted());
    expect(await at.manager.verifyAudit({ organizationId: "team" })).toMatchObject({ ok: true });
  });

  test("a default out of the configuration is no record, and makes none", async () => {
    const configured = at.another({ systemKeys: { openai: { apiKey: openaiKey() } } });
    expect((await configured.getActiveKey("without", "openai")).source).toBe("system");
    expect(await trail("without")).toEqual([]);
  });

  test("over the service a reveal is an event each time, the opening one once", async () => {
    const key = await add({ userId: "revealed" });
    const { token, id } = await createServiceToken(await coreOf(at.manager), "manager", { name: "x", scopes: ["keys:reveal"], owner: { userId: "revealed" } });
    for (let round = 0; round < 2; round += 1) await at.manager.as({ serviceToken: token }).getActiveKey("revealed", "openai");
    expect(said((await trail("revealed", { actor: `token:${id}` })).toReversed())).toEqual([`token:${id} key.opened ${key}`, `token:${id} key.revealed ${key}`, `token:${id} key.revealed ${key}`]);
  });
});

describe("S-86: refusals", () => {
  test("are one event a minute for a caller and a reason, with their count, in the caller's own trail", async () => {
    await add({ userId: "victim" });
    const core = await coreOf(at.manager);
    const time = { now: 1_000 };
    const work: Promise<unknown>[] = [];
    const parts = { ...core, background: (one: Promise<unknown>) => void work.push(one), clock: { now: () => core.clock.now(), monotonic: () => time.now } };
    const refusals = new Refusals(parts);
    const scope = { ...(await scopeFor(at.manager, { userId: "nosy" })) };
    const settle = async (): Promise<void> => void (await Promise.all(work.splice(0)));
    const refuse = async (call: (byok: BYOK) => Promise<unknown>): Promise<void> => {
      const error: unknown = await call(at.manager.as({ userId: "other-nosy" })).catch((one: unknown) => one);
      refusals.note(scope, Object.assign(new (error as { constructor: new (text: string, options: object) => Error }).constructor("x", { details: (error as { details: object }).details })));
    };
    for (let round = 0; round < 5; round += 1) await refuse((byok) => byok.listKeys("victim"));
    await settle();
    await refuse((byok) => byok.listAuditEvents("victim"));
    await settle();
    const counts = async (): Promise<unknown[]> => (await trail("nosy")).toReversed().map(({ actor, action, details }) => [actor, action, details["action"], details["count"]]);
    expect(await counts()).toEqual([["user:nosy", "access.refused", "keys:read", 1], ["user:nosy", "access.refused", "audit:read", 1]]);
    time.now += 59_999;
    refusals.sweep();
    await settle();
    expect(await counts()).toHaveLength(2);
    time.now += 1;
    refusals.sweep();
    await settle();
    expect((await counts())[2]).toEqual(["user:nosy", "access.refused", "keys:read", 4]);
    refusals.close();
    await settle();
    expect(await counts()).toHaveLength(3);
    expect(await trail("victim", { action: "access.refused" })).toEqual([]);
  });

  test("come from every refused call of the interface, once each", async () => {
    const nosy = at.manager.as({ userId: "curious" });
    await expect(nosy.listKeys("somebody")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect.poll(async () => said(await trail("curious"))).toEqual(["user:curious access.refused -"]);
  });
});

describe("S-90: append only", () => {
  test.each(["app", "operator", "worker", "schema"])("the role %s changes, deletes and truncates no event", async (name) => {
    const role = `byok_${name}_${(await coreOf(at.manager)).database.installation.id}`;
    const { rows: owners } = await admin.query<{ owner_id: string }>("select owner_id from byok.owners");
    for (const statement of ["update byok.audit_events set actor = 'x'", "delete from byok.audit_events", "truncate byok.audit_events", "update byok.audit_events set mac_key_version = 2", "alter table byok.audit_events disable trigger append_only"]) {
      await admin.query("begin");
      await admin.query("select set_config('byok.owners', $1, true)", [`{${owners.map((one) => one.owner_id).join(",")}}`]);
      await admin.query(`set local role "${role}"`);
      // The tables' owner may take the trigger away: that is why links are signed.
      const refused = !(name === "schema" && statement.startsWith("alter"));
      const outcome = await admin.query(statement).then(() => "done", (error: { code?: string }) => error.code);
      await admin.query("rollback");
      expect([statement, outcome]).toEqual([statement, refused ? "42501" : "done"]);
    }
  });
});

describe("S-91: what is personal in a trail", () => {
  const texts = ["person-one@example.com", "person-two@example.com", "An alias that somebody wrote", "a-tag-of-theirs"];
  const raw = async (): Promise<string> => {
    const { rows } = await admin.query("select (select string_agg(e::text, ' ') from byok.audit_events e) || (select string_agg(n::text, ' ') from byok.audit_names n) || (select string_agg(h::text, ' ') from byok.audit_heads h) as text");
    return rows[0].text as string;
  };

  test("no person's id, alias or tag stands in it; who may read it is told who it was", async () => {
    const org = { organizationId: "persons" };
    await at.manager.setMember({ ...org, userId: texts[0]!, role: "owner" });
    const byok = at.manager.as({ userId: texts[0]! });
    await byok.setMember({ ...org, userId: texts[1]!, role: "admin" });
    const key = await byok.addKey({ ...org, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", alias: texts[2]!, tags: [texts[3]!] });
    await byok.updateKey(key.id, { alias: `${texts[2]} again` });
    for (const text of texts) expect(await raw()).not.toContain(text);
    expect(said((await trail(org)).toReversed())).toEqual([
      `manager member.set user:${texts[0]}`, `user:${texts[0]} member.set user:${texts[1]}`, `user:${texts[0]} key.added ${key.id}`, `user:${texts[0]} key.updated ${key.id}`,
    ]);
    expect(said(await trail(org, { target: `user:${texts[1]}` }))).toEqual([`user:${texts[0]} member.set user:${texts[1]}`]);
    expect(await trail(org, { actor: `user:${texts[0]}` })).toHaveLength(3);
    expect(await trail(org, { actor: "user:nobody-known" })).toEqual([]);
  });

  test("once the owner's keys are gone the trail proves itself, and names nobody", async () => {
    const { id } = (await coreOf(at.manager)).ownerRef({ organizationId: "persons" });
    const events = (await at.manager.verifyAudit({ organizationId: "persons" })).events;
    // What deleting an owner does to its keys and its trail.
    for (const table of ["keys", "audit_names", "tenant_keys"]) await admin.query(`delete from byok.${table} where owner_id = $1`, [id]);
    await admin.query("update byok.owners set deleted_at = now() where owner_id = $1", [id]);
    const core = await coreOf(at.manager);
    core.keyring.forget(id);
    await core.database.inTenant({ owners: [id] }, async (trx) => {
      const { appendAudit } = await import("./append.ts");
      await appendAudit(trx, core, { ownerId: id, actor: `user:${texts[0]}`, action: "owner.deleted", target: null });
    });
    const shown = JSON.stringify(await trail({ organizationId: "persons" }));
    for (const text of texts) expect(shown).not.toContain(text);
    expect(shown).toMatch(/user:nam_[0-9a-f]{32}/);
    expect(await at.manager.verifyAudit({ organizationId: "persons" })).toEqual({ ok: true, events: events + 1, head: expect.any(String) as string, brokenAt: null });
    const { rows } = await admin.query("select 1 from byok.tenant_keys where owner_id = $1 union all select 1 from byok.audit_names where owner_id = $1", [id]);
    expect(rows).toEqual([]);
  });
});

describe("listAuditEvents", () => {
  let key: string;
  beforeAll(async () => {
    key = await add({ userId: "lister" });
    for (let priority = 1; priority <= 5; priority += 1) await at.manager.updateKey(key, { priority });
  });

  test("newest first, in pages, each event once", async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<BYOK["listAuditEvents"]>> = await at.manager.listAuditEvents("lister", { limit: 4, ...(cursor !== null && { cursor }) });
      seen.push(...[...page].map(({ action }) => action));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([...Array.from({ length: 5 }, () => "key.updated"), "key.added"]);
  });

  test("an event has what the contract names, and no more", async () => {
    const [event] = await trail("lister", { action: "key.added" });
    expect(event).toEqual({
      id: expect.stringMatching(/^aud_[0-9a-f]{32}$/), at: expect.any(Date), actor: "manager", action: "key.added", target: key, owner: { userId: "lister" }, ip: null,
      details: { provider: "openai", environment: "production", version: 1, envelope: expect.stringMatching(/^[0-9a-f]{64}$/) }, hash: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  test("by action, target, actor and time", async () => {
    expect(await trail("lister", { action: "key.updated" })).toHaveLength(5);
    expect(await trail("lister", { target: key })).toHaveLength(6);
    expect(await trail("lister", { target: "key_x" })).toEqual([]);
    expect(await trail("lister", { actor: "manager" })).toHaveLength(6);
    expect(await trail("lister", { timeRange: "1h" })).toHaveLength(6);
    expect(await trail("lister", { timeRange: { from: new Date(0), to: new Date(1) } })).toEqual([]);
  });

  test("B-28: a cursor of another owner or filter, a forged one and rubbish are refused", async () => {
    const { nextCursor } = await at.manager.listAuditEvents("lister", { limit: 1 });
    const tries: [Parameters<BYOK["listAuditEvents"]>[0], object][] = [
      ["nobody", { cursor: nextCursor }], ["lister", { cursor: nextCursor, action: "key.updated" }], ["lister", { cursor: `${nextCursor?.slice(0, -1)}${nextCursor?.endsWith("A") ? "B" : "A"}` }], ["lister", { cursor: "3" }],
    ];
    for (const [owner, filter] of tries) await expect(at.manager.listAuditEvents(owner, filter)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  test("only who may read the trail reads or proves it", async () => {
    await at.manager.setMember({ organizationId: "guarded", userId: "g-owner", role: "owner" });
    await at.manager.setMember({ organizationId: "guarded", userId: "g-viewer", role: "viewer" });
    const owner = { organizationId: "guarded" };
    expect((await at.manager.as({ userId: "g-owner" }).listAuditEvents(owner)).items).toHaveLength(2);
    expect(await at.manager.as({ userId: "g-owner" }).verifyAudit(owner)).toMatchObject({ ok: true, events: 2 });
    for (const byok of [at.manager.as({ userId: "g-viewer" }), at.manager.as({ userId: "stranger" }), at.manager.as({ organizationId: "another", role: "owner" })]) {
      await expect(byok.listAuditEvents(owner)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      await expect(byok.verifyAudit(owner)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      await expect(byok.verifyAudit()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
    const core = await coreOf(at.manager);
    for (const [scopes, may] of [[["audit:read"], false], [["audit:read", "system"], false], [["audit:read", "system", "act:any"], true]] as const) {
      const { token } = await createServiceToken(core, "manager", { name: "x", scopes: [...scopes] });
      const proof = await at.manager.as({ serviceToken: token }).verifyAudit().then(({ ok }) => ok, () => "refused");
      expect([scopes, proof]).toEqual([scopes, may ? true : "refused"]);
    }
  });
});

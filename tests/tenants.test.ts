import pg from "pg";
import { BYOKError, ProviderType, type BYOK } from "@stack-2025/byok-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey, openInstallation, type TestInstallation } from "./installation.ts";

/** What a caller can tell from an answer: the class and everything that it says, with the id they asked for taken out. */
async function told(ask: Promise<unknown>, id: string): Promise<unknown> {
  const error: unknown = await ask.then((value) => ({ answered: value }), (reason: unknown) => reason);
  if (!(error instanceof BYOKError)) return error;
  return JSON.parse(JSON.stringify({ ...Object.fromEntries(Object.entries(error)), name: error.name, code: error.code, message: error.message, details: error.details }).replaceAll(id, "ID"));
}

describe("S-34, S-39: one tenant sees nothing of another", () => {
  let place: TestInstallation;
  let alice: BYOK;
  let bobsKey: string;
  let sharedKey: string;
  /** Of the right shape, and nobody's. */
  const nobodys = (like: string): string => like.slice(0, -6) + "zzzzzz";

  beforeAll(async () => {
    place = await openInstallation();
    const { manager } = place;
    const key = (name: string) => ({ provider: ProviderType.OPENAI, keyData: { apiKey: openaiKey(name) } });
    await manager.addKey({ userId: "alice", ...key("alices") });
    bobsKey = (await manager.addKey({ userId: "bob", ...key("bobs"), alias: "Bob's" })).id;
    await manager.setMember({ organizationId: "acme", userId: "bob", role: "owner" });
    sharedKey = (await manager.addKey({ organizationId: "acme", ...key("acmes"), sharedAccess: true })).id;
    await manager.recordUsage({ keyId: bobsKey, model: "gpt-4o-mini", inputTokens: 5, outputTokens: 7 });
    alice = manager.as({ userId: "alice" });
  });
  afterAll(() => place[Symbol.asyncDispose]());

  // Every method that takes a key's id. A new one belongs in this table.
  const byKey: [name: string, call: (byok: BYOK, keyId: string) => Promise<unknown>][] = [
    ["getKey", (byok, keyId) => byok.getKey(keyId)],
    ["updateKey", (byok, keyId) => byok.updateKey(keyId, { alias: "mine now" })],
    ["deleteKey", (byok, keyId) => byok.deleteKey(keyId)],
    ["testKey", (byok, keyId) => byok.testKey(keyId)],
    ["rotateKey", (byok, keyId) => byok.rotateKey(keyId, { apiKey: openaiKey("planted") })],
    ["rollbackKey", (byok, keyId) => byok.rollbackKey(keyId)],
    ["getKeyHealth", (byok, keyId) => byok.getKeyHealth(keyId)],
    ["getUsageStats", (byok, keyId) => byok.getUsageStats(keyId)],
    ["recordUsage", (byok, keyId) => byok.recordUsage({ keyId, inputTokens: 1 })],
    ["getActiveKey", (byok, keyId) => byok.getActiveKey("alice", ProviderType.OPENAI, { keyId })],
    ["getProviderConfig", (byok, keyId) => byok.getProviderConfig("alice", ProviderType.OPENAI, { keyId })],
    ["withKey", (byok, keyId) => byok.withKey("alice", ProviderType.OPENAI, async (key) => key.keyId, { keyId })],
    ["fetchFor", (byok, keyId) => byok.fetchFor("alice", ProviderType.OPENAI, { keyId })("https://api.openai.com/v1/models")],
  ];

  test.each(byKey)("%s answers a foreign key's id exactly like an unknown one", async (_name, call) => {
    for (const foreign of [bobsKey, sharedKey]) {
      const unknown = nobodys(foreign);
      const answer = await told(call(alice, foreign), foreign);
      expect(answer).toEqual(await told(call(alice, unknown), unknown));
      expect(answer).toMatchObject({ name: "KeyNotFoundError", code: "KEY_NOT_FOUND" });
    }
  });

  test.each(byKey.slice(0, 9))("%s answers text that is no id like an unknown one", async (_name, call) => {
    const unknown = nobodys(bobsKey);
    for (const text of ["x", "key_", "' or 1=1 --", "key_\u0000", "k".repeat(10_000)]) {
      expect(await told(call(alice, text), text)).toEqual(await told(call(alice, unknown), unknown));
    }
  });

  // Every method that names an owner.
  const byOwner: [name: string, call: (byok: BYOK, owner: { userId: string } | { organizationId: string }) => Promise<unknown>][] = [
    ["listKeys", (byok, owner) => byok.listKeys(owner)],
    ["addKey", (byok, owner) => byok.addKey({ ...owner, provider: ProviderType.OPENAI, keyData: { apiKey: openaiKey("planted") } })],
    ["getActiveKey", (byok, owner) => byok.getActiveKey(owner, ProviderType.OPENAI)],
    ["getProviderConfig", (byok, owner) => byok.getProviderConfig(owner, ProviderType.OPENAI)],
    ["withKey", (byok, owner) => byok.withKey(owner, ProviderType.OPENAI, async (key) => key.keyId)],
    ["fetchFor", (byok, owner) => byok.fetchFor(owner, ProviderType.OPENAI)("https://api.openai.com/v1/models")],
    ["listAuditEvents", (byok, owner) => byok.listAuditEvents(owner)],
    ["verifyAudit", (byok, owner) => byok.verifyAudit(owner)],
    ["explain", (byok, owner) => byok.explain(owner, ProviderType.OPENAI)],
    ["validateAllKeys", (byok, owner) => byok.validateAllKeys(owner)],
    ["getOwnerPolicy", (byok, owner) => byok.getOwnerPolicy(owner)],
    ["setOwnerPolicy", (byok, owner) => byok.setOwnerPolicy(owner, { ownKeysOnly: true })],
    ["deleteOwner", (byok, owner) => byok.deleteOwner(owner)],
    ["listMembers", (byok, owner) => byok.listMembers("organizationId" in owner ? owner.organizationId : owner.userId)],
    [
      "setMember",
      (byok, owner) => byok.setMember({ organizationId: "organizationId" in owner ? owner.organizationId : owner.userId, userId: "alice", role: "owner" }),
    ],
    ["removeMember", (byok, owner) => byok.removeMember({ organizationId: "organizationId" in owner ? owner.organizationId : owner.userId, userId: "bob" })],
  ];

  test.each(byOwner)("%s answers for an owner who exists as for one who does not", async (_name, call) => {
    for (const [foreign, unknown] of [["bob", "nob"], ["acme", "none"]] as const) {
      const kinds = foreign === "bob" ? (id: string) => ({ userId: id }) : (id: string) => ({ organizationId: id });
      const answer = await told(call(alice, kinds(foreign)), foreign);
      expect(answer).toEqual(await told(call(alice, kinds(unknown)), unknown));
      expect(answer).toMatchObject({ name: "PermissionDeniedError" });
    }
  });

  test("nothing of all that has changed anything, or reached a provider", async () => {
    expect((await place.manager.getKey(bobsKey)).alias).toBe("Bob's");
    expect([...(await place.manager.listKeys("bob"))]).toHaveLength(1);
    expect(await place.manager.listMembers("acme")).toMatchObject([{ userId: "bob", role: "owner" }]);
    expect((await place.manager.getUsageStats(bobsKey)).tokens).toBe(12);
    expect(place.sandbox.ledger.entries({ key: openaiKey("bobs") }).map((entry) => entry.path)).toEqual(["/v1/models"]);
    expect(place.sandbox.ledger.calls(openaiKey("planted"))).toBe(0);
  });

  test("the twin: the owner of each key is answered", async () => {
    const bob = place.manager.as({ userId: "bob" });
    expect((await bob.getKey(bobsKey)).id).toBe(bobsKey);
    expect((await bob.getActiveKey("bob", ProviderType.OPENAI)).decryptedKey).toBe(openaiKey("bobs"));
    expect((await bob.getKey(sharedKey)).id).toBe(sharedKey);
  });

  test("as the app's role no table shows a row without owners, and with one owner's none of another's", async () => {
    const client = new pg.Client({ connectionString: place.databaseUrl });
    await client.connect();
    const { rows: roles } = await client.query<{ rolname: string }>(
      "select r.rolname from pg_roles r, byok.installation i where r.rolname like 'byok_app%' and r.rolname like '%' || replace(i.installation_id, 'i', '') || '%'",
    );
    const { rows: tables } = await client.query<{ relname: string }>(
      `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'owner_id' and not a.attisdropped
       where c.relnamespace = 'byok'::regnamespace and c.relkind in ('r', 'p') order by 1`,
    );
    const { rows: owners } = await client.query<{ owner_id: string; external_id: string }>("select owner_id, external_id from byok.owners");
    const [role] = roles;
    expect(role).toBeDefined();
    expect(tables.length).toBeGreaterThan(10);
    const ownerOf = (externalId: string): string => owners.find((owner) => owner.external_id === externalId)?.owner_id ?? "";

    const seen = async (owner: string | undefined): Promise<Map<string, string[]>> => {
      await client.query("begin");
      await client.query(`set local role ${client.escapeIdentifier(role?.rolname ?? "")}`);
      if (owner !== undefined) await client.query("select set_config('byok.owners', $1, true)", [`{${owner}}`]);
      const found = new Map<string, string[]>();
      for (const { relname } of tables) {
        await client.query("savepoint look");
        try {
          const { rows } = await client.query<{ owner_id: string }>(`select distinct owner_id from byok.${client.escapeIdentifier(relname)}`);
          if (rows.length > 0) found.set(relname, rows.map((row) => row.owner_id));
        } catch (error) {
          // A table that the role may not read at all shows no row either.
          if ((error as { code?: string }).code !== "42501") throw error;
          await client.query("rollback to look");
        }
      }
      await client.query("rollback");
      return found;
    };
    const withoutOwners = await seen(undefined);
    expect([...withoutOwners]).toEqual([]);
    const asAlice = await seen(ownerOf("alice"));
    expect([...asAlice.keys()]).toContain("key_versions");
    expect([...new Set([...asAlice.values()].flat())]).toEqual([ownerOf("alice")]);
    await client.end();
  });
});

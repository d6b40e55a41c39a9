import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServiceToken, revokeServiceToken } from "../access/service-token.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf } from "../manager.ts";
import { exportAnchor, readAnchors, type Anchors } from "./anchor.ts";
import { hashOf, linkBytes } from "./chain.ts";
import { linksOf, verifyTrails } from "./verify.ts";

// What somebody with SQL and every right does to the trail, triggers off; and that it is found, with its place.

let at: Installation;
let admin: pg.Client;
let ids: Record<string, string>;
let installationId: string;

beforeAll(async () => {
  at = await openInstallation();
  admin = new pg.Client({ connectionString: at.connectionString });
  await admin.connect();
  await admin.query("set session_replication_role = replica");
  for (const userId of ["alice", "bob"]) {
    const { id } = await at.manager.addKey({ userId, provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip", alias: `alias of ${userId}` });
    for (const priority of [1, 2, 3, 4]) await at.manager.updateKey(id, { priority });
  }
  const core = await coreOf(at.manager);
  installationId = core.database.installation.id;
  ids = Object.fromEntries(["alice", "bob"].map((userId) => [userId, core.ownerRef(userId).id]));
});
afterAll(async () => {
  await admin.end();
  await at[Symbol.asyncDispose]();
});

/** Does it, looks, and takes it back. */
async function withSql<T>(statements: readonly string[], look: () => Promise<T>): Promise<T> {
  const tables = ["audit_events", "audit_heads", "keys", "key_versions", "service_tokens"];
  for (const table of tables) await admin.query(`create temporary table kept_${table} as select * from byok.${table}`);
  try {
    for (const statement of statements) await admin.query(statement, statement.includes("$1") ? [ids["alice"]] : []);
    return await look();
  } finally {
    for (const table of tables.toReversed()) await admin.query(`delete from byok.${table}`);
    for (const table of tables) await admin.query(`insert into byok.${table} select * from kept_${table}`);
    for (const table of tables) await admin.query(`drop table kept_${table}`);
  }
}

const onAlice = (what: string): string => what.replaceAll(/\bE\b/g, "byok.audit_events").replaceAll(/\bH\b/g, "byok.audit_heads").replaceAll("MINE", "owner_id = $1");

describe("S-87: a trail that was changed by SQL is found, and the place is named", () => {
  test("an untouched one proves itself, alone and among all", async () => {
    const alone = await at.manager.verifyAudit("alice");
    expect(alone).toEqual({ ok: true, events: 5, head: expect.stringMatching(/^[\w-]{43}$/) as string, brokenAt: null });
    const { rows } = await admin.query("select hash from byok.audit_heads where owner_id = $1", [ids["alice"]]);
    expect(alone.head).toBe(rows[0].hash);
    expect(await at.manager.verifyAudit()).toMatchObject({ ok: true, events: 10, brokenAt: null });
    expect(await at.manager.verifyAudit("nobody")).toMatchObject({ ok: true, events: 0 });
  });

  const forgedHash = "encode(sha256('forged'), 'base64')";
  const mutations: [name: string, statements: string[], brokenAt: RegExp][] = [
    ...["actor = 'user:mallory'", "action = 'key.tested'", "target = null", "details = '{}'", "details = details || '{\"x\":1}'", "ip = '10.0.0.1'", "event_id = 'aud_00000000000000000000000000000000'", "at = at + interval '1 microsecond'", "at = at - interval '1 day'"].map(
      (set): [string, string[], RegExp] => [`edited: ${set}`, [onAlice(`update E set ${set} where MINE and seq = 3`)], /^user:alice#3: .*changed/],
    ),
    ["its MAC changed", [onAlice("update E set mac = repeat('A', 43) where MINE and seq = 3")], /^user:alice#3: .*not signed/],
    ["signed under another version of the key", [onAlice("update E set mac_key_version = 7 where MINE and seq = 3")], /^user:alice#3: .*version 7/],
    ["the first deleted", [onAlice("delete from E where MINE and seq = 1")], /^user:alice#1: .*missing/],
    ["one in the middle deleted", [onAlice("delete from E where MINE and seq = 3")], /^user:alice#3: .*missing/],
    ["one in the middle deleted and the gap closed", [onAlice("delete from E where MINE and seq = 3"), onAlice("update E set seq = seq - 1 where MINE and seq > 3"), onAlice("update H set seq = 4 where MINE")], /^user:alice#3: /],
    ["two exchanged", [onAlice("update E set seq = 12 where MINE and seq = 2"), onAlice("update E set seq = 2 where MINE and seq = 3"), onAlice("update E set seq = 3 where MINE and seq = 12")], /^user:alice#2: /],
    ["one inserted in the middle", [onAlice("update E set seq = -seq - 1 where MINE and seq > 2"), onAlice("update E set seq = -seq where MINE and seq < 0"), onAlice("insert into E select owner_id, 3, event_id, at, actor, action, target, details, ip, previous_hash, hash, mac from E where MINE and seq = 2"), onAlice("update H set seq = 6 where MINE")], /^user:alice#3: /],
    ["one added at the end", [onAlice(`insert into E select owner_id, 6, event_id, at, actor, 'key.deleted', target, details, ip, hash, ${forgedHash}, mac from E where MINE and seq = 5`)], /^user:alice#6: /],
    ["the last said again", [onAlice("insert into E select owner_id, 6, event_id, at, actor, action, target, details, ip, previous_hash, hash, mac from E where MINE and seq = 5"), onAlice("update H set seq = 6 where MINE")], /^user:alice#6: /],
    ["the tail cut", [onAlice("delete from E where MINE and seq > 3")], /^user:alice#4: .*cut/],
    ["all events taken away", [onAlice("delete from E where MINE")], /^user:alice#1: /],
    ["all events and the head taken away", [onAlice("delete from E where MINE"), onAlice("delete from H where MINE")], /^user:alice#1: /],
    ["the head taken away", [onAlice("delete from H where MINE")], /^user:alice#6: .*head/],
    ["the head set back", [onAlice("update H set seq = 4 where MINE")], /^user:alice#5: .*behind the head/],
    ["the head changed", [onAlice("update H set hash = 'x' where MINE")], /^user:alice#5: .*head/],
    [
      "exchanged with the same link of another owner",
      [
        `update byok.audit_events set seq = 99 where owner_id = '$ALICE' and seq = 3`, `update byok.audit_events set seq = 98, owner_id = '$ALICE' where owner_id = '$BOB' and seq = 3`,
        `update byok.audit_events set seq = 3, owner_id = '$BOB' where owner_id = '$ALICE' and seq = 99`, `update byok.audit_events set seq = 3 where owner_id = '$ALICE' and seq = 98`,
      ],
      /^user:alice#3: .*changed, or belongs elsewhere/,
    ],
    ["two owners' whole trails exchanged", ["update byok.audit_events set owner_id = case owner_id when '$ALICE' then '$BOB'::uuid else '$ALICE'::uuid end, seq = seq + 100", "update byok.audit_events set seq = seq - 100"], /^user:alice#1: /],
  ];
  test.each(mutations)("%s", async (_, statements, brokenAt) => {
    const named = statements.map((one) => one.replaceAll("$ALICE", ids["alice"] ?? "").replaceAll("$BOB", ids["bob"] ?? ""));
    await withSql(named, async () => {
      const proof = await at.manager.verifyAudit("alice");
      expect(proof).toMatchObject({ ok: false, brokenAt: expect.stringMatching(brokenAt) });
      const all = await at.manager.verifyAudit();
      expect(all.ok).toBe(false);
      expect(all.brokenAt).toMatch(/^user:(alice|bob)#/);
    });
    expect(await at.manager.verifyAudit()).toMatchObject({ ok: true, brokenAt: null });
  });

  test("one edited, and every hash from there on computed anew, down to the head: the signatures are missing", async () => {
    const core = await coreOf(at.manager);
    await withSql([onAlice("update E set action = 'key.tested' where MINE and seq = 3")], async () => {
      let previous: string | undefined;
      for await (const link of linksOf(core, [ids["alice"] ?? ""], 2n)) {
        const hash = hashOf(linkBytes({ ...link, previous_hash: previous ?? link.previous_hash }));
        await admin.query("update byok.audit_events set hash = $3, previous_hash = $4 where owner_id = $1 and seq = $2", [link.owner_id, link.seq, hash, previous ?? link.previous_hash]);
        previous = hash;
      }
      await admin.query("update byok.audit_heads set hash = $2 where owner_id = $1", [ids["alice"], previous]);
      expect((await at.manager.verifyAudit("alice")).brokenAt).toBe("user:alice#3: the event is not signed by this installation");
    });
  });

  test("several owners at fault are all reported", async () => {
    const core = await coreOf(at.manager);
    await withSql(["update byok.audit_events set actor = 'x' where seq = 2"], async () => {
      expect((await verifyTrails(core, {})).faults.map(({ owner, seq }) => `${owner}#${seq}`).toSorted()).toEqual(["user:alice#2", "user:bob#2"]);
    });
  });

  test("while others write it neither waits for them nor takes them for a fault", async () => {
    const { id } = await at.manager.addKey({ userId: "busy", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" });
    const done = { yet: false };
    const writing = (async () => {
      for (let priority = 1; priority <= 20; priority += 1) {
        await at.manager.updateKey(id, { priority });
        const other = await at.manager.addKey({ userId: "busy", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" });
        if (priority % 2) await at.manager.deleteKey(other.id);
      }
      done.yet = true;
    })();
    let looks = 0;
    while (!done.yet) {
      expect(await at.manager.verifyAudit("busy")).toMatchObject({ ok: true, brokenAt: null });
      looks += 1;
    }
    await writing;
    expect(looks).toBeGreaterThan(2);
    expect((await at.manager.verifyAudit("busy")).events).toBe(1 + 20 + 20 + 10);
  });
});

describe("S-88: anchors", () => {
  const anchorsOf = async (lines: unknown[]): Promise<Anchors> => readAnchors(await coreOf(at.manager), lines.map((line) => JSON.stringify(line)).join("\n"));
  const taken = async (): Promise<unknown[]> => {
    const lines: unknown[] = [];
    for await (const line of exportAnchor(await coreOf(at.manager))) lines.push(line);
    return lines;
  };
  /** The last link goes, and the head steps back to the one before: every signature is right. */
  const cut = [
    onAlice("update H h set seq = e.seq, hash = e.hash, mac = e.mac from E e where h.owner_id = $1 and e.owner_id = $1 and e.seq = 4"),
    onAlice("delete from E where MINE and seq > 4"),
  ];

  test("a tail that was cut with its head set back shows against an anchor, and against nothing else", async () => {
    const core = await coreOf(at.manager);
    const anchors = await anchorsOf(await taken());
    await withSql(cut, async () => {
      // Nothing in the database contradicts it: this is what only an anchor knows.
      expect(await verifyTrails(core, { ownerId: ids["alice"] })).toMatchObject({ ok: true, events: 4 });
      expect(await verifyTrails(core, { ownerId: ids["alice"], anchors })).toMatchObject({ ok: false, brokenAt: expect.stringMatching(/^user:alice#5: .*cut.*5 events/) });
      expect(await verifyTrails(core, { anchors })).toMatchObject({ ok: false });
    });
    expect(await verifyTrails(core, { anchors })).toMatchObject({ ok: true, brokenAt: null });
  });

  test("a link that was rewritten by a holder of the audit key shows", async () => {
    const core = await coreOf(at.manager);
    const anchors = await anchorsOf(await taken());
    await withSql(cut, async () => {
      const [key] = (await at.manager.listKeys("alice")).items;
      await at.manager.updateKey(key!.id, { priority: 77 });
      expect(await verifyTrails(core, { ownerId: ids["alice"] })).toMatchObject({ ok: true, events: 5 });
      expect(await verifyTrails(core, { ownerId: ids["alice"], anchors })).toMatchObject({ brokenAt: expect.stringMatching(/^user:alice#5: .*rewritten/) });
    });
  });

  test("an owner that was taken away whole shows", async () => {
    const core = await coreOf(at.manager);
    const ghost = { ownerId: "ffffffff-0000-4000-8000-000000000000" };
    const anchors: Anchors = new Map([[ghost.ownerId, new Map([["3", "x"]])]]);
    expect(await verifyTrails(core, { anchors })).toMatchObject({ ok: false, brokenAt: expect.stringMatching(`^${ghost.ownerId}#1: .*gone`) });
  });

  test("events after an anchor are no fault, and a log's line holds one too", async () => {
    const core = await coreOf(at.manager);
    const lines = await taken();
    const { id } = await at.manager.addKey({ userId: "later", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" });
    await at.manager.updateKey(id, { priority: 5 });
    const log = ["starting", JSON.stringify({ level: "info", msg: "x" }), ...lines.map((anchor) => JSON.stringify({ level: "info", anchor, msg: "audit anchor" })), '{"kind":"byok.audit.anchor", cut'].join("\n");
    expect(await verifyTrails(core, { anchors: readAnchors(core, log) })).toMatchObject({ ok: true });
  });

  test("the hourly export writes what changed, and again what was not known to be written", async () => {
    const core = await coreOf(at.manager);
    const changed = async (): Promise<string[]> => {
      const owners: string[] = [];
      for await (const line of exportAnchor(core, { changedOnly: true })) owners.push(...line.heads.map(([owner]) => owner));
      return owners;
    };
    expect((await changed()).length).toBeGreaterThan(2);
    expect(await changed()).toEqual([]);
    const [key] = (await at.manager.listKeys("bob")).items;
    await at.manager.updateKey(key!.id, { priority: 9 });
    for await (const line of exportAnchor(core, { changedOnly: true })) {
      expect(line.heads).toHaveLength(1);
      break; // Killed before the next line is asked for.
    }
    expect(await changed()).toEqual([ids["bob"]]);
    expect(await changed()).toEqual([]);
  });

  test("an anchor that was changed, is another installation's, or is none, is refused", async () => {
    const [line] = (await taken()) as { heads: [string, string, string][]; installation: string }[];
    const changed = { ...line, heads: line!.heads.map(([owner, , hash]) => [owner, "1", hash]) };
    for (const [lines, says] of [[[changed], /not signed by this installation/], [[{ ...line, installation: "i000000000000" }], /another installation/], [[], /no anchor/]] as const) {
      await expect(anchorsOf([...lines])).rejects.toThrow(says);
    }
    expect(line?.installation).toBe(installationId);
    expect(JSON.stringify(line)).not.toMatch(/alice|bob/);
  });
});

describe("S-89: a row that is not as the events say is found", () => {
  const live = async (): Promise<string | null> => (await at.manager.verifyAudit("rows")).brokenAt;
  let kept: string;
  let deleted: string;
  let revoked: string;
  beforeAll(async () => {
    const add = async () => (await at.manager.addKey({ userId: "rows", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" })).id;
    [kept, deleted] = [await add(), await add()];
    const core = await coreOf(at.manager);
    revoked = (await createServiceToken(core, "manager", { name: "x", scopes: ["keys:read", "keys:use"], owner: { userId: "rows" } })).id;
    await createServiceToken(core, "manager", { name: "y", scopes: ["keys:read"], owner: { userId: "rows" } });
    for (const table of ["keys", "key_versions", "service_tokens"]) await admin.query(`create temporary table before_${table} as select * from byok.${table}`);
    await at.manager.deleteKey(deleted);
    await revokeServiceToken(core, revoked);
  });

  test("as they are, they are sound", async () => {
    expect(await live()).toBeNull();
  });

  test("a record put back to other bytes", async () => {
    const older = `update byok.key_versions set sealed = '\\x01'::bytea where key_id = '${kept}'`;
    expect(await withSql([older], live)).toMatch(new RegExp(`^user:rows#1: ${kept} version 1 is not the envelope`));
  });

  test("a deleted key put back from an older copy", async () => {
    const back = [`insert into byok.keys select * from before_keys where key_id = '${deleted}'`, `insert into byok.key_versions select * from before_key_versions where key_id = '${deleted}'`];
    expect(await withSql(back, live)).toMatch(new RegExp(`^user:rows#5: ${deleted} version 1 is there again after it was deleted`));
  });

  test("a key taken away without an event", async () => {
    expect(await withSql([`delete from byok.key_versions where key_id = '${kept}'`, `delete from byok.keys where key_id = '${kept}'`], live)).toMatch(/^user:rows#1: key_\w+ version 1 is gone/);
  });

  test("a version that no event made, and one made the live one", async () => {
    const planted = `insert into byok.key_versions (owner_id, key_id, version, sealed, tenant_key_version, created_at) select owner_id, key_id, 2, sealed, tenant_key_version, now() from byok.key_versions where key_id = '${kept}'`;
    expect(await withSql([planted], live)).toMatch(/^user:rows#-: key_\w+ version 2 no event made it/);
    expect(await withSql([`update byok.keys set live_version = 2 where key_id = '${kept}'`], live)).toMatch(/^user:rows#1: key_\w+ version 1 is gone/);
  });

  test("a revoked token in use again, one with more scopes, one with another's hash, and one that nobody made", async () => {
    expect(await withSql([`delete from byok.service_tokens where token_id = '${revoked}'`, `insert into byok.service_tokens select * from before_service_tokens where token_id = '${revoked}'`], live)).toMatch(/^user:rows#6: tok_\w+ is in use again after it was revoked/);
    expect(await withSql([`update byok.service_tokens set scopes = scopes || '{keys:reveal}' where name = 'y'`], live)).toMatch(/^user:rows#4: tok_\w+ has other scopes/);
    expect(await withSql([`update byok.service_tokens set hash = 'mine' where name = 'y'`], live)).toMatch(/^user:rows#4: tok_\w+ is not the token/);
    expect(await withSql([`update byok.service_tokens set token_id = 'tok_planted' where name = 'y'`], live)).toMatch(/^user:rows#-: tok_planted no event made it/);
    expect(await live()).toBeNull();
  });
});

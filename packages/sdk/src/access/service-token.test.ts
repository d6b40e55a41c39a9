import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenHash } from "@stack-2025/byok-crypto";
import type { Clock } from "../clock.ts";
import type { Core } from "../core.ts";
import { BYOKManager, coreOf } from "../manager.ts";
import { authenticate, createServiceToken, listServiceTokens, revokeServiceToken, tokenIdOf } from "./service-token.ts";

let database: TestDatabase;
let manager: BYOKManager;
let core: Core;
beforeAll(async () => {
  database = await createTestDatabase();
  manager = new BYOKManager({ encryptionKey: randomBytes(32), database: database.connectionString });
  core = await coreOf(manager);
});
afterAll(async () => {
  await manager.close();
  await database.drop();
});

/** The same process, at another time. */
function at(shift: { ms: number }): Core {
  const clock: Clock = { now: () => new Date(core.clock.now().getTime() + shift.ms), monotonic: () => core.clock.monotonic() + shift.ms };
  return { ...core, clock };
}
const refused = { code: "UNAUTHENTICATED" };

describe("a service token", () => {
  test("is the first thing that a new installation can make, and says who presents it", async () => {
    const made = await createServiceToken(core, "cli", { name: "first", scopes: ["keys:read", "act:any"] });
    expect(made).toMatchObject({ id: expect.stringMatching(/^tok_[0-9a-f]{32}$/) as string, scopes: ["keys:read", "act:any"], expiresAt: null });
    expect(made.token).toMatch(/^byok_[0-9a-f]{32}_[\w-]{43}_[0-9a-f]{8}$/);
    expect(await authenticate(core, made.token)).toEqual({ kind: "token", tokenId: made.id, owner: null, scopes: ["keys:read", "act:any"] });
  });

  test("is bound to its owner", async () => {
    const user = await createServiceToken(core, "cli", { name: "u", scopes: ["keys:use"], owner: { userId: "alice" } });
    const organization = await createServiceToken(core, "cli", { name: "o", scopes: ["keys:use"], owner: { organizationId: "acme" } });
    expect((await authenticate(core, user.token)).owner).toEqual({ userId: "alice" });
    expect((await authenticate(core, organization.token)).owner).toEqual({ organizationId: "acme" });
  });

  test("is nowhere in the database but as a hash", async () => {
    const made = await createServiceToken(core, "cli", { name: "hashed", scopes: ["keys:use"], owner: { userId: "alice" } });
    const rows = await core.database.read<{ row: string }>(
      { owners: [], lookup: { tokenId: made.id } },
      { name: "test_token_row", text: "select row_to_json(t)::text as row from byok.service_tokens t where token_id = $1", values: [made.id] },
    );
    expect(rows[0]?.row).toContain(tokenHash(made.token));
    expect(rows[0]?.row).not.toContain(made.token.split("_").slice(2, -1).join("_"));
  });

  test("ends at its expiry, also where this process has just seen it", async () => {
    const made = await createServiceToken(core, "cli", { name: "short", scopes: ["keys:use"], expiresInMs: 60_000 });
    const shift = { ms: 0 };
    const later = at(shift);
    await authenticate(later, made.token);
    shift.ms = 59_000;
    await expect(authenticate(later, made.token)).resolves.toBeDefined();
    shift.ms = 60_001;
    await expect(authenticate(later, made.token)).rejects.toMatchObject(refused);
  });

  test("S-52: ends in this process at once, and in every other within a second", async () => {
    const made = await createServiceToken(core, "cli", { name: "ends", scopes: ["keys:use"] });
    const shift = { ms: 0 };
    const other = at(shift);
    await authenticate(core, made.token);
    await authenticate(other, made.token);
    await revokeServiceToken(core, made.id, "test");
    await expect(authenticate(core, made.token)).rejects.toMatchObject(refused);
    shift.ms = 1_000;
    await expect(authenticate(other, made.token)).rejects.toMatchObject(refused);
  });

  test("that was revoked can be revoked again; one that is none cannot", async () => {
    const made = await createServiceToken(core, "cli", { name: "twice", scopes: ["keys:use"] });
    await revokeServiceToken(core, made.id);
    await expect(revokeServiceToken(core, made.id)).resolves.toBeUndefined();
    for (const id of [`tok_${"0".repeat(32)}`, "nonsense", ""]) await expect(revokeServiceToken(core, id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("that callers present together costs one read, and none for the next second", async () => {
    const made = await createServiceToken(core, "cli", { name: "busy", scopes: ["keys:use"] });
    const before = core.database.roundTrips;
    await Promise.all(Array.from({ length: 100 }, () => authenticate(core, made.token)));
    await authenticate(core, made.token);
    expect(core.database.roundTrips - before).toBe(1);
  });

  test("is in its owner's list, and in the audit of its owner", async () => {
    const made = await createServiceToken(core, "user:carol", { name: "listed", scopes: ["keys:use"], owner: { userId: "carol" } });
    await revokeServiceToken(core, made.id, "user:carol");
    expect(await listServiceTokens(core, { userId: "carol" })).toEqual([
      { id: made.id, name: "listed", owner: { userId: "carol" }, scopes: ["keys:use"], createdAt: expect.any(Date) as Date, expiresAt: null, revokedAt: expect.any(Date) as Date },
    ]);
    expect((await listServiceTokens(core)).map((one) => one.id)).not.toContain(made.id);
    const { owner_id: owner } = (
      await core.database.read<{ owner_id: string }>({ owners: [], lookup: { tokenId: made.id } }, { name: "test_token_owner", text: "select owner_id from byok.service_tokens where token_id = $1", values: [made.id] })
    )[0]!;
    const events = await core.database.inTenant({ owners: [owner] }, (trx) => trx.selectFrom("audit_events").select(["actor", "action", "target"]).where("target", "=", made.id).orderBy("seq").execute());
    const carol = expect.stringMatching(/^user:nam_[0-9a-f]{32}$/) as string;
    expect(events).toEqual([
      { actor: carol, action: "token.created", target: made.id },
      { actor: carol, action: "token.revoked", target: made.id },
    ]);
  });
});

/** Everything that a refusal says. */
async function say(text: string): Promise<string> {
  return JSON.stringify(await authenticate(core, text).catch((thrown: unknown) => thrown));
}

describe("what is no token is refused in the same words", () => {
  test("without a read where form or check are wrong; with one where they are right", async () => {
    const { token } = await createServiceToken(core, "cli", { name: "typo", scopes: ["keys:use"] });
    const neutral = await say("");
    const before = core.database.roundTrips;
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom("0", "a", "Z", "_", "-", "."), async (index, character) => {
        fc.pre(token[index] !== character);
        const typo = token.slice(0, index) + character + token.slice(index + 1);
        expect(tokenIdOf(typo)).toBeUndefined();
        expect(await say(typo)).toBe(neutral);
      }),
      { numRuns: 200 },
    );
    expect(core.database.roundTrips).toBe(before);
  });

  test("also one of another installation", async () => {
    await using elsewhere = await createTestDatabase();
    await using another = new BYOKManager({ encryptionKey: randomBytes(32), database: elsewhere.connectionString });
    const { token } = await createServiceToken(await coreOf(another), "cli", { name: "theirs", scopes: ["keys:use"] });
    expect(tokenIdOf(token)).toBeDefined();
    expect(await say(token)).toBe(await say("nonsense"));
    await another.close();
  });

  test("a failure is never kept: a token that comes to be is taken at once", async () => {
    const { token, id } = await createServiceToken(core, "cli", { name: "moved", scopes: ["keys:use"], expiresInMs: 1_000 });
    const shift = { ms: 2_000 };
    const later = at(shift);
    await expect(authenticate(later, token)).rejects.toMatchObject(refused);
    shift.ms = 0;
    expect((await authenticate(later, token)).tokenId).toBe(id);
  });
});

describe("a token that may not be made is refused before anything is written", () => {
  test.each([
    ["no scope", { name: "x", scopes: [] }, "scopes"],
    ["an unknown scope", { name: "x", scopes: ["everything"] }, "scopes.0"],
    ["no name", { name: "", scopes: ["keys:use"] }, "name"],
    ["a name that does not print", { name: "a\u202eb", scopes: ["keys:use"] }, "name"],
    ["an expiry in the past", { name: "x", scopes: ["keys:use"], expiresInMs: -1 }, "expiresInMs"],
    ["an expiry beyond ten years", { name: "x", scopes: ["keys:use"], expiresInMs: 1e12 }, "expiresInMs"],
    ["act:any for one owner", { name: "x", scopes: ["act:any"], owner: { userId: "alice" } }, "scopes"],
    ["system for one owner", { name: "x", scopes: ["system"], owner: { organizationId: "acme" } }, "scopes"],
  ])("%s", async (_what, input, path) => {
    const before = (await listServiceTokens(core)).length;
    await expect(createServiceToken(core, "cli", input as never)).rejects.toMatchObject({ code: "INVALID_INPUT", issues: [{ path }] });
    expect((await listServiceTokens(core)).length).toBe(before);
  });
});

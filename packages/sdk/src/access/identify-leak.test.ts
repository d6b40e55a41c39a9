import { generateKeyPairSync } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InvalidInputError, PermissionDeniedError, RateLimitedError } from "@stack-2025/byok-crypto";
import type { Core } from "../core.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";
import { coreOf, type BYOKManager } from "../manager.ts";
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

const audited = (): Promise<{ target: string | null; details: unknown }[]> =>
  core.database.inTenant({ owners: [core.ownerRef({ system: true }).id] }, (trx) =>
    trx.selectFrom("audit_events").select(["target", "details"]).where("action", "=", "leak.checked").orderBy("seq").execute(),
  );

describe("identifyLeak", () => {
  it("S-12, B-63: finds a secret among 10,000 owners, and answers null for one that is nobody's; both are audited without the secret", async () => {
    const client = await core.database.dedicatedPool({ max: 1 });
    await client.query("insert into byok.owners (owner_id, kind, external_id) select gen_random_uuid(), 'user', 'filler-' || n from generate_series(1, 10000) n");
    await client.end();
    const apiKey = openaiKey();
    const { id } = await manager.addKey({ userId: "leaky", provider: "openai", keyData: { apiKey } });
    expect(await manager.identifyLeak(` ${apiKey}\n`)).toEqual({ keyId: id, owner: { userId: "leaky" }, provider: "openai", status: "active" });
    expect(await manager.identifyLeak(openaiKey())).toBeNull();
    const events = await audited();
    expect(events).toEqual([{ target: id, details: { found: true } }, { target: null, details: { found: false } }]);
    expect(JSON.stringify(events)).not.toContain("sk-");
  });

  it("S-12: equal secrets of two owners look unlike in every column, are no conflict, and cost the same statements", async () => {
    const apiKey = openaiKey();
    const statements = async (userId: string): Promise<number> => {
      await manager.getActiveKey(userId, "openai").catch(() => undefined);
      const before = core.database.roundTrips;
      await manager.addKey({ userId, provider: "openai", keyData: { apiKey }, validate: "skip" });
      return core.database.roundTrips - before;
    };
    const first = await statements("twin-1");
    const second = await statements("twin-2");
    // A look at the log of changes may fall between.
    expect(Math.abs(first - second)).toBeLessThanOrEqual(4);
    const owners = ["twin-1", "twin-2"].map((userId) => core.ownerRef(userId).id);
    const rows = await core.database.inTenant({ owners }, (trx) =>
      trx.selectFrom("keys").innerJoin("key_versions", "key_versions.key_id", "keys.key_id").select(["keys.fingerprint", "secret_fingerprints", "key_versions.sealed"]).execute(),
    );
    const seen = rows.flatMap((row) => [row.fingerprint, ...row.secret_fingerprints, row.sealed.toString("hex")]);
    expect(rows).toHaveLength(2);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("finds each secret of a key of several fields, its header's form, a file of credentials, and a version in its grace", async () => {
    const authToken = "0123456789abcdef0123456789abcdef";
    const accountSid = "AC00000000000000000000000000000abc";
    const twilio = await manager.addKey({ userId: "fields", provider: "twilio", keyData: { accountSid, authToken }, validate: "skip" });
    for (const leaked of [authToken, JSON.stringify({ accountSid, authToken }), Buffer.from(`${accountSid}:${authToken}`).toString("base64")]) {
      expect((await manager.identifyLeak(leaked))?.keyId, leaked.slice(0, 2)).toBe(twilio.id);
    }
    expect(await manager.identifyLeak(accountSid)).toBeNull();

    // Of a service account the principal is the document, what recognises it is less, and what leaks may be the private key alone.
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs8", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } });
    const account = {
      type: "service_account", project_id: "leaky-project", private_key_id: "0".repeat(40), private_key: privateKey, client_email: "svc@leaky-project.iam.gserviceaccount.com",
      client_id: "1".repeat(21), token_uri: "https://oauth2.googleapis.com/token",
    };
    const vertex = await manager.addKey({ userId: "fields", provider: "vertex", keyData: { serviceAccount: account, location: "us-central1" }, validate: "skip" });
    for (const leaked of [JSON.stringify(account), JSON.stringify(account, null, 2), privateKey, ` ${privateKey} `]) expect((await manager.identifyLeak(leaked))?.keyId).toBe(vertex.id);
    expect(await manager.identifyLeak(account.client_email)).toBeNull();

    const old = openaiKey();
    const key = await manager.addKey({ userId: "rotated", provider: "openai", keyData: { apiKey: old }, validate: "skip" });
    await manager.rotateKey(key.id, { apiKey: openaiKey() }, { validate: "skip" });
    expect((await manager.identifyLeak(old))?.keyId).toBe(key.id);
    await manager.deleteKey(key.id);
    expect(await manager.identifyLeak(old)).toBeNull();
  }, 90_000);

  it("B-63: is refused without the scope system, to users, organizations and bound tokens alike", async () => {
    const token = async (scopes: CreateServiceToken["scopes"], owner?: CreateServiceToken["owner"]): Promise<string> =>
      (await createServiceToken(core, "test", { name: "leaks", scopes, ...(owner && { owner }) })).token;
    const refused = [
      manager.as({ userId: "leaky" }),
      manager.as({ organizationId: "acme", role: "owner" }),
      manager.as({ serviceToken: await token(["keys:read", "keys:write", "act:any"]) }),
      manager.as({ serviceToken: await token(["keys:read"], { userId: "leaky" }) }),
    ];
    for (const byok of refused) await expect(byok.identifyLeak(openaiKey())).rejects.toBeInstanceOf(PermissionDeniedError);
    expect(await manager.as({ serviceToken: await token(["system"]) }).identifyLeak(openaiKey())).toBeNull();
  });

  it.each([["1 MB", "x".repeat(1_048_576)], ["empty", ""], ["a number", 5], ["nothing", undefined]])("B-63: %s is an InvalidInputError that does not repeat it", async (_name, secret) => {
    const error = await manager.identifyLeak(secret as string).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(JSON.stringify(error).length).toBeLessThan(400);
  });

  it("B-63: a thousand in a minute are rate limited, over all processes, and say when to come back", async () => {
    // One of its own: each look walks every owner there is.
    await using small = await openInstallation();
    const both = [small.manager, small.another()];
    const results: PromiseSettledResult<unknown>[] = [];
    for (let start = 0; start < 300; start += 10) {
      results.push(...(await Promise.allSettled(Array.from({ length: 10 }, (_, index) => both[index % 2]!.identifyLeak(`sk-nobody-${start + index}-aaaaaaaaaaaa`)))));
    }
    const refused = results.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    // A minute may turn meanwhile.
    expect(refused.length).toBeGreaterThanOrEqual(300 - 240);
    for (const error of refused) expect(error).toBeInstanceOf(RateLimitedError);
    expect((refused[0] as RateLimitedError).retryAfterMs).toBeLessThanOrEqual(60_000);
  }, 120_000);

  it("leaves no owner-wide column by which a dump could be asked", async () => {
    const found = await core.database.inTenant({ owners: [] }, (trx) => sql<{ n: number }>`select count(*)::integer as n from byok.key_versions`.execute(trx));
    expect(found.rows).toEqual([{ n: 0 }]);
  });
});

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { coreOf, type BYOKManager } from "../manager.ts";
import { rotateTenantKey } from "./rotate-tenant-key.ts";
import { openPlace, type Place } from "./rotation.fixture.ts";

let place: Place;
/** Two processes, so that nothing rests on what one of them remembers. */
let managers: BYOKManager[];
beforeAll(async () => {
  place = await openPlace();
  managers = [place.manager([1], { cache: false }), place.manager([1], { cache: false })];
  await managers[0]!.listKeys("u_1");
  await place.admin.query(`
    create function byok.never_falls() returns trigger language plpgsql as $$
    begin
      if new.tenant_key_version < old.tenant_key_version then raise exception 'a version fell'; end if;
      return new;
    end $$`);
  await place.admin.query("create trigger never_falls before update on byok.key_versions for each row execute function byok.never_falls()");
});
afterAll(() => place[Symbol.asyncDispose]());

const secretOf = (name: string): string => `sk-of-${name}-long-enough-0001`;
const store = async (manager: BYOKManager, userId: string, name: string): Promise<string> =>
  (await manager.addKey({ userId, provider: "openai", keyData: { apiKey: secretOf(name) }, validate: "skip" })).id;
const versionsOf = async (userId: string): Promise<number[]> => {
  const { rows } = await place.admin.query<{ version: number }>("select version from byok.tenant_keys join byok.owners using (owner_id) where external_id = $1 order by version", [userId]);
  return rows.map((row) => row.version);
};

describe("S-23: tenant-key rotation", () => {
  test("a new version, every record of it, and the old one gone", async () => {
    const [manager] = managers;
    const ids = [];
    for (const name of ["a", "b", "c"]) ids.push(await store(manager!, "u_plain", name));
    const core = await coreOf(manager!);
    const owner = core.ownerRef("u_plain").id;
    expect(await rotateTenantKey(core, owner)).toEqual({ version: 2, resealed: 3, replaced: 1, unopened: [] });
    expect(await versionsOf("u_plain")).toEqual([2]);
    const { rows } = await place.admin.query("select distinct tenant_key_version as version from byok.key_versions where key_id = any($1)", [ids]);
    expect(rows).toEqual([{ version: 2 }]);
    for (const [index, keyId] of ids.entries()) {
      for (const one of managers) expect((await one.getActiveKey("u_plain", "openai", { keyId })).decryptedKey).toBe(secretOf("abc"[index]!));
    }
    const { rows: audited } = await place.admin.query("select actor, details from byok.audit_events where owner_id = $1 and action = 'tenant_key.rotated'", [owner]);
    expect(audited).toEqual([{ actor: "system", details: { version: 2 } }]);
    // The trail knows each envelope by its digest, so it is told of the new ones.
    const { rows: digests } = await place.admin.query(
      "select count(*)::integer as same from byok.audit_events e join byok.key_versions v on v.key_id = e.target where e.action = 'key.resealed' and e.owner_id = $1 and e.details->>'envelope' = encode(sha256(v.sealed), 'hex')",
      [owner],
    );
    expect(digests).toEqual([{ same: 3 }]);
  });

  test("what an owner has sealed beside its keys comes along; the old key stays where something still needs it", async () => {
    const core = await coreOf(managers[0]!);
    const owner = core.ownerRef("u_policy").id;
    await store(managers[0]!, "u_policy", "p");
    const at = { ownerId: owner, keyId: "owner_policy", keyVersion: 1, custody: "managed" as const, provider: "", environment: "", field: "notify" };
    const sealUnder = (version: number) =>
      core.database.inTenant({ owners: [owner] }, async (trx) => core.keyring.seal(await core.keyring.tenantKey(trx, owner), Buffer.from(`channels of ${version}`), at));
    await place.admin.query("insert into byok.owner_policies (owner_id, notify, notify_tenant_key_version, updated_at) values ($1, $2, 1, now())", [owner, Buffer.from(await sealUnder(1))]);
    expect(await rotateTenantKey(core, owner)).toMatchObject({ version: 2, resealed: 2, replaced: 1 });
    const { rows } = await place.admin.query<{ notify: Buffer; version: number }>("select notify, notify_tenant_key_version as version from byok.owner_policies where owner_id = $1", [owner]);
    expect(rows[0]!.version).toBe(2);
    const opened = await core.database.inTenant({ owners: [owner] }, async (trx) => core.keyring.open(await core.keyring.tenantKey(trx, owner), rows[0]!.notify, at));
    expect(Buffer.from(opened).toString()).toBe("channels of 1");

    await place.admin.query("update byok.owner_policies set notify = set_byte(notify, 100, get_byte(notify, 100) # 1) where owner_id = $1", [owner]);
    expect(await rotateTenantKey(core, owner)).toEqual({ version: 3, resealed: 1, replaced: 0, unopened: [`owner_policy ${owner}`] });
    expect(await versionsOf("u_policy")).toEqual([2, 3]);
  });

  test("an owner without a key has nothing to rotate", async () => {
    const core = await coreOf(managers[0]!);
    expect(await rotateTenantKey(core, core.ownerRef("nobody").id)).toBeUndefined();
  });

  test("more records than one batch holds are all taken", async () => {
    const core = await coreOf(managers[0]!);
    const owner = core.ownerRef("u_many").id;
    for (let index = 0; index < 130; index += 1) await store(managers[0]!, "u_many", `many${index}`);
    expect(await rotateTenantKey(core, owner)).toMatchObject({ resealed: 130, replaced: 1 });
  }, 120_000);

  test("any interleaving of reads, writes and rotations: every read finds its secret, every write is kept, versions only rise", async () => {
    const step = fc.record({ kind: fc.constantFrom("read", "read", "write", "write", "rotate"), process: fc.nat(1), pick: fc.nat(1_000) });
    const lanes = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 4 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(lanes, async (given) => {
        run += 1;
        const user = `u_run_${run}`;
        const known: { keyId: string; name: string }[] = [];
        let written = 0;
        const write = async (manager: BYOKManager): Promise<void> => {
          const name = `r${run}w${(written += 1)}`;
          known.push({ keyId: await store(manager, user, name), name });
        };
        const read = async (manager: BYOKManager, { keyId, name }: { keyId: string; name: string }): Promise<void> => {
          expect((await manager.getActiveKey(user, "openai", { keyId })).decryptedKey).toBe(secretOf(name));
        };
        await write(managers[0]!);
        let rotations = 0;
        await Promise.all(
          given.map(async (steps) => {
            for (const { kind, process, pick } of steps) {
              const manager = managers[process]!;
              if (kind === "read") await read(manager, known[pick % known.length]!);
              else if (kind === "write") await write(manager);
              else {
                const core = await coreOf(manager);
                const before = Math.max(...(await versionsOf(user)));
                const rotated = await rotateTenantKey(core, core.ownerRef(user).id);
                if (!rotated || rotated.version <= before) throw new Error(`version ${rotated?.version} came after ${before}`);
                rotations += 1;
              }
            }
          }),
        );
        for (const one of known) await read(managers[0]!, one);
        expect(Math.max(...(await versionsOf(user)))).toBe(1 + rotations);
        // A last one finds nothing that it cannot take along.
        const core = await coreOf(managers[1]!);
        expect(await rotateTenantKey(core, core.ownerRef(user).id)).toMatchObject({ resealed: known.length, unopened: [] });
        expect(await versionsOf(user)).toEqual([2 + rotations]);
        for (const one of known) await read(managers[1]!, one);
      }),
      { numRuns: 12, seed: 23, endOnFailure: true },
    );
  }, 240_000);
});

/**
 * A new key for one owner, while it is used: first it is there beside the old ones and everything new is sealed under it,
 * then the records are sealed anew in small batches, then the old ones go. Reads name the version that they need, so they
 * never notice. Versions only rise.
 */
import { sql } from "kysely";
import { EncryptionError, type TenantKey } from "@stack-2025/byok-crypto";
import { ConstraintViolation, type TenantTransaction } from "@stack-2025/byok-db";
import { appendAudit } from "../audit/append.ts";
import { markChanged } from "../use/changes.ts";
import type { RotationCore } from "./rotation-core.ts";

const recordsAtOnce = 100;
/** Writers that began under an old key and end while we look can make us look again. */
const mostRounds = 5;

export interface TenantKeyRotation {
  /** The live version. */
  version: number;
  resealed: number;
  /** Old versions that are gone. */
  replaced: number;
  /** Ids of provider keys whose record does not open: they keep their old version, so that a backup can still mend them. */
  unopened: string[];
}

/** Makes a new version and seals the owner's records under it. Undefined: the owner has no key, so there is nothing to rotate. */
export async function rotateTenantKey(core: RotationCore, ownerId: string, actor = "system"): Promise<TenantKeyRotation | undefined> {
  const version = await begin(core, ownerId, actor, () => true);
  return version === undefined ? undefined : finish(core, ownerId, version);
}

/** The same where the live version is wrapped by one of these versions of the installation's key; where that was begun, it is ended. */
export async function renewTenantKey(core: RotationCore, ownerId: string, exposed: readonly number[]): Promise<TenantKeyRotation | undefined> {
  const version = await begin(core, ownerId, "system", (wrapVersion) => exposed.includes(wrapVersion));
  return version === undefined ? undefined : finish(core, ownerId, version);
}

/** @returns the live version */
function begin(core: RotationCore, ownerId: string, actor: string, isToBeFollowed: (wrapVersion: number) => boolean): Promise<number | undefined> {
  return core.database.inTenant({ owners: [ownerId] }, async (trx) => {
    // Two rotations of one owner make one version after the other.
    await trx.selectFrom("owners").select("owner_id").where("owner_id", "=", ownerId).forNoKeyUpdate().execute();
    const newest = await trx
      .selectFrom("tenant_keys")
      .select(["version", "wrap_version"])
      .where("owner_id", "=", ownerId)
      .orderBy("version", "desc")
      .limit(1)
      .executeTakeFirst();
    if (!newest || !isToBeFollowed(Number(newest.wrap_version))) return newest?.version;
    const version = newest.version + 1;
    const { wrapped } = core.keyring.makeTenantKey(ownerId, version);
    await trx.insertInto("tenant_keys").values({ owner_id: ownerId, version, wrapped: Buffer.from(wrapped) }).execute();
    await trx.updateTable("tenant_keys").set({ state: "retired" }).where("owner_id", "=", ownerId).where("version", "<", version).execute();
    await appendAudit(trx, core, { ownerId, actor, action: "tenant_key.rotated", target: null, details: { version } });
    await markChanged(trx, [ownerId]);
    return version;
  });
}

async function finish(core: RotationCore, ownerId: string, version: number): Promise<TenantKeyRotation> {
  let resealed = 0;
  let replaced = 0;
  for (let round = 1; ; round += 1) {
    const pass = await resealAll(core, ownerId, version);
    resealed += pass.resealed;
    replaced += await removeUnused(core, ownerId, version);
    const left = await core.database.inTenant({ owners: [ownerId] }, (trx) => trx.selectFrom("tenant_keys").select("version").where("owner_id", "=", ownerId).where("version", "<", version).execute());
    if (left.length === 0 || pass.unopened.length > 0 || round === mostRounds) return { version, resealed, replaced, unopened: pass.unopened };
  }
}

async function resealAll(core: RotationCore, ownerId: string, version: number): Promise<{ resealed: number; unopened: string[] }> {
  const unopened: string[] = [];
  let resealed = 0;
  for (let after = { keyId: "", version: 0 }; ; ) {
    const batch = await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
      const rows = await recordsUnderOlder(trx, ownerId, version, after);
      if (rows.length === 0) return rows;
      const tenantKeys = await unwrapAll(core, trx, ownerId);
      for (const row of rows) {
        const to = tenantKeys.get(version);
        if (!to) throw new EncryptionError("The owner's new key does not open; nothing was sealed under it.");
        const sealed = reseal(core, tenantKeys.get(row.tenant_key_version ?? 0), to, row.sealed, {
          ownerId, keyId: row.key_id, keyVersion: row.version, custody: "managed", provider: row.provider, environment: row.environment, field: "keyData",
        });
        if (!sealed) {
          unopened.push(row.key_id);
          continue;
        }
        await trx
          .updateTable("key_versions")
          .set({ sealed: Buffer.from(sealed), tenant_key_version: version })
          .where("owner_id", "=", ownerId)
          .where("key_id", "=", row.key_id)
          .where("version", "=", row.version)
          .execute();
        resealed += 1;
      }
      return rows;
    });
    const last = batch.at(-1);
    if (!last) return { resealed, unopened };
    after = { keyId: last.key_id, version: last.version };
  }
}

function recordsUnderOlder(trx: TenantTransaction, ownerId: string, version: number, after: { keyId: string; version: number }) {
  return trx
    .selectFrom("key_versions")
    .innerJoin("keys", (join) => join.onRef("keys.owner_id", "=", "key_versions.owner_id").onRef("keys.key_id", "=", "key_versions.key_id"))
    .select(["key_versions.key_id", "key_versions.version", "key_versions.sealed", "key_versions.tenant_key_version", "keys.provider", "keys.environment"])
    .where("key_versions.owner_id", "=", ownerId)
    .where("key_versions.tenant_key_version", "<", version)
    .where(sql<boolean>`(key_versions.key_id, key_versions.version) > (${after.keyId}, ${after.version})`)
    .orderBy("key_versions.key_id")
    .orderBy("key_versions.version")
    .limit(recordsAtOnce)
    .forUpdate("key_versions")
    .execute();
}

async function unwrapAll(core: RotationCore, trx: TenantTransaction, ownerId: string): Promise<Map<number, TenantKey>> {
  const rows = await trx.selectFrom("tenant_keys").select(["version", "wrapped"]).where("owner_id", "=", ownerId).execute();
  await core.keyring.prepare(rows.map((row) => row.wrapped));
  const opened = new Map<number, TenantKey>();
  for (const row of rows) {
    try {
      opened.set(row.version, core.keyring.unwrap(ownerId, row.version, row.wrapped));
    } catch (error) {
      // Its records are told of one by one.
      if (!(error instanceof EncryptionError)) throw error;
    }
  }
  return opened;
}

type RecordPlace = Parameters<RotationCore["keyring"]["open"]>[2];

/** Undefined where the record does not open. What it holds is not looked at. */
function reseal({ keyring }: RotationCore, from: TenantKey | undefined, to: TenantKey, sealed: Uint8Array, place: RecordPlace): Uint8Array | undefined {
  if (!from) return undefined;
  let plain: Uint8Array;
  try {
    plain = keyring.open(from, sealed, place);
  } catch (error) {
    if (error instanceof EncryptionError) return undefined;
    throw error;
  }
  try {
    return keyring.seal(to, plain, place);
  } finally {
    plain.fill(0);
  }
}

/** Old versions that nothing is sealed under. @returns how many went */
async function removeUnused(core: RotationCore, ownerId: string, version: number): Promise<number> {
  try {
    return await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
      const gone = await sql`
        delete from tenant_keys t where t.owner_id = ${ownerId} and t.version < ${version}
          and not exists (select from key_versions v where v.owner_id = t.owner_id and v.tenant_key_version = t.version)
          and not exists (select from owner_policies p where p.owner_id = t.owner_id and p.notify_tenant_key_version = t.version)
        returning t.version`.execute(trx);
      return gone.rows.length;
    });
  } catch (error) {
    // Somebody sealed a record under it while we looked: the next round takes that too.
    if (error instanceof ConstraintViolation && error.kind === "foreign_key") return 0;
    throw error;
  }
}

/**
 * A new key for one owner, while it is used: first it is there beside the old ones and everything new is sealed under it,
 * then the records are sealed anew in small batches, then the old ones go. Reads name the version that they need, so they
 * never notice. Versions only rise.
 */
import { EncryptionError, type TenantKey } from "@stack-2025/byok-crypto";
import { ConstraintViolation, type TenantTransaction } from "@stack-2025/byok-db";
import { appendAudit } from "../audit/append.ts";
import { markChanged } from "../use/changes.ts";
import type { RotationCore } from "./rotation-core.ts";
import { atOnce, sealedPlaces, type After, type SealedRecord } from "./sealed-places.ts";

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
    const older = await core.database.inTenant({ owners: [ownerId] }, (trx) =>
      trx.selectFrom("tenant_keys").select("version").where("owner_id", "=", ownerId).where("version", "<", version).execute(),
    );
    const gone = await removeUnused(core, ownerId, older.map((one) => one.version));
    replaced += gone;
    if (gone === older.length || pass.unopened.length > 0 || round === mostRounds) return { version, resealed, replaced, unopened: pass.unopened };
  }
}

async function resealAll(core: RotationCore, ownerId: string, version: number): Promise<{ resealed: number; unopened: string[] }> {
  const unopened: string[] = [];
  let resealed = 0;
  for (const recordsUnderOlder of sealedPlaces) {
    for (let after: After = { keyId: "", keyVersion: 0 }; ; ) {
      const batch = await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
        const records = await recordsUnderOlder(trx, core, ownerId, version, after);
        if (records.length === 0) return { records, damaged: [] };
        const tenantKeys = await unwrapAll(core, trx, ownerId);
        const damaged: string[] = [];
        for (const record of records) {
          const to = tenantKeys.get(version);
          if (!to) throw new EncryptionError("The owner's new key does not open; nothing was sealed under it.");
          const sealed = reseal(core, tenantKeys.get(record.tenantKeyVersion), to, record);
          if (sealed) await record.replace(Buffer.from(sealed), version);
          else damaged.push(record.name);
        }
        return { records, damaged };
      });
      unopened.push(...batch.damaged);
      resealed += batch.records.length - batch.damaged.length;
      const last = batch.records.at(-1);
      if (!last || batch.records.length < atOnce) break;
      after = last.place;
    }
  }
  return { resealed, unopened };
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

/** Undefined where the record does not open. What it holds is not looked at. */
function reseal({ keyring }: RotationCore, from: TenantKey | undefined, to: TenantKey, { sealed, place }: SealedRecord): Uint8Array | undefined {
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

/** Old versions that nothing is sealed under any more: the foreign keys say which. @returns how many went */
async function removeUnused(core: RotationCore, ownerId: string, older: readonly number[]): Promise<number> {
  let gone = 0;
  for (const version of older) {
    try {
      await core.database.inTenant({ owners: [ownerId] }, (trx) => trx.deleteFrom("tenant_keys").where("owner_id", "=", ownerId).where("version", "=", version).execute());
      gone += 1;
    } catch (error) {
      // Somebody sealed a record under it while we looked, or one does not open: the next round looks again.
      if (!(error instanceof ConstraintViolation) || error.kind !== "foreign_key") throw error;
    }
  }
  return gone;
}

/**
 * Everywhere that something lies sealed under an owner's key. A rotation of that key walks over this list: what is sealed
 * somewhere new gets its entry here, and until it has one the foreign key on its tenant key's version keeps the old key.
 */
import { sha256Hex } from "@stack-2025/byok-crypto";
import { sql } from "kysely";
import type { TenantTransaction } from "@stack-2025/byok-db";
import { appendAudit } from "../audit/append.ts";
import type { RotationCore } from "./rotation-core.ts";

export interface SealedRecord {
  /** What it is called where it does not open. */
  name: string;
  sealed: Uint8Array;
  tenantKeyVersion: number;
  place: Parameters<RotationCore["keyring"]["open"]>[2];
  /** Puts the record in the place of the one that was read. */
  replace(sealed: Buffer, version: number): Promise<void>;
}

/** By the place's `keyId` and `keyVersion`, which order the records. */
export interface After {
  keyId: string;
  keyVersion: number;
}

/** Records of an owner under an older version of its key, locked, in order, some at a time. */
export type RecordsUnderOlder = (trx: TenantTransaction, core: RotationCore, ownerId: string, version: number, after: After) => Promise<SealedRecord[]>;

/** A list that is shorter was the last. */
export const atOnce = 100;

export const sealedPlaces: readonly RecordsUnderOlder[] = [
  /** Provider keys, a record a version. The trail keeps a digest of each, so it is told of the new one. */
  async (trx, core, ownerId, version, after) => {
    const rows = await trx
      .selectFrom("key_versions")
      .innerJoin("keys", (join) => join.onRef("keys.owner_id", "=", "key_versions.owner_id").onRef("keys.key_id", "=", "key_versions.key_id"))
      .select(["key_versions.key_id", "key_versions.version", "key_versions.sealed", "key_versions.tenant_key_version", "keys.provider", "keys.environment"])
      .where("key_versions.owner_id", "=", ownerId)
      .where("key_versions.tenant_key_version", "<", version)
      .where(sql<boolean>`(key_versions.key_id, key_versions.version) > (${after.keyId}, ${after.keyVersion})`)
      .orderBy("key_versions.key_id")
      .orderBy("key_versions.version")
      .limit(atOnce)
      .forUpdate("key_versions")
      .execute();
    return rows.map((row) => ({
      name: row.key_id,
      sealed: row.sealed,
      tenantKeyVersion: row.tenant_key_version ?? 0,
      place: { ownerId, keyId: row.key_id, keyVersion: row.version, custody: "managed", provider: row.provider, environment: row.environment, field: "keyData" },
      async replace(sealed, to) {
        await trx
          .updateTable("key_versions")
          .set({ sealed, tenant_key_version: to })
          .where("owner_id", "=", ownerId)
          .where("key_id", "=", row.key_id)
          .where("version", "=", row.version)
          .execute();
        await appendAudit(trx, core, { ownerId, actor: "system", action: "key.resealed", target: row.key_id, details: { version: row.version, envelope: sha256Hex(sealed) } });
      },
    }));
  },

  /** Where an owner wants to be told of things: addresses and signing secrets. */
  async (trx, _core, ownerId, version, after) => {
    const keyId = "owner_policy";
    if (after.keyId >= keyId) return [];
    const row = await trx
      .selectFrom("owner_policies")
      .select(["notify", "notify_tenant_key_version"])
      .where("owner_id", "=", ownerId)
      .where("notify_tenant_key_version", "<", version)
      .forUpdate()
      .executeTakeFirst();
    if (!row?.notify) return [];
    return [
      {
        name: `${keyId} ${ownerId}`,
        sealed: row.notify,
        tenantKeyVersion: row.notify_tenant_key_version ?? 0,
        place: { ownerId, keyId, keyVersion: 1, custody: "managed", provider: "", environment: "", field: "notify" },
        async replace(notify, to) {
          await trx.updateTable("owner_policies").set({ notify, notify_tenant_key_version: to }).where("owner_id", "=", ownerId).execute();
        },
      },
    ];
  },
];

import { sql, type RawBuilder, type Selectable } from "kysely";
import type { TenantTables, TenantTransaction } from "@stack-2025/byok-db";
import type { ProviderType } from "@stack-2025/byok-providers";
import type { KeyRecord } from "../byok.ts";
import type { KeyStatus, Limits } from "../schema.ts";
import { toOwner, type OwnerRef } from "../owners.ts";

/** A key as it is read for its record: the row, whose it is, and what its health and usage say. */
export type KeyRow = Selectable<TenantTables["keys"]> & {
  kind: string;
  external_id: string;
  checked_at: Date | null;
  last_used_at: Date | null;
};

/** One key of one owner. */
export function findRow(trx: TenantTransaction, ownerId: string, keyId: string): Promise<KeyRow | undefined> {
  return selectKeys(trx, ownerId).where("keys.key_id", "=", keyId).executeTakeFirst();
}

export interface KeyFilter {
  provider?: string | undefined;
  environment?: string | undefined;
  status?: KeyStatus | undefined;
  tag?: string | undefined;
  sharedOnly?: boolean;
  /** Keys behind this place in the order. */
  after: { at: Date; id: string } | undefined;
  /** What `expired` is measured by. */
  now: Date;
  limit: number;
}

/** An owner's keys, oldest first. */
export function findRows(trx: TenantTransaction, ownerId: string, { provider, environment, status, tag, sharedOnly, after, now, limit }: KeyFilter): Promise<KeyRow[]> {
  let query = selectKeys(trx, ownerId).orderBy("keys.created_at").orderBy("keys.key_id").limit(limit);
  if (sharedOnly) query = query.where("keys.shared_access", "=", true);
  if (provider) query = query.where("keys.provider", "=", provider);
  if (environment) query = query.where("keys.environment", "=", environment);
  if (tag) query = query.where((eb) => eb(eb.val(tag), "=", eb.fn.any("keys.tags")));
  if (status === "expired") query = query.where("keys.expires_at", "<=", now).where("keys.status", "!=", "disabled");
  else if (status) {
    query = query.where("keys.status", "=", status);
    if (status !== "disabled") query = query.where((eb) => eb.or([eb("keys.expires_at", "is", null), eb("keys.expires_at", ">", now)]));
  }
  if (after) query = query.where((eb) => eb.or([eb("keys.created_at", ">", after.at), eb.and([eb("keys.created_at", "=", after.at), eb("keys.key_id", ">", after.id)])]));
  return query.execute();
}

function selectKeys(trx: TenantTransaction, ownerId: string) {
  return trx
    .selectFrom("keys")
    .innerJoin("owners", "owners.owner_id", "keys.owner_id")
    .leftJoin("key_health", (join) => join.onRef("key_health.owner_id", "=", "keys.owner_id").onRef("key_health.key_id", "=", "keys.key_id"))
    .where("keys.owner_id", "=", ownerId)
    .selectAll("keys")
    .select(["owners.kind", "owners.external_id", "key_health.checked_at"])
    .select((eb) =>
      eb
        .selectFrom("usage_hourly")
        .select((max) => max.fn.max("usage_hourly.last_at").as("last_at"))
        .whereRef("usage_hourly.owner_id", "=", "keys.owner_id")
        .whereRef("usage_hourly.key_id", "=", "keys.key_id")
        .as("last_used_at"),
    );
}

/** The public record. `expired` is computed when read. */
export function toKeyRecord(row: KeyRow, now: Date): KeyRecord {
  const expired = row.expires_at !== null && row.expires_at <= now && row.status !== "disabled";
  return {
    id: row.key_id,
    owner: toOwner(row.kind as OwnerRef["kind"], row.external_id),
    provider: row.provider as ProviderType,
    environment: row.environment as KeyRecord["environment"],
    alias: row.alias,
    hint: row.hint,
    status: expired ? "expired" : (row.status as KeyRecord["status"]),
    statusReason: expired ? "its expiry date has passed" : row.status_reason,
    priority: row.priority,
    sharedAccess: row.shared_access,
    sharedRoutes: row.shared_routes as KeyRecord["sharedRoutes"],
    fallback: row.fallback as KeyRecord["fallback"],
    limits: row.limits as Limits | null,
    perUserLimits: row.per_user_limits as Limits | null,
    allowedModels: row.allowed_models,
    expiresAt: row.expires_at,
    rotateEvery: row.rotate_every,
    onRevoke: row.on_revoke as KeyRecord["onRevoke"],
    tags: row.tags,
    metadata: row.metadata as Record<string, string>,
    version: row.live_version,
    custody: row.custody as KeyRecord["custody"],
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastUsedAt: row.last_used_at,
    lastCheckedAt: row.checked_at,
  };
}

/**
 * The owner's row, made with its first key, member or token; one that was deleted is back. It comes first in a transaction:
 * until that ends the owner is shared with others that write for it, and kept from whoever would delete it.
 */
export async function ensureOwner(trx: TenantTransaction, owner: OwnerRef): Promise<void> {
  await holdOwner(trx, owner, "shared");
  await trx
    .with("back", (own) => own.updateTable("owners").set({ deleted_at: null }).where("owner_id", "=", owner.id).where("deleted_at", "is not", null))
    .insertInto("owners")
    .values({ owner_id: owner.id, kind: owner.kind, external_id: owner.externalId })
    .onConflict((same) => same.doNothing())
    .execute();
}

/**
 * Until the transaction ends: shared, to write something new for the owner; alone, to delete it. An advisory lock, since a
 * lock on the row that several share cannot become the one that brings a deleted owner back (measured: they wait for each
 * other).
 */
export async function holdOwner(trx: TenantTransaction, { id }: OwnerRef, how: "shared" | "alone"): Promise<void> {
  const name = sql`hashtextextended(${`byok owner ${id}`}, 0)`;
  await (how === "shared" ? sql`select pg_advisory_xact_lock_shared(${name})` : sql`select pg_advisory_xact_lock(${name})`).execute(trx);
}

/** jsonb, from a value of ours; null stays SQL's null. */
export function json(value: unknown): RawBuilder<string> | null {
  return value === null || value === undefined ? null : sql<string>`${JSON.stringify(value)}::jsonb`;
}

import { sql } from "kysely";
import type { TenantTransaction } from "@stack-2025/byok-db";
import type { ProviderType } from "@stack-2025/byok-providers";
import type { KeyRecord } from "../byok.ts";
import type { Limits } from "../schema.ts";
import { toOwner, type OwnerRef } from "../owners.ts";

/** A key as it is read for its record: the row, whose it is, and what its health and usage say. */
export type KeyRow = Awaited<ReturnType<ReturnType<typeof selectKeys>["executeTakeFirstOrThrow"]>>;

/** Keys with their owner, health and last use. Row security confines it to the scope of the transaction. */
export function selectKeys(trx: TenantTransaction) {
  return trx
    .selectFrom("keys")
    .innerJoin("owners", "owners.owner_id", "keys.owner_id")
    .leftJoin("key_health", (join) => join.onRef("key_health.owner_id", "=", "keys.owner_id").onRef("key_health.key_id", "=", "keys.key_id"))
    .selectAll("keys")
    .select(["owners.kind", "owners.external_id", "key_health.checked_at", "key_health.exhausted_until"])
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
    lastUsedAt: row.last_used_at ?? null,
    lastCheckedAt: row.checked_at ?? null,
  };
}

/** The owner's row, made with its first key, member or token. */
export async function ensureOwner(trx: TenantTransaction, owner: OwnerRef): Promise<void> {
  await trx.insertInto("owners").values({ owner_id: owner.id, kind: owner.kind, external_id: owner.externalId }).onConflict((same) => same.doNothing()).execute();
}

/** jsonb, from a value of ours; null stays SQL's null. */
export function json(value: unknown) {
  return value === null || value === undefined ? null : sql<string>`${JSON.stringify(value)}::jsonb`;
}

import type { KeyRecord, UpdateKey } from "../byok.ts";
import { appendAudit } from "../audit/append.ts";
import { parseInput, updateKeyInput } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { markChanged } from "../use/changes.ts";
import { requireFuture } from "./expiry.ts";
import { findKey, keyNotFound } from "./find.ts";
import { readRecord } from "./read.ts";
import { changedMeanwhile } from "./rotate.ts";
import { momentOf } from "./same-moment.ts";
import { json } from "./store.ts";

/** `null` clears, absent leaves. `status` enables or disables. @throws KeyNotFoundError @throws InvalidInputError */
export async function updateKey(scope: Scope, keyId: string, given: UpdateKey): Promise<KeyRecord> {
  const { core } = scope;
  const updates = parseInput(updateKeyInput, given);
  const { ownerId } = await findKey(scope, keyId, "keys:write");
  const now = core.clock.now();
  requireFuture(updates.expiresAt, now);

  const changed = Object.fromEntries(
    Object.entries({
      alias: updates.alias,
      priority: updates.priority,
      limits: updates.limits === undefined ? undefined : json(updates.limits),
      per_user_limits: updates.perUserLimits === undefined ? undefined : json(updates.perUserLimits),
      shared_access: updates.sharedAccess,
      shared_routes: updates.sharedRoutes,
      allowed_models: updates.allowedModels,
      expires_at: updates.expiresAt,
      tags: updates.tags,
      fallback: updates.fallback,
      rotate_every: updates.rotateEvery,
      on_revoke: updates.onRevoke,
      status: updates.status,
    }).filter(([, value]) => value !== undefined),
  );
  if (Object.keys(changed).length === 0) return readRecord(scope, ownerId, keyId);

  await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
    const result = await trx
      .updateTable("keys")
      .set({ ...changed, ...(updates.status && { status_reason: null }), updated_at: now })
      .where("owner_id", "=", ownerId)
      .where("key_id", "=", keyId)
      .executeTakeFirst();
    if (result.numUpdatedRows === 0n) throw keyNotFound();
    const fields = Object.keys(updates).filter((name) => updates[name as keyof typeof updates] !== undefined);
    await appendAudit(trx, core, { ownerId, actor: scope.actor, action: "key.updated", target: keyId, details: { fields, ...(updates.status && { status: updates.status }) } });
    await markChanged(trx, [ownerId]);
  });
  core.resolver.drop(ownerId);
  return readRecord(scope, ownerId, keyId);
}

/**
 * Destroys the ciphertext of all versions; usage and audit remain.
 *
 * @throws KeyNotFoundError
 * @throws ConflictError the key was rotated at the same moment: whoever deletes has not seen what it is now
 */
export async function deleteKey(scope: Scope, keyId: string): Promise<void> {
  const { core } = scope;
  const moment = momentOf(core, keyId);
  const { ownerId, provider, environment, liveVersion } = await findKey(scope, keyId, "keys:write");
  await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
    const key = await trx.selectFrom("keys").select("live_version").where("owner_id", "=", ownerId).where("key_id", "=", keyId).forUpdate().executeTakeFirst();
    if (!key) throw keyNotFound();
    if (key.live_version !== liveVersion || moment.passed()) throw changedMeanwhile(keyId);
    await trx.deleteFrom("keys").where("owner_id", "=", ownerId).where("key_id", "=", keyId).execute();
    await appendAudit(trx, core, { ownerId, actor: scope.actor, action: "key.deleted", target: keyId, details: { provider, environment } });
    await markChanged(trx, [ownerId]);
  });
  moment.end();
  core.resolver.drop(ownerId);
}

import type { Core } from "../core.ts";
import { appendAudit } from "../audit/append.ts";
import { markChanged } from "../use/changes.ts";

export interface Outcome {
  status: "active" | "exhausted" | "invalid";
  /** `exhausted`: when the account comes back by itself. */
  until: Date | null;
  reason: string | null;
  balance?: { amount: string; currency: string } | null;
  latencyMs?: number | null;
}

/**
 * Keeps what a probe or a call has shown of a key. Health is written each time; the key itself only where its status
 * turns, and then with an audit event and news for the caches. A disabled key stays disabled.
 */
export async function recordOutcome(core: Core, key: { ownerId: string; keyId: string }, outcome: Outcome, actor = "system"): Promise<void> {
  const now = core.clock.now();
  const changed = await core.database.inTenant({ owners: [key.ownerId] }, async (trx) => {
    const before = await trx.selectFrom("keys").select(["status", "status_reason"]).where("owner_id", "=", key.ownerId).where("key_id", "=", key.keyId).forUpdate().executeTakeFirst();
    if (!before) return false; // Deleted meanwhile.
    const failed = outcome.status !== "active";
    const health = {
      checked_at: now,
      latency_ms: outcome.latencyMs ?? null,
      exhausted_until: outcome.until,
      reasons: outcome.reason === null ? [] : [outcome.reason],
      ...(outcome.balance !== undefined && { balance_amount: outcome.balance?.amount ?? null, balance_currency: outcome.balance?.currency ?? null }),
    };
    await trx
      .insertInto("key_health")
      .values({ owner_id: key.ownerId, key_id: key.keyId, consecutive_failures: failed ? 1 : 0, ...health })
      .onConflict((same) =>
        same.columns(["owner_id", "key_id"]).doUpdateSet((eb) => ({
          ...health,
          consecutive_failures: failed ? eb("key_health.consecutive_failures", "+", 1) : eb.val(0),
        })),
      )
      .execute();
    const turned = before.status !== outcome.status && before.status !== "disabled";
    if (!turned && outcome.status !== "exhausted") return false;
    if (turned) {
      await trx
        .updateTable("keys")
        .set({ status: outcome.status, status_reason: failed ? outcome.reason : null, updated_at: now, next_check_at: outcome.until })
        .where("owner_id", "=", key.ownerId)
        .where("key_id", "=", key.keyId)
        .execute();
      await appendAudit(trx, core, { ownerId: key.ownerId, actor, action: "key.status_changed", target: key.keyId, details: { from: before.status, to: outcome.status } });
    }
    await markChanged(trx, [key.ownerId]);
    return true;
  });
  // This process need not wait for its own news.
  if (changed) core.resolver.drop(key.ownerId);
}

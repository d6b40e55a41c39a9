import { EncryptionError } from "@stack-2025/byok-crypto";
import type { KeyHealth } from "../byok.ts";
import type { Scope } from "../scope.ts";
import { findKey, keyNotFound } from "./find.ts";
import { readLive, type LiveVersion } from "./read-live.ts";
import { findRow, toKeyRecord } from "./store.ts";

const dayMs = 86_400_000;

/**
 * What the last probe or call has shown; nobody is asked now. The record itself is opened and put away again, so that one
 * that was damaged shows here, whatever its status says.
 *
 * @throws KeyNotFoundError
 */
export async function getKeyHealth(scope: Scope, keyId: string): Promise<KeyHealth> {
  const { core } = scope;
  const { ownerId } = await findKey(scope, keyId, "keys:read");
  const read = await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
    const row = await findRow(trx, ownerId, keyId);
    const health = await trx.selectFrom("key_health").selectAll().where("owner_id", "=", ownerId).where("key_id", "=", keyId).executeTakeFirst();
    const policy = await trx.selectFrom("owner_policies").select("max_key_age_days").where("owner_id", "=", ownerId).executeTakeFirst();
    return row && { row, health, maxAgeDays: policy?.max_key_age_days ?? null };
  });
  const live = await readLive(core, ownerId, keyId);
  if (!read || !live) throw keyNotFound();

  const now = core.clock.now();
  const { health } = read;
  const { status, statusReason, expiresAt } = toKeyRecord(read.row, now);
  const unreadable = live.custody === "managed" && !opens(live);
  const exhaustedUntil = health?.exhausted_until && health.exhausted_until > now ? health.exhausted_until : null;
  const ageDays = Math.floor((now.getTime() - live.createdAt.getTime()) / dayMs);

  const reasons: string[] = [];
  if (unreadable) reasons.push("the stored record does not open: it was changed, or belongs elsewhere; rotate the key to make it whole");
  if (status === "disabled") reasons.push("it is disabled");
  if (status === "expired") reasons.push("its expiry date has passed");
  if (status === "unchecked") reasons.push(live.custody === "sealed" ? "it is sealed to its owner, so the provider cannot be asked about it" : "the provider has not been asked about it yet");
  if (status === "exhausted") reasons.push(exhaustedUntil ? `the account behind it is out of credit until ${exhaustedUntil.toISOString()}` : "the account behind it is out of credit");
  if (read.maxAgeDays !== null && ageDays >= read.maxAgeDays) reasons.push(`it is ${ageDays} days old; the owner wants keys replaced after ${read.maxAgeDays}`);
  for (const said of [statusReason, ...(health?.reasons ?? [])]) if (said !== null && !reasons.includes(said)) reasons.push(said);

  return {
    keyId,
    status,
    healthy: status === "active" && !unreadable,
    checkedAt: health?.checked_at ?? null,
    latencyMs: health?.latency_ms ?? null,
    consecutiveFailures: health?.consecutive_failures ?? 0,
    exhaustedUntil,
    expiresAt,
    balance: health?.balance_amount != null && health.balance_currency !== null ? { amount: health.balance_amount, currency: health.balance_currency } : null,
    reasons,
  };
}

function opens(live: LiveVersion): boolean {
  try {
    live.open();
    return true;
  } catch (error) {
    if (error instanceof EncryptionError) return false;
    throw error;
  }
}

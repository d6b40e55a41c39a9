/** A stored record that does not open: each use raises it, and it is announced once. */
import type { Core } from "../core.ts";
import { appendAudit } from "../audit/append.ts";
import type { SeenKey } from "./health.ts";

type Parts = Pick<Core, "database" | "keyring" | "clock" | "logger" | "background">;

/** Beside the call that met it: an alarm in the log, and one audit event. The key's status is left as it was. */
export function announceUnreadable(core: Parts, key: SeenKey): void {
  core.background(announce(core, key));
}

async function announce(core: Parts, { ownerId, keyId, version }: SeenKey): Promise<void> {
  const first = await core.database.inTenant({ owners: [ownerId] }, async (trx) => {
    const key = await trx.selectFrom("keys").select("live_version").where("owner_id", "=", ownerId).where("key_id", "=", keyId).forUpdate().executeTakeFirst();
    if (!key || key.live_version !== version) return false;
    const now = core.clock.now();
    const marked = await trx
      .insertInto("key_health")
      .values({ owner_id: ownerId, key_id: keyId, unreadable_since: now })
      .onConflict((same) => same.columns(["owner_id", "key_id"]).doUpdateSet({ unreadable_since: now }).where("key_health.unreadable_since", "is", null))
      .returning("key_id")
      .executeTakeFirst();
    if (!marked) return false;
    await appendAudit(trx, core, { ownerId, actor: "system", action: "key.unhealthy", target: keyId, details: { reason: "unreadable", version } });
    return true;
  });
  if (first) core.logger.error({ keyId, version, code: "ENCRYPTION" }, "a stored key does not open; its record was changed, or belongs elsewhere");
}

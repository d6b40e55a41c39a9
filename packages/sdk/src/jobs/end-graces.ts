import type { Core } from "../core.ts";
import { appendAudit } from "../audit/append.ts";

const batch = 500;

/**
 * Destroys the ciphertext of versions whose grace has ended. Nobody takes them any more by then: whoever resolves looks at
 * the time itself. Each key's go in a transaction with its audit event; to run it twice, or in two processes, does no harm.
 *
 * @returns how many versions went
 */
export async function endGraces(core: Pick<Core, "database" | "keyring" | "clock">): Promise<number> {
  const { database, clock } = core;
  let ended = 0;
  for (;;) {
    const now = clock.now();
    const due = await database.asOperator((trx) =>
      trx.selectFrom("key_versions").select(["owner_id", "key_id", "version"]).where("usable_until", "<=", now).orderBy("usable_until").limit(batch).execute(),
    );
    for (const { owner_id: ownerId, key_id: keyId, version } of due) {
      ended += await database.inTenant({ owners: [ownerId] }, async (trx) => {
        // The key first, as everyone who changes its versions does.
        const key = await trx.selectFrom("keys").select("live_version").where("owner_id", "=", ownerId).where("key_id", "=", keyId).forUpdate().executeTakeFirst();
        if (!key || key.live_version === version) return 0;
        const gone = await trx
          .deleteFrom("key_versions")
          .where("owner_id", "=", ownerId)
          .where("key_id", "=", keyId)
          .where("version", "=", version)
          .where("usable_until", "<=", now)
          .executeTakeFirst();
        if (gone.numDeletedRows === 0n) return 0;
        await appendAudit(trx, core, { ownerId, actor: "system", action: "key.grace_ended", target: keyId, details: { version } });
        return 1;
      });
    }
    if (due.length < batch) return ended;
  }
}

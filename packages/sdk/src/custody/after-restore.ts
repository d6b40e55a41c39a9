import { appendAudit } from "../audit/append.ts";
import { everyOwner } from "../audit/verify.ts";
import type { Core } from "../core.ts";
import { ensureOwner } from "../keys/store.ts";

export interface Restored {
  epoch: number;
  /** Service tokens that this ended. */
  tokensEnded: number;
  /** Keys that the worker asks their providers about again. */
  keysToCheck: number;
}

/**
 * To be called once a backup was restored, before anything is served from it. The copy has forgotten what was revoked and
 * deleted since it was made: so every service token in it is over, in every process within a second, and every key is due to
 * be checked. To call it again ends what was issued since.
 *
 * @param actor who the audit names
 */
export async function afterRestore(core: Core, actor: string): Promise<Restored> {
  const { database, clock } = core;
  const system = core.ownerRef({ system: true });
  const now = clock.now();
  // The event comes first: it may tell of a change that did not happen, but none happens without it.
  await database.inTenant({ owners: [system.id] }, async (trx) => {
    await ensureOwner(trx, system);
    await appendAudit(trx, core, { ownerId: system.id, actor, action: "installation.restored", target: null });
  });
  const { epoch } = await database.asInstallation((trx) =>
    trx.updateTable("installation").set((eb) => ({ epoch: eb("epoch", "+", 1) })).returning("epoch").executeTakeFirstOrThrow(),
  );
  let [tokensEnded, keysToCheck] = [0, 0];
  for await (const owners of everyOwner(core)) {
    await database.inTenant({ owners }, async (trx) => {
      const tokens = await trx
        .selectFrom("service_tokens")
        .select((eb) => eb.fn.countAll<string>().as("count"))
        .where("owner_id", "in", owners)
        .where("epoch", "<", epoch)
        .where("revoked_at", "is", null)
        .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", now)]))
        .executeTakeFirstOrThrow();
      tokensEnded += Number(tokens.count);
      const due = await trx.updateTable("keys").set({ next_check_at: now }).where("owner_id", "in", owners).where("custody", "=", "managed").where("status", "!=", "disabled").executeTakeFirst();
      keysToCheck += Number(due.numUpdatedRows);
    });
  }
  return { epoch, tokensEnded, keysToCheck };
}

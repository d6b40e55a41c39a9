import { sql } from "kysely";
import type { Database } from "@stack-2025/byok-db";

/**
 * Removes what nobody asks for any more: changes after an hour (caches poll twice a second), counters after 40 days (no
 * window is longer than a month), receipts 80 days after their event's day (an event may lie 35 days back, and its id is
 * known for 35 days and more), processes that were not seen for an hour. By the database's clock; to run it twice, or in two processes, does no harm.
 */
export async function removeOldRows(database: Database): Promise<void> {
  await database.asOperator((trx) => sql`delete from byok.changes where at < now() - interval '1 hour'`.execute(trx));
  await database.asOperator((trx) => sql`delete from byok.limit_counters where window_start < now() - interval '40 days'`.execute(trx));
  await database.asOperator((trx) => sql`delete from byok.usage_receipts where day < (now() at time zone 'UTC')::date - 80`.execute(trx));
  await database.asInstallation((trx) => sql`delete from byok.processes where seen_at < now() - interval '1 hour'`.execute(trx));
}

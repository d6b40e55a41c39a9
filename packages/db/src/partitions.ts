import { sql } from "kysely";
import type { Database } from "./connect.ts";

/**
 * Makes the partitions that hold these days (UTC) where they are missing: a day's of `usage_events` and `usage_hourly`, a
 * month's of `usage_daily`. To run again, and from many processes at once, does no harm. Rows that came before their
 * partition are moved into it.
 */
export async function ensurePartitions(database: Database, days: readonly Date[]): Promise<void> {
  const dates = [...new Set(days.map((day) => day.toISOString().slice(0, 10)))].sort();
  if (dates.length === 0) return;
  await database.asInstallation(async (trx) => {
    await sql`
      select byok.ensure_partition(parent, day)
      from unnest(${dates}::date[]) as day, unnest(array['usage_events', 'usage_hourly', 'usage_daily']) as parent
      order by day, parent
    `.execute(trx);
  });
}

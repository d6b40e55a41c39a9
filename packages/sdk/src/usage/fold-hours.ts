/**
 * Folds hours into days. A day's rows are always made anew from all of its hours, so a fold can be repeated, killed at
 * any line or raced, and the numbers stay what the ledger wrote. The hours stay the truth as long as they exist; they
 * must be kept longer than an event's time may lie back (35 days), or a late event would make a day from itself alone.
 */
import { CompiledQuery } from "kysely";
import type { Database } from "@stack-2025/byok-db";
import { dimensions, sums, sumsOfSums } from "./sums.ts";

const dayMs = 86_400_000;
/** Days looked up at once. */
const sweepSize = 1_000;
/** A sweep gives up after so many days that could not be folded: then it is not the days' fault. */
const mostFailures = 10;

/** Found by the operator, who sees owner and hour alone. Each owner's day comes up once a sweep. */
const sweepStatement = `
select owner_id, day::text from (
  select distinct owner_id, (hour at time zone 'UTC')::date as day from byok.usage_hourly where not folded
) as due
where (owner_id, day) > ($1::uuid, $2::date)
order by owner_id, day
limit ${sweepSize}`;

/**
 * Folds every hour that is not in its day yet, each owner's day in a transaction of that owner's. A day that fails does
 * not keep the others from being folded.
 *
 * @returns how many days were made anew
 * @throws the first failure, once the others are done
 */
export async function foldHours(database: Database): Promise<number> {
  let folded = 0;
  const failures: unknown[] = [];
  let after = { owner_id: "00000000-0000-0000-0000-000000000000", day: "0001-01-01" };
  for (;;) {
    const { rows } = await database.asOperator((trx) =>
      trx.executeQuery<{ owner_id: string; day: string }>(CompiledQuery.raw(sweepStatement, [after.owner_id, after.day])),
    );
    for (const { owner_id, day } of rows) {
      try {
        if (await foldDay(database, owner_id, day)) folded += 1;
      } catch (error) {
        failures.push(error);
        if (failures.length === mostFailures) throw failures[0];
      }
    }
    const last = rows.at(-1);
    if (!last || rows.length < sweepSize) break;
    after = last;
  }
  if (failures.length > 0) throw failures[0];
  return folded;
}

// Two folds of one day one after another: the later statement of the first could else overwrite what the second read later.
const lockStatement = "select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as locked";

const hourKey = ["owner_id", "hour", "slot", ...dimensions];

// Rows are locked in the order in which the ledger takes them.
const markStatement = `
with due as (
  select ${hourKey.join(", ")} from byok.usage_hourly
  where owner_id = $1::uuid and hour >= $2::timestamptz and hour < $3::timestamptz and not folded
  order by ${hourKey.join(", ")}
  for update
)
update byok.usage_hourly as hourly set folded = true
from due
where ${hourKey.map((column) => `hourly.${column} = due.${column}`).join(" and ")}`;

// An hour that was committed after the mark may be in these sums already; it is marked, and summed again, next time.
const dayKey = ["owner_id", "day", ...dimensions].join(", ");
const sumStatement = `
insert into byok.usage_daily (${dayKey}, ${sums.join(", ")}, last_at)
select owner_id, ($2::timestamptz at time zone 'UTC')::date as day, ${dimensions.join(", ")}, ${sumsOfSums}, max(last_at)
from byok.usage_hourly
where owner_id = $1::uuid and hour >= $2::timestamptz and hour < $3::timestamptz
group by owner_id, ${dimensions.join(", ")}
order by ${dayKey}
on conflict (${dayKey}) do update set
  ${[...sums, "last_at"].map((column) => `${column} = excluded.${column}`).join(", ")}`;

/**
 * Makes one owner's day anew where an hour of it is not folded.
 *
 * @param day UTC, `2026-11-24`
 * @returns false: nothing was due, or another process is at it
 */
export async function foldDay(database: Database, ownerId: string, day: string): Promise<boolean> {
  const start = new Date(`${day}T00:00:00Z`);
  const values = [ownerId, start.toISOString(), new Date(start.getTime() + dayMs).toISOString()];
  return database.inTenant({ owners: [ownerId] }, async (trx) => {
    const lock = await trx.executeQuery<{ locked: boolean }>(CompiledQuery.raw(lockStatement, [`byok.fold ${ownerId} ${day}`]));
    if (!lock.rows[0]?.locked) return false;
    const marked = await trx.executeQuery(CompiledQuery.raw(markStatement, values));
    if (!marked.numAffectedRows) return false;
    await trx.executeQuery(CompiledQuery.raw(sumStatement, values));
    return true;
  });
}

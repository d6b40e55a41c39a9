/** The SQL of `limit_counters`: taking a share that must fit, and adding what was used whatever it comes to. */
import { CompiledQuery } from "kysely";
import type { Database } from "@stack-2025/byok-db";

/** An amount for one row of `limit_counters`. */
export interface CounterAmount {
  ownerId: string;
  keyId: string;
  name: string;
  windowStart: Date;
  amount: bigint;
}

// Rows are locked in the order of the primary key by every statement here, so none of them deadlocks with another.
const takeStatement = `
with asked as (
  select * from unnest($3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[]) as asked (limit_name, window_start, amount, most)
)
insert into byok.limit_counters as kept (owner_id, key_id, limit_name, window_start, used)
select $1::uuid, $2, limit_name, window_start, amount from asked order by limit_name, window_start
on conflict (owner_id, key_id, user_id, limit_name, window_start) do update set used = kept.used + excluded.used
where kept.used + excluded.used <= (select most from asked where asked.limit_name = excluded.limit_name)
returning limit_name`;

// A counter stops at 9e18 instead of failing the statement: it is far past any limit by then.
const addStatement = `
insert into byok.limit_counters as kept (owner_id, key_id, limit_name, window_start, used)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[]) as added (owner_id, key_id, limit_name, window_start, amount)
order by owner_id, key_id, limit_name, window_start
on conflict (owner_id, key_id, user_id, limit_name, window_start)
do update set used = least(greatest(kept.used::numeric + excluded.used, 0), 9e18)::bigint`;

class Refused extends Error {
  readonly names: ReadonlySet<string>;
  constructor(names: ReadonlySet<string>) {
    super("a counter has no room");
    this.names = names;
  }
}

/**
 * Takes all amounts of one key, or none: `most` is what a counter may reach. Amounts that are their own window's first
 * always fit, so `amount` must not be above `most`.
 *
 * @returns the names of the counters that had no room; empty: taken
 */
export async function takeAll(database: Database, asked: readonly (CounterAmount & { most: bigint })[]): Promise<ReadonlySet<string>> {
  const { ownerId, keyId } = asked[0]!;
  const values = [
    ownerId,
    keyId,
    asked.map((one) => one.name),
    asked.map((one) => one.windowStart.toISOString()),
    asked.map((one) => one.amount.toString()),
    asked.map((one) => one.most.toString()),
  ];
  try {
    await database.inTenant({ owners: [ownerId] }, async (trx) => {
      const { rows } = await trx.executeQuery<{ limit_name: string }>(CompiledQuery.raw(takeStatement, values));
      const refused = new Set(asked.map((one) => one.name));
      for (const row of rows) refused.delete(row.limit_name);
      // Thrown, so that what the others gave is rolled back.
      if (refused.size > 0) throw new Refused(refused);
    });
    return new Set();
  } catch (error) {
    if (error instanceof Refused) return error.names;
    throw error;
  }
}

/** Adds the amounts (negative ones give back), past any limit. At most one amount for a row of the table. */
export async function addAll(database: Database, added: readonly CounterAmount[]): Promise<void> {
  const values = [
    added.map((one) => one.ownerId),
    added.map((one) => one.keyId),
    added.map((one) => one.name),
    added.map((one) => one.windowStart.toISOString()),
    added.map((one) => one.amount.toString()),
  ];
  await database.inTenant({ owners: [...new Set(added.map((one) => one.ownerId))] }, (trx) => trx.executeQuery(CompiledQuery.raw(addStatement, values)));
}

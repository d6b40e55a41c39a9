/**
 * The trail of all owners as it grows, for a log collector: as it is stored, so that the collector's copy holds nothing personal
 * and can be held against the database later.
 */
import { sql } from "kysely";
import type { Core } from "../core.ts";
import type { Link } from "./chain.ts";

/** One event, at least once: after a resumption some come again, and are told by `event_id`. */
export interface FollowedEvent extends Link {
  kind: "byok.audit.event";
  /** Where to go on from: it brings the events of this look again. */
  position: string;
  hash: string;
  mac: string;
  mac_key_version: number;
}

const eventsAtOnce = 500;

/**
 * Events whose transactions have ended since a position, each owner's in order. What is still being written comes with a later
 * look, so that nothing that commits late is passed over.
 *
 * @param after a position that an event brought; `"0"`: from the first event on
 * @returns through `return`, the position of the next look
 */
export async function* eventsSince(core: Pick<Core, "database">, after: string): AsyncGenerator<FollowedEvent, string> {
  const until = await core.database.asOperator(async (trx) => {
    const { rows } = await sql<{ xmin: string }>`select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`.execute(trx);
    return rows[0]?.xmin ?? after;
  });
  let place = { owner_id: "00000000-0000-0000-0000-000000000000", seq: "0" };
  for (;;) {
    const found = await core.database.asOperator(async (trx) => {
      const { rows } = await sql<{ owner_id: string; seq: string }>`
        select owner_id, e.seq::text from byok.audit_events e
        where ((xid >= ${after}::xid8 and xid < ${until}::xid8) or (${after} = '0' and xid is null)) and (owner_id, e.seq) > (${place.owner_id}::uuid, ${place.seq}::bigint)
        order by owner_id, e.seq limit ${eventsAtOnce}`.execute(trx);
      return rows;
    });
    const last = found.at(-1);
    if (!last) return until;
    for (const row of await read(core, found)) yield { kind: "byok.audit.event", position: after, ...row };
    place = last;
  }
}

/** Where a follower begins that wants what comes from now on. */
export async function positionNow({ database }: Pick<Core, "database">): Promise<string> {
  return database.asOperator(async (trx) => {
    const { rows } = await sql<{ xmin: string }>`select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`.execute(trx);
    return rows[0]?.xmin ?? "0";
  });
}

async function read({ database }: Pick<Core, "database">, places: readonly { owner_id: string; seq: string }[]): Promise<Omit<FollowedEvent, "kind" | "position">[]> {
  const owners = [...new Set(places.map((one) => one.owner_id))];
  return database.inTenant({ owners }, async (trx) => {
    const { rows } = await sql<Omit<FollowedEvent, "kind" | "position">>`
      select event_id, owner_id, e.seq::text, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, actor, action, target, details, ip, previous_hash, hash, mac, mac_key_version
      from byok.audit_events e
      where (owner_id, e.seq) in (select * from unnest(${places.map((one) => one.owner_id)}::uuid[], ${places.map((one) => one.seq)}::bigint[]))
      order by owner_id, e.seq`.execute(trx);
    return rows;
  });
}

import canonicalize from "canonicalize";
import type { TenantTransaction } from "@stack-2025/byok-db";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { requireOwner } from "../access/permissions.ts";
import type { ListAuditFilter, OwnerOrUser, Page } from "../byok.ts";
import type { Core } from "../core.ts";
import { toOwner, type OwnerRef } from "../owners.ts";
import { page } from "../page.ts";
import { listAuditFilter, parseInput, type AuditEvent } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { resolveRange } from "../usage/time-range.ts";
import { readNames, searchedName } from "./names.ts";

const defaultPage = 100;

/**
 * The owner's trail, newest first. Where a name was forgotten, the id in its place stands.
 *
 * @throws InvalidInputError a forged or foreign cursor
 */
export async function listAuditEvents(scope: Scope, owner: OwnerOrUser, given: ListAuditFilter = {}): Promise<Page<AuditEvent>> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  const { cursor, limit = defaultPage, ...filter } = parseInput(listAuditFilter, given);
  await requireOwner(scope, ref, "audit:read");
  // A cursor holds for one owner and one filter: taken elsewhere, it is refused.
  const binding = canonicalize({ list: "audit", owner: ref.id, filter: JSON.parse(JSON.stringify(filter)) as object }) ?? "";
  const before = cursor === undefined ? undefined : position(core.keyring.openCursor(binding, cursor));
  const range = filter.timeRange === undefined ? undefined : resolveRange(filter.timeRange as Parameters<typeof resolveRange>[0], core.clock.now());

  const found = await core.database.inTenant({ owners: [ref.id] }, async (trx) => {
    const actor = filter.actor === undefined ? null : await searchedName(trx, core, ref.id, filter.actor);
    const target = filter.target === undefined ? null : await searchedName(trx, core, ref.id, filter.target);
    if (actor === undefined || target === undefined) return [];
    let query = trx
      .selectFrom("audit_events")
      .select(["event_id", "seq", "at", "actor", "action", "target", "details", "ip", "hash"])
      .where("owner_id", "=", ref.id)
      .orderBy("seq", "desc")
      .limit(limit + 1);
    if (filter.action !== undefined) query = query.where("action", "=", filter.action);
    if (actor !== null) query = query.where("actor", "=", actor);
    if (target !== null) query = query.where("target", "=", target);
    if (range) query = query.where("at", ">=", range.from);
    if (range?.to) query = query.where("at", "<", range.to);
    if (before !== undefined) query = query.where("seq", "<", before);
    return named(trx, core, ref, await query.execute());
  });
  const items = found.slice(0, limit);
  const last = found.length > limit ? items.at(-1) : undefined;
  return page(items.map(({ event }) => event), last ? core.keyring.sealCursor(binding, last.seq) : null);
}

interface Row {
  event_id: string;
  seq: string;
  at: Date;
  actor: string;
  action: string;
  target: string | null;
  details: unknown;
  ip: string | null;
  hash: string;
}

async function named(trx: TenantTransaction, core: Core, owner: OwnerRef, rows: readonly Row[]): Promise<{ seq: string; event: AuditEvent }[]> {
  const names = await readNames(trx, core, owner.id, rows.flatMap(({ actor, target }) => [actor, target]));
  return rows.map((row) => ({
    seq: row.seq,
    event: {
      id: row.event_id,
      at: row.at,
      actor: names.get(row.actor) ?? row.actor,
      action: row.action,
      target: row.target === null ? null : (names.get(row.target) ?? row.target),
      owner: toOwner(owner.kind, owner.externalId),
      details: row.details as Record<string, unknown>,
      ip: row.ip,
      hash: row.hash,
    },
  }));
}

function position(payload: string | undefined): string {
  if (payload !== undefined && /^\d{1,18}$/.test(payload)) return payload;
  throw new InvalidInputError("cursor: is none of this listing; begin again without one", { issues: [{ path: "cursor", message: "is none of this listing" }] });
}

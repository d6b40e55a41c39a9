import type { Insertable } from "kysely";
import type { TenantTables, TenantTransaction } from "@stack-2025/byok-db";
import type { Core } from "../core.ts";
import { newId } from "../ids.ts";
import { genesisBytes, genesisHash, hashOf, linkBytes } from "./chain.ts";
import { nameInEvent } from "./names.ts";

export interface AuditEntry {
  ownerId: string;
  /** `manager`, `command`, `user:…`, `organization:…`, `token:tok_…`, `system` for what a process does by itself. */
  actor: string;
  action: string;
  /** The id of what was changed; `user:…` and `organization:…` where it is somebody. */
  target: string | null;
  /** Ids and names of changed fields; never a value that somebody wrote, never a secret. */
  details?: Record<string, unknown>;
}

/** Adds one link to the owner's chain, in the transaction of the change it tells of: no event, no change. See {@link appendAll}. */
export function appendAudit(trx: TenantTransaction, core: Pick<Core, "keyring" | "clock">, entry: AuditEntry): Promise<void> {
  return appendAll(trx, core, entry.ownerId, [entry]);
}

/**
 * Adds links to an owner's chain. Each hashes the one before over its canonical JSON and carries a MAC that the database alone
 * cannot make. People are named by ids that mean nothing without the owner's key (`names.ts`).
 */
export async function appendAll(
  trx: TenantTransaction,
  core: Pick<Core, "keyring" | "clock">,
  ownerId: string,
  entries: readonly Omit<AuditEntry, "ownerId">[],
): Promise<void> {
  const { keyring } = core;
  const head = await lockedHead(trx, core, ownerId);
  let seq = BigInt(head.seq);
  let last = { hash: head.hash, mac: head.mac };
  const rows: Insertable<TenantTables["audit_events"]>[] = [];
  for (const entry of entries) {
    seq += 1n;
    const at = core.clock.now();
    const link = {
      event_id: newId("audit"), owner_id: ownerId, seq: seq.toString(), at: at.toISOString(),
      actor: await nameInEvent(trx, core, ownerId, entry.actor),
      action: entry.action,
      target: entry.target === null ? null : await nameInEvent(trx, core, ownerId, entry.target),
      details: entry.details ?? {}, ip: null, previous_hash: last.hash,
    };
    const bytes = linkBytes(link);
    last = { hash: hashOf(bytes), mac: keyring.auditMac(ownerId, bytes) };
    rows.push({ ...link, at, details: JSON.stringify(link.details), ...last, mac_key_version: keyring.auditKeyVersion });
  }
  // Links and head in one statement: appending costs two round trips, however many links.
  await trx
    .with("linked", (own) => own.insertInto("audit_events").values(rows))
    .updateTable("audit_heads")
    .set({ seq: seq.toString(), ...last })
    .where("owner_id", "=", ownerId)
    .execute();
}

/** The head's row is what makes the sequence gapless: the second of two writers waits here for the first. */
async function lockedHead(trx: TenantTransaction, { keyring }: Pick<Core, "keyring">, ownerId: string): Promise<{ seq: string; hash: string; mac: string }> {
  const find = () => trx.selectFrom("audit_heads").select(["seq", "hash", "mac"]).where("owner_id", "=", ownerId).forUpdate().executeTakeFirst();
  const found = await find();
  if (found) return found;
  const genesis = { seq: "0", hash: genesisHash, mac: keyring.auditMac(ownerId, genesisBytes) };
  await trx.insertInto("audit_heads").values({ owner_id: ownerId, ...genesis }).onConflict((same) => same.doNothing()).execute();
  const made = await find();
  if (!made) throw new Error("the chain's head that was just written is not there");
  return made;
}

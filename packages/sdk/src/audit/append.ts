import canonicalize from "canonicalize";
import { sha256Base64url } from "@stack-2025/byok-crypto";
import type { TenantTransaction } from "@stack-2025/byok-db";
import type { Core } from "../core.ts";
import { newId } from "../ids.ts";

export interface AuditEntry {
  ownerId: string;
  /** `manager`, `user:…`, `token:tok_…`, `system` for what a process does by itself. */
  actor: string;
  action: string;
  /** The id of what was changed. */
  target: string | null;
  /** Ids and names of changed fields; never a value that somebody wrote, never a secret. */
  details?: Record<string, unknown>;
}

const genesis = sha256Base64url(new TextEncoder().encode("byok audit chain"));

/**
 * Adds one link to the owner's chain, in the transaction of the change it tells of: no event, no change. Each link hashes
 * the one before over its canonical JSON (RFC 8785) and carries a MAC that the database alone cannot make.
 */
export async function appendAudit(trx: TenantTransaction, core: Pick<Core, "keyring" | "clock">, entry: AuditEntry): Promise<void> {
  // The head's row is what makes the sequence gapless: the second of two writers waits here for the first.
  await trx
    .insertInto("audit_heads")
    .values({ owner_id: entry.ownerId, seq: "0", hash: genesis, mac: "" })
    .onConflict((same) => same.doNothing())
    .execute();
  const head = await trx.selectFrom("audit_heads").select(["seq", "hash"]).where("owner_id", "=", entry.ownerId).forUpdate().executeTakeFirstOrThrow();

  const seq = (BigInt(head.seq) + 1n).toString();
  const at = core.clock.now();
  const event = {
    event_id: newId("audit"), owner_id: entry.ownerId, seq, at: at.toISOString(), actor: entry.actor, action: entry.action,
    target: entry.target, details: entry.details ?? {}, ip: null, previous_hash: head.hash,
  };
  const canonical = canonicalize(event);
  if (canonical === undefined) throw new Error("an audit event has no canonical form");
  const bytes = new TextEncoder().encode(canonical);
  const hash = sha256Base64url(bytes);
  const mac = core.keyring.auditMac(entry.ownerId, bytes);
  await trx.insertInto("audit_events").values({ ...event, at, details: JSON.stringify(event.details), hash, mac }).execute();
  await trx.updateTable("audit_heads").set({ seq, hash, mac }).where("owner_id", "=", entry.ownerId).execute();
}

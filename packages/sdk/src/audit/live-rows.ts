/**
 * What an owner's events say must be in its tables now, and what is there: a row that was put back to an older state, planted
 * or taken away by hand is found (S-89). What is compared is what a secret hangs on: sealed records, the version that is in
 * use, and service tokens. Other settings of a key are not in the trail by value, and so are not compared.
 */
import { sha256Hex } from "@stack-2025/byok-crypto";
import { sql } from "kysely";
import type { TenantTransaction } from "@stack-2025/byok-db";

export interface LiveFault {
  /** The event that says otherwise; null where none tells of the row at all. */
  seq: string | null;
  /** Key or token, and version. */
  row: string;
  problem: string;
}

interface Version {
  seq: string;
  /** Null in events older than digests. */
  envelope: string | null;
}

interface Key {
  versions: Map<number, Version>;
  live: { version: number; seq: string } | null;
}

interface Token {
  seq: string;
  digest: string | null;
  scopes: string | null;
  revokedAt: string | null;
}

/** The digest that an event keeps of a token: enough to know its row by, of no use to whoever wants to present it. */
export const tokenDigest = (hash: string): string => sha256Hex(new TextEncoder().encode(hash));

/** Actions after which a version of a key is the one in use. */
const takesOver = new Set(["key.added", "key.rotated", "key.rolled_back"]);

/** What the events of one owner, taken in order, say is there. */
export class Expected {
  readonly #keys = new Map<string, Key>();
  readonly #tokens = new Map<string, Token>();
  /** Key → the event that deleted it. */
  readonly #deleted = new Map<string, string>();
  #ownerDeleted: string | null = null;

  take(event: { seq: string; action: string; target: string | null; details: unknown }): void {
    const { seq, action, target } = event;
    const details = (typeof event.details === "object" && event.details !== null ? event.details : {}) as Record<string, unknown>;
    if (action === "owner.deleted") {
      for (const keyId of this.#keys.keys()) this.#deleted.set(keyId, seq);
      this.#keys.clear();
      this.#tokens.clear();
      this.#ownerDeleted = seq;
    }
    if (target === null) return;
    if (action === "key.deleted") {
      this.#keys.delete(target);
      this.#deleted.set(target, seq);
    } else if (action.startsWith("key.")) this.#takeKey(target, action, seq, details);
    else if (action === "token.created") {
      const scopes = Array.isArray(details["scopes"]) ? JSON.stringify((details["scopes"] as string[]).toSorted()) : null;
      this.#tokens.set(target, { seq, digest: text(details["digest"]), scopes, revokedAt: null });
    } else if (action === "token.revoked") {
      const token = this.#tokens.get(target);
      if (token) token.revokedAt = seq;
    }
  }

  #takeKey(keyId: string, action: string, seq: string, details: Record<string, unknown>): void {
    const version = typeof details["version"] === "number" ? details["version"] : action === "key.added" ? 1 : null;
    const envelope = text(details["envelope"]);
    if (version === null || (envelope === null && !takesOver.has(action))) return;
    const key = this.#keys.get(keyId) ?? { versions: new Map<number, Version>(), live: null };
    this.#keys.set(keyId, key);
    // Taking an older version into use again makes no envelope.
    if (envelope !== null || !key.versions.has(version)) key.versions.set(version, { seq, envelope });
    if (takesOver.has(action)) key.live = { version, seq };
  }

  /** Everything that is not as the events say. */
  async compare(trx: TenantTransaction, ownerId: string): Promise<LiveFault[]> {
    return [...(await this.#compareKeys(trx, ownerId)), ...(await this.#compareTokens(trx, ownerId))];
  }

  async #compareKeys(trx: TenantTransaction, ownerId: string): Promise<LiveFault[]> {
    const faults: LiveFault[] = [];
    const seen = new Map<string, number>();
    for await (const row of keyRows(trx, ownerId)) {
      const key = this.#keys.get(row.key_id);
      const named = `${row.key_id} version ${row.version}`;
      if (row.version === row.live_version) seen.set(row.key_id, row.live_version);
      if (!key) {
        const seq = this.#deleted.get(row.key_id) ?? null;
        faults.push({ seq, row: named, problem: seq === null ? "no event made it" : "is there again after it was deleted" });
        continue;
      }
      const made = key.versions.get(row.version);
      if (!made) faults.push({ seq: null, row: named, problem: "no event made it" });
      else if (made.envelope !== null && made.envelope !== row.envelope) faults.push({ seq: made.seq, row: named, problem: "is not the envelope that this event made" });
    }
    for (const [keyId, key] of this.#keys) {
      if (!key.live) continue;
      const live = seen.get(keyId);
      if (live === undefined) faults.push({ seq: key.live.seq, row: `${keyId} version ${key.live.version}`, problem: "is gone, and no event deleted it" });
      else if (live !== key.live.version) faults.push({ seq: key.live.seq, row: keyId, problem: `uses version ${live}, not version ${key.live.version} as this event says` });
    }
    return faults;
  }

  async #compareTokens(trx: TenantTransaction, ownerId: string): Promise<LiveFault[]> {
    const rows = await trx.selectFrom("service_tokens").select(["token_id", "hash", "scopes", "revoked_at"]).where("owner_id", "=", ownerId).execute();
    return rows.flatMap((row): LiveFault[] => {
      const token = this.#tokens.get(row.token_id);
      if (!token) return [{ seq: this.#ownerDeleted, row: row.token_id, problem: "no event made it" }];
      if (token.digest !== null && token.digest !== tokenDigest(row.hash)) return [{ seq: token.seq, row: row.token_id, problem: "is not the token that this event made" }];
      if (token.scopes !== null && token.scopes !== JSON.stringify(row.scopes.toSorted())) return [{ seq: token.seq, row: row.token_id, problem: "has other scopes than this event gave it" }];
      if (token.revokedAt !== null && row.revoked_at === null) return [{ seq: token.revokedAt, row: row.token_id, problem: "is in use again after it was revoked" }];
      return [];
    });
  }
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

interface KeyRow {
  key_id: string;
  version: number;
  live_version: number;
  envelope: string;
}

const rowsAtOnce = 1_000;

async function* keyRows(trx: TenantTransaction, ownerId: string): AsyncGenerator<KeyRow> {
  let after = { key_id: "", version: 0 };
  for (;;) {
    const { rows } = await sql<KeyRow>`
      select v.key_id, v.version, k.live_version, encode(sha256(v.sealed), 'hex') as envelope
      from byok.key_versions v join byok.keys k using (owner_id, key_id)
      where v.owner_id = ${ownerId} and (v.key_id, v.version) > (${after.key_id}, ${after.version})
      order by v.key_id, v.version limit ${rowsAtOnce}`.execute(trx);
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < rowsAtOnce) return;
    after = last;
  }
}

/**
 * Proves trails: every link in its place, unchanged and signed by this installation; the tables as the links say; and, where
 * anchors are given, nothing cut or rewritten since they were taken. It reads in pages and stops no writer.
 */
import { createHash } from "node:crypto";
import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import { sql } from "kysely";
import { requireOwner, scopesAllow } from "../access/permissions.ts";
import type { OwnerOrUser } from "../byok.ts";
import type { Core } from "../core.ts";
import type { AuditProof } from "../schema.ts";
import type { Scope } from "../scope.ts";
import type { Anchors } from "./anchor.ts";
import { genesisHash, hashOf, linkBytes, type Link } from "./chain.ts";
import { Expected } from "./live-rows.ts";

export interface TrailFault {
  /** `user:…`, `organization:…`, `system`; an owner id where the owner itself is not there. */
  owner: string;
  /** The link that is missing or wrong, or that a row contradicts; null for a row that no link tells of. */
  seq: string | null;
  problem: string;
}

export interface TrailReport extends AuditProof {
  owners: number;
  /** The first of each owner, at most a hundred in all. */
  faults: TrailFault[];
}

type VerifyCore = Pick<Core, "database" | "keyring">;

/** One owner's trail or, for whoever may see every owner, all of them. @throws PermissionDeniedError */
export async function verifyAudit(scope: Scope, owner?: OwnerOrUser): Promise<AuditProof> {
  const { core, access } = scope;
  const ref = core.ownerRef(owner ?? { system: true });
  await requireOwner(scope, ref, "audit:read");
  if (owner === undefined && access.kind === "token" && !scopesAllow(access.scopes, "act:any")) {
    throw new PermissionDeniedError("The trails of all owners are proved with act:any and system; name an owner, or use another token.", { details: { reason: "missing_scope", action: "act:any" } });
  }
  const { ok, events, head, brokenAt } = await verifyTrails(core, { ownerId: owner === undefined ? undefined : ref.id });
  return { ok, events, head, brokenAt };
}

const ownersAtOnce = 200;
const mostFaults = 100;

/** Proves the trails of one owner or of all. */
export async function verifyTrails(core: VerifyCore, { ownerId, anchors = new Map() }: { ownerId?: string | undefined; anchors?: Anchors }): Promise<TrailReport> {
  const faults: TrailFault[] = [];
  const all = createHash("sha256");
  const anchored = new Set(ownerId === undefined ? anchors.keys() : [ownerId].filter((id) => anchors.has(id)));
  let [owners, events, head] = [0, 0, genesisHash];
  for await (const batch of ownerId === undefined ? everyOwner(core) : [[ownerId]]) {
    for (const trail of await verifyBatch(core, batch, anchors)) {
      owners += 1;
      events += trail.events;
      head = trail.head;
      all.update(`${trail.ownerId} ${trail.events} ${trail.head}\n`);
      anchored.delete(trail.ownerId);
      if (trail.fault && faults.length < mostFaults) faults.push({ owner: trail.owner, ...trail.fault });
    }
  }
  for (const id of anchored) if (faults.length < mostFaults) faults.push({ owner: id, seq: "1", problem: "the owner that an anchor tells of is gone, and its trail with it" });
  const [first] = faults;
  return { ok: !first, owners, events, head: ownerId === undefined ? all.digest("base64url") : head, brokenAt: first ? inWords(first) : null, faults };
}

export const inWords = ({ owner, seq, problem }: TrailFault): string => `${owner}#${seq ?? "-"}: ${problem}`;

/** Ids of every owner, in order. */
export async function* everyOwner({ database }: Pick<Core, "database">): AsyncGenerator<string[]> {
  for (let after = "00000000-0000-0000-0000-000000000000"; ; ) {
    const rows = await database.asOperator((trx) => trx.selectFrom("owners").select("owner_id").where("owner_id", ">", after).orderBy("owner_id").limit(ownersAtOnce).execute());
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map((row) => row.owner_id);
    after = last.owner_id;
  }
}

interface Trail {
  ownerId: string;
  owner: string;
  events: number;
  head: string;
  fault: Omit<TrailFault, "owner"> | null;
}

interface HeadRow {
  owner_id: string;
  kind: string;
  external_id: string;
  seq: string | null;
  hash: string | null;
  mac: string | null;
  last: string | null;
}

async function verifyBatch(core: VerifyCore, ownerIds: readonly string[], anchors: Anchors): Promise<Trail[]> {
  // Head and last link in one statement: what is behind them is never changed, however many writers go on.
  const heads = await core.database.read<HeadRow>(
    { owners: ownerIds },
    {
      name: "byok_audit_heads",
      text: `select o.owner_id, o.kind, o.external_id, h.seq::text, h.hash, h.mac, (select max(e.seq)::text from byok.audit_events e where e.owner_id = o.owner_id) as last
        from byok.owners o left join byok.audit_heads h using (owner_id) where o.owner_id = any($1::uuid[]) order by o.owner_id`,
      values: [[...ownerIds]],
    },
  );
  const checks = new Map(heads.map((head) => [head.owner_id, new ChainCheck(core, head, anchors.get(head.owner_id))]));
  for await (const link of linksOf(core, ownerIds, 0n)) checks.get(link.owner_id)?.take(link);
  for (const check of checks.values()) check.end();

  const sound = [...checks.values()].filter((check) => check.fault === null);
  await core.database.inTenant({ owners: ownerIds }, async (trx) => {
    for (const check of sound) check.suspect = (await check.expected.compare(trx, check.ownerId)).length > 0;
  });
  for (const check of sound) if (check.suspect) await compareAtRest(core, check);
  return [...checks.values()].map((check) => ({ ownerId: check.ownerId, owner: check.owner, events: check.events, head: check.head, fault: check.fault }));
}

/** A writer may have been between links and rows: looked at again while none of this owner's can write. */
async function compareAtRest({ database }: VerifyCore, check: ChainCheck): Promise<void> {
  await database.inTenant({ owners: [check.ownerId] }, async (trx) => {
    await trx.selectFrom("audit_heads").select("seq").where("owner_id", "=", check.ownerId).forUpdate().execute();
    const since = await trx.selectFrom("audit_events").select(["seq", "action", "target", "details"]).where("owner_id", "=", check.ownerId).where("seq", ">", String(check.events)).orderBy("seq").execute();
    for (const event of since) check.expected.take(event);
    const [first] = await check.expected.compare(trx, check.ownerId);
    if (first) check.fault = { seq: first.seq, problem: `${first.row} ${first.problem}` };
  });
}

class ChainCheck {
  readonly ownerId: string;
  readonly owner: string;
  readonly expected = new Expected();
  fault: { seq: string | null; problem: string } | null = null;
  suspect = false;
  #count = 0n;
  #hash = genesisHash;
  #mac: string | null = null;
  readonly #core: VerifyCore;
  readonly #head: HeadRow;
  readonly #anchored: ReadonlyMap<string, string>;

  constructor(core: VerifyCore, head: HeadRow, anchored: ReadonlyMap<string, string> = new Map()) {
    this.#core = core;
    this.#head = head;
    this.#anchored = anchored;
    this.ownerId = head.owner_id;
    this.owner = head.kind === "system" ? "system" : `${head.kind}:${head.external_id}`;
  }

  /** Links that are proved. */
  get events(): number {
    return Number(this.#count);
  }

  get head(): string {
    return this.#hash;
  }

  take(link: StoredLink): void {
    if (this.fault || BigInt(link.seq) > BigInt(this.#head.last ?? 0)) return;
    const seq = this.#count + 1n;
    const fail = (problem: string): void => void (this.fault = { seq: seq.toString(), problem });
    if (BigInt(link.seq) !== seq) return fail("the event is missing");
    const bytes = linkBytes(link);
    if (hashOf(bytes) !== link.hash) return fail("the event was changed, or belongs elsewhere");
    if (link.previous_hash !== this.#hash) return fail("the event does not follow the one before it");
    const mac = this.#core.keyring.auditMacUnder(link.mac_key_version, link.owner_id, bytes);
    if (mac === undefined) return fail(`the event is signed under version ${link.mac_key_version} of the audit key, which is not there`);
    if (mac !== link.mac) return fail("the event is not signed by this installation");
    const anchored = this.#anchored.get(link.seq);
    if (anchored !== undefined && anchored !== link.hash) return fail("the event was rewritten since the anchor was taken");
    [this.#count, this.#hash, this.#mac] = [seq, link.hash, link.mac];
    this.expected.take(link);
  }

  end(): void {
    if (this.fault) return;
    const { seq, hash, mac } = this.#head;
    const next = (this.#count + 1n).toString();
    const highest = [...this.#anchored.keys()].reduce((most, one) => (BigInt(one) > most ? BigInt(one) : most), 0n);
    if (highest > this.#count) this.fault = { seq: next, problem: `the tail was cut: an anchor tells of ${highest} events` };
    else if (this.#count === 0n) this.fault = { seq: "1", problem: "the owner has no event: its whole trail is missing" };
    else if (seq === null) this.fault = { seq: next, problem: "the head of the trail is missing" };
    else if (BigInt(seq) > this.#count) this.fault = { seq: next, problem: `the tail was cut: the head tells of ${seq} events` };
    else if (BigInt(seq) < this.#count) this.fault = { seq: (BigInt(seq) + 1n).toString(), problem: "the event stands behind the head of the trail" };
    else if (hash !== this.#hash || mac !== this.#mac) this.fault = { seq, problem: "the head of the trail was changed" };
  }
}

interface StoredLink extends Link {
  hash: string;
  mac: string;
  mac_key_version: number;
}

const linksAtOnce = 1_000;

/** Links of these owners in the order of owner and sequence, as they are stored, to the last digit. */
export async function* linksOf({ database }: Pick<Core, "database">, ownerIds: readonly string[], after: bigint): AsyncGenerator<StoredLink> {
  let place = { owner_id: "00000000-0000-0000-0000-000000000000", seq: after.toString() };
  for (;;) {
    const rows = await database.inTenant({ owners: ownerIds }, async (trx) => {
      const found = await sql<StoredLink>`
        select event_id, owner_id, e.seq::text, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, actor, action, target, details, ip, previous_hash, hash, mac, mac_key_version
        from byok.audit_events e where owner_id = any(${ownerIds}::uuid[]) and (owner_id, e.seq) > (${place.owner_id}::uuid, ${place.seq}::bigint)
        order by owner_id, e.seq limit ${linksAtOnce}`.execute(trx);
      return found.rows;
    });
    for (const row of rows) yield { ...row, at: row.at.replace(/(\.\d{3})000Z$/, "$1Z") };
    const last = rows.at(-1);
    if (!last || rows.length < linksAtOnce) return;
    place = last;
  }
}

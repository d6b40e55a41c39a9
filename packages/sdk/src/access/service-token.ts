/**
 * Service tokens: what a program presents. They are random, shown once, and stored as a hash; a presented one is found by
 * the id in it and compared in constant time.
 */
import { timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { BYOKError, InvalidInputError, PermissionDeniedError, tokenHash } from "@stack-2025/byok-crypto";
import { sql } from "kysely";
import { appendAudit } from "../audit/append.ts";
import { tokenDigest } from "../audit/live-rows.ts";
import type { Core } from "../core.ts";
import { isId, newId, randomText } from "../ids.ts";
import { ensureOwner } from "../keys/store.ts";
import type { OwnerRef } from "../owners.ts";
import { externalId, parseInput, type Owner } from "../schema.ts";
import type { Access } from "../scope.ts";
import { text } from "../text.ts";
import { tokenScopes } from "./permissions.ts";

/** Raised after a restore: what was issued under an older one is over. */
const currentEpoch = sql<number>`(select epoch from byok.installation)`;

const tenYearsMs = 10 * 366 * 24 * 60 * 60_000;

export const createServiceTokenInput = z.strictObject({
  name: text(1, 100),
  scopes: z
    .array(z.enum(tokenScopes))
    .min(1, "is empty; name at least one scope")
    .transform((scopes) => [...new Set(scopes)]),
  /** Absent: a service-wide token. */
  owner: z.union([z.strictObject({ userId: externalId }), z.strictObject({ organizationId: externalId })]).optional(),
  expiresInMs: z.number().int("must be a whole number of milliseconds").positive("must be greater than 0").max(tenYearsMs, "is more than ten years").optional(),
});
export type CreateServiceToken = z.input<typeof createServiceTokenInput>;

/** A token when it is made: the only time that its text is there. */
export interface NewServiceToken {
  id: string;
  token: string;
  scopes: string[];
  expiresAt: Date | null;
}

/** A token as it is kept. */
export interface ServiceTokenRecord {
  id: string;
  name: string;
  /** Whom it is bound to; null: service-wide. */
  owner: { userId: string } | { organizationId: string } | null;
  scopes: string[];
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

/**
 * Makes a service token. The first one of an installation is made like any other.
 *
 * @param actor who the audit names
 * @throws InvalidInputError an unknown scope, or `system` or `act:any` on a token that is bound to an owner
 */
export async function createServiceToken(core: Core, actor: string, input: CreateServiceToken): Promise<NewServiceToken> {
  const { name, scopes, owner, expiresInMs } = parseInput(createServiceTokenInput, input);
  for (const scope of ["system", "act:any"] as const) {
    if (!owner || !scopes.includes(scope)) continue;
    const message = `${scope} is for service-wide tokens; leave the owner out, or the scope`;
    throw new InvalidInputError(`scopes: ${message}`, { issues: [{ path: "scopes", message }] });
  }

  const id = newId("token");
  const token = withCheck(`byok_${id.slice("tok_".length)}_${randomText()}`);
  const createdAt = core.clock.now();
  const expiresAt = expiresInMs === undefined ? null : new Date(createdAt.getTime() + expiresInMs);
  const home = core.ownerRef(owner ?? { system: true });
  await core.database.inTenant({ owners: [home.id] }, async (trx) => {
    await ensureOwner(trx, home);
    await trx
      .insertInto("service_tokens")
      .values({ token_id: id, owner_id: home.id, bound: owner !== undefined, name, hash: tokenHash(token), scopes, expires_at: expiresAt, created_at: createdAt, epoch: currentEpoch })
      .execute();
    await appendAudit(trx, core, { ownerId: home.id, actor, action: "token.created", target: id, details: { scopes, digest: tokenDigest(tokenHash(token)) } });
  });
  return { id, token, scopes, expiresAt };
}

/** The tokens of one list, newest first: an owner's, or the service-wide ones. */
export async function listServiceTokens(core: Core, owner: Owner = { system: true }): Promise<ServiceTokenRecord[]> {
  const home = core.ownerRef(owner);
  const rows = await core.database.inTenant({ owners: [home.id] }, (trx) =>
    trx
      .selectFrom("service_tokens")
      .select(["token_id", "name", "bound", "scopes", "created_at", "expires_at", "revoked_at"])
      .where("owner_id", "=", home.id)
      .orderBy("created_at", "desc")
      .orderBy("token_id", "desc")
      .execute(),
  );
  return rows.map((row) => ({
    id: row.token_id,
    name: row.name,
    owner: row.bound ? boundTo(home) : null,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }));
}

/**
 * Ends a token: no process takes it a second later. Ending it again changes nothing.
 *
 * @throws BYOKError `NOT_FOUND` there is no such token
 */
export async function revokeServiceToken(core: Core, id: string, actor = "manager"): Promise<void> {
  const home = await homeOf(core, id);
  if (home === undefined) throw tokenNotFound();
  await core.database.inTenant({ owners: [home] }, async (trx) => {
    const revoked = await trx
      .updateTable("service_tokens")
      .set({ revoked_at: core.clock.now() })
      .where("owner_id", "=", home)
      .where("token_id", "=", id)
      .where("revoked_at", "is", null)
      .returning("token_id")
      .executeTakeFirst();
    if (revoked) await appendAudit(trx, core, { ownerId: home, actor, action: "token.revoked", target: id });
  });
  verifiedBy(core).forget(id);
}

/** The database id of the owner in whose list a token is; undefined where there is no such token. */
export async function homeOf(core: Core, id: string): Promise<string | undefined> {
  if (!isId("token", id)) return undefined;
  const [row] = await core.database.read<{ owner_id: string }>(
    { owners: [], lookup: { tokenId: id } },
    { name: "byok_token_home", text: "select owner_id from byok.service_tokens where token_id = $1", values: [id] },
  );
  return row?.owner_id;
}

export const tokenNotFound = (): BYOKError => new BYOKError("NOT_FOUND", "There is no such service token.");

export type TokenAccess = Extract<Access, { kind: "token" }>;

/** Revocation holds in every process within this time, counted from before the read. */
const verifiedForMs = 1_000;
const verifiedHeld = 10_000;

/**
 * Who presents this token. Work on what is no token is bounded: a wrong form or check is refused without a read, all else
 * after one indexed read.
 *
 * @throws PermissionDeniedError `UNAUTHENTICATED`, in the same words whatever is wrong
 */
export async function authenticate(core: Core, token: string): Promise<TokenAccess> {
  const id = tokenIdOf(token);
  if (id === undefined) throw unauthenticated();
  return verifiedBy(core).access(core, id, tokenHash(token));
}

export const unauthenticated = (): PermissionDeniedError =>
  new PermissionDeniedError("The request carries no valid byok token. Send a service token that is neither expired nor revoked.", { code: "UNAUTHENTICATED" });

const shape = /^byok_([0-9a-f]{32})_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$/;

/** The id in a token whose check fits; undefined for all other text. */
export function tokenIdOf(token: string): string | undefined {
  if (token.length > 100) return undefined;
  const digits = shape.exec(token)?.[1];
  return digits !== undefined && withCheck(token.slice(0, token.lastIndexOf("_"))) === token ? `tok_${digits}` : undefined;
}

/** A CRC-32 finds every typo of up to four characters in a row, so that one costs no read. It is no protection. */
const withCheck = (body: string): string => `${body}_${crc32(body).toString(16).padStart(8, "0")}`;

interface Verified {
  hash: string;
  access: TokenAccess;
  expiresAt: number | null;
  /** By the clock that never jumps. */
  until: number;
}

interface TokenRow {
  owner_id: string;
  bound: boolean;
  hash: string;
  scopes: string[];
  expires_at: Date | null;
  revoked_at: Date | null;
  /** Issued before a backup was restored that may have forgotten its revocation. */
  outlived: boolean;
}

/** Tokens of this process that were found good, by id, for a second. What fails is never kept. */
class VerifiedTokens {
  readonly #verified = new Map<string, Verified>();
  readonly #flights = new Map<string, Promise<Verified>>();

  async access(core: Core, id: string, hash: string): Promise<TokenAccess> {
    const held = this.#verified.get(id);
    if (held && core.clock.monotonic() < held.until && sameText(held.hash, hash)) return alive(core, held).access;
    // Callers that present one token together share its read; the hash is part of the name, so none shares another's.
    const name = `${id} ${hash}`;
    const flight = this.#flights.get(name) ?? this.#verify(core, id, hash).finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    return alive(core, await flight).access;
  }

  async #verify(core: Core, id: string, hash: string): Promise<Verified> {
    const startedAt = core.clock.monotonic();
    const row = await readToken(core, id);
    if (!row || !sameText(row.hash, hash) || row.revoked_at !== null || row.outlived) throw unauthenticated();
    const access: TokenAccess = { kind: "token", tokenId: id, owner: row.bound ? await readOwner(core, row.owner_id) : null, scopes: row.scopes };
    const verified = { hash, access, expiresAt: row.expires_at?.getTime() ?? null, until: startedAt + verifiedForMs };
    this.#hold(id, verified);
    return verified;
  }

  #hold(id: string, verified: Verified): void {
    this.#verified.delete(id);
    this.#verified.set(id, verified);
    const oldest = this.#verified.size > verifiedHeld ? this.#verified.keys().next().value : undefined;
    if (oldest !== undefined) this.#verified.delete(oldest);
  }

  forget(id: string): void {
    this.#verified.delete(id);
  }
}

function alive(core: Core, verified: Verified): Verified {
  if (verified.expiresAt !== null && verified.expiresAt <= core.clock.now().getTime()) throw unauthenticated();
  return verified;
}

async function readToken(core: Core, id: string): Promise<TokenRow | undefined> {
  const [row] = await core.database.read<TokenRow>(
    { owners: [], lookup: { tokenId: id } },
    {
      name: "byok_token",
      text: "select t.owner_id, t.bound, t.hash, t.scopes, t.expires_at, t.revoked_at, t.epoch < i.epoch as outlived from byok.service_tokens t, byok.installation i where t.token_id = $1",
      values: [id],
    },
  );
  return row;
}

async function readOwner(core: Core, ownerId: string): Promise<{ userId: string } | { organizationId: string }> {
  const [row] = await core.database.read<{ kind: OwnerRef["kind"]; external_id: string }>(
    { owners: [ownerId] },
    { name: "byok_token_owner", text: "select kind, external_id from byok.owners where owner_id = $1", values: [ownerId] },
  );
  if (!row) throw new Error("a bound service token has no owner");
  return boundTo({ id: ownerId, kind: row.kind, externalId: row.external_id });
}

function boundTo(home: OwnerRef): { userId: string } | { organizationId: string } {
  if (home.kind === "system") throw new Error("a service token is bound to the system owner");
  return home.kind === "user" ? { userId: home.externalId } : { organizationId: home.externalId };
}

function sameText(one: string, other: string): boolean {
  const a = Buffer.from(one);
  const b = Buffer.from(other);
  return a.length === b.length && timingSafeEqual(a, b);
}

const caches = new WeakMap<Core, VerifiedTokens>();

function verifiedBy(core: Core): VerifiedTokens {
  let cache = caches.get(core);
  if (!cache) caches.set(core, (cache = new VerifiedTokens()));
  return cache;
}

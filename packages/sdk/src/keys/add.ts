import canonicalize from "canonicalize";
import { ConfigurationError, ConflictError, KeyValidationError, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { ConstraintViolation, type TenantTransaction } from "@stack-2025/byok-db";
import { hintOf, providerFor, type KeyData, type Provider, type ProviderType } from "@stack-2025/byok-providers";
import type { z } from "zod";
import { requireOwner } from "../access/permissions.ts";
import { appendAudit } from "../audit/append.ts";
import type { AddKey, KeyRecord } from "../byok.ts";
import { newId } from "../ids.ts";
import type { OwnerRef } from "../owners.ts";
import { addKeyInput, parseInput } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { markChanged } from "../use/changes.ts";
import { probe, type Probed } from "./probe.ts";
import { readRecord } from "./read.ts";
import { requireFuture } from "./expiry.ts";
import { sealKeyData } from "./sealed-key-data.ts";
import { ensureOwner, json } from "./store.ts";

type Input = z.output<typeof addKeyInput>;

/**
 * Stores a provider key, sealed so that only its owner's requests can open it.
 *
 * The provider is asked before the transaction opens, so that a slow provider holds no lock; key, version, health and
 * audit event then commit together or not at all.
 *
 * @throws PermissionDeniedError the caller may not manage this owner's keys
 * @throws KeyValidationError a field is malformed, or the provider refused the key; nothing is stored
 * @throws ConflictError the owner has this secret already (`details.keyId`), or the idempotency key came with another body
 */
export async function addKey<P extends ProviderType>(scope: Scope, given: AddKey<P>): Promise<KeyRecord> {
  const { core } = scope;
  const input = parseInput(addKeyInput, given);
  const { userId, organizationId } = input;
  const owner = core.ownerRef(userId !== undefined ? { userId } : organizationId !== undefined ? { organizationId } : { system: true });
  await requireOwner(scope, owner, "keys:write");
  requireFuture(input.expiresAt, core.clock.now());
  const provider = providerFor(input.provider);
  if (input.custody === "sealed" || input.sealed !== undefined) {
    throw new ConfigurationError("custody: sealed keys are not available in this version; add the key with managed custody", { details: { field: "custody" } });
  }
  if (input.keyData === undefined) {
    throw new KeyValidationError(`keyData is missing; give what ${provider.name} issued`, { details: { field: "keyData", problem: "missing", provider: provider.type } });
  }
  const keyData = provider.parse(input.keyData, core.baseUrl(provider.type));

  const digest = idempotencyDigest(scope, owner, provider, keyData, input);
  const repeated = input.idempotencyKey === undefined ? undefined : await sentBefore(scope, owner, input.idempotencyKey, digest);
  if (repeated) return readRecord(scope, owner.id, repeated);

  const probed = input.validate === "now" ? await probeNow(scope, provider, keyData) : undefined;
  const keyId = newId("key");
  try {
    await core.database.inTenant({ owners: [owner.id] }, (trx) => insertKey(trx, scope, { owner, provider, keyData, input, probed, keyId, digest }));
  } catch (error) {
    if (!(error instanceof ConstraintViolation)) throw error;
    // The same call twice at once: whichever constraint stopped this one, the other one's record is the answer.
    const first = input.idempotencyKey === undefined ? undefined : await sentBefore(scope, owner, input.idempotencyKey, digest);
    if (first) return readRecord(scope, owner.id, first);
    if (error.constraint === "keys_same_secret") throw await sameSecret(scope, owner, provider, keyData, input);
    throw error;
  }
  // Whoever was told a moment ago that there is no key finds this one.
  core.resolver.drop(owner.id);
  return readRecord(scope, owner.id, keyId);
}

interface NewKey {
  owner: OwnerRef;
  provider: Provider;
  keyData: KeyData;
  input: Input;
  probed: Probed | undefined;
  keyId: string;
  digest: string;
}

async function insertKey(trx: TenantTransaction, scope: Scope, { owner, provider, keyData, input, probed, keyId, digest }: NewKey): Promise<void> {
  const { core } = scope;
  const now = core.clock.now();
  await ensureOwner(trx, owner);
  const tenantKey = await core.keyring.tenantKey(trx, owner.id);
  const version = 1;
  const sealed = sealKeyData(core.keyring, tenantKey, keyData, { ownerId: owner.id, keyId, keyVersion: version, custody: "managed", provider: provider.type, environment: input.environment });
  await trx
    .insertInto("keys")
    .values({
      owner_id: owner.id,
      key_id: keyId,
      provider: provider.type,
      environment: input.environment,
      alias: input.alias ?? null,
      hint: hintOf(provider.principal(keyData)),
      fingerprint: core.keyring.fingerprint(owner.id, provider.type, provider.canonical(keyData)),
      status: probed?.status ?? "unchecked",
      status_reason: probed ? (probed.status === "active" ? null : probed.reason) : null,
      priority: input.priority ?? 100,
      shared_access: input.sharedAccess ?? false,
      shared_routes: input.sharedRoutes ?? "inference",
      fallback: input.fallback ?? "allowed",
      limits: json(input.limits),
      per_user_limits: json(input.perUserLimits),
      allowed_models: input.allowedModels ?? null,
      expires_at: input.expiresAt ?? null,
      rotate_every: input.rotateEvery ?? null,
      on_revoke: input.onRevoke ?? "close",
      tags: input.tags ?? [],
      metadata: JSON.stringify(provider.metadata(keyData)),
      idempotency_key: input.idempotencyKey ?? null,
      idempotency_digest: input.idempotencyKey === undefined ? null : digest,
      live_version: version,
      created_at: now,
      updated_at: now,
      // Whoever could not be asked now is asked again by the worker; `skip` means that nobody asks.
      next_check_at: probed || input.validate === "skip" ? (probed?.until ?? null) : now,
    })
    .execute();
  await trx
    .insertInto("key_versions")
    .values({ owner_id: owner.id, key_id: keyId, version, sealed: Buffer.from(sealed), tenant_key_version: tenantKey.version, created_at: now })
    .execute();
  if (probed) {
    await trx
      .insertInto("key_health")
      .values({
        owner_id: owner.id,
        key_id: keyId,
        checked_at: now,
        latency_ms: probed.latencyMs,
        exhausted_until: probed.until,
        reasons: probed.reason === null ? [] : [probed.reason],
        balance_amount: probed.balance?.amount ?? null,
        balance_currency: probed.balance?.currency ?? null,
      })
      .execute();
  }
  await appendAudit(trx, core, { ownerId: owner.id, actor: scope.actor, action: "key.added", target: keyId, details: { provider: provider.type, environment: input.environment } });
  await markChanged(trx, [owner.id]);
}

/** Undefined where the provider cannot say now: the key is stored as `unchecked`. */
async function probeNow(scope: Scope, provider: Provider, keyData: KeyData): Promise<Probed | undefined> {
  let probed: Probed;
  try {
    probed = await probe(scope.core, provider, keyData);
  } catch (error) {
    scope.core.logger.info({ provider: provider.type, code: "PROVIDER_UNAVAILABLE" }, "a new key could not be checked yet");
    if (error instanceof ProviderUnavailableError) return undefined;
    throw error;
  }
  if (probed.status !== "invalid") return probed;
  throw new KeyValidationError(`${provider.name} refused the key: ${probed.reason}`, {
    details: { field: "keyData", problem: "refused", provider: provider.type, providerCode: probed.failure.code },
  });
}

/** What was sent, without its secret: the same body gives the same text. */
function idempotencyDigest(scope: Scope, owner: OwnerRef, provider: Provider, keyData: KeyData, input: Input): string {
  const { keyData: _keyData, idempotencyKey: _idempotencyKey, validate: _validate, ...rest } = input;
  const body = canonicalize({ ...rest, expiresAt: rest.expiresAt?.toISOString() ?? null, canonical: provider.canonical(keyData) }) ?? "";
  return scope.core.keyring.fingerprint(owner.id, "idempotency", body);
}

async function sentBefore(scope: Scope, owner: OwnerRef, idempotencyKey: string, digest: string): Promise<string | undefined> {
  const row = await scope.core.database.inTenant({ owners: [owner.id] }, (trx) =>
    trx.selectFrom("keys").select(["key_id", "idempotency_digest"]).where("owner_id", "=", owner.id).where("idempotency_key", "=", idempotencyKey).executeTakeFirst(),
  );
  if (!row) return undefined;
  if (row.idempotency_digest === digest) return row.key_id;
  throw new ConflictError("idempotencyKey: was used before with another body; take a new one for a new key", { details: { field: "idempotencyKey", keyId: row.key_id } });
}

async function sameSecret(scope: Scope, owner: OwnerRef, provider: Provider, keyData: KeyData, input: Input): Promise<ConflictError> {
  const { core } = scope;
  const row = await core.database.inTenant({ owners: [owner.id] }, (trx) =>
    trx
      .selectFrom("keys")
      .select("key_id")
      .where("owner_id", "=", owner.id)
      .where("provider", "=", provider.type)
      .where("environment", "=", input.environment)
      .where("fingerprint", "=", core.keyring.fingerprint(owner.id, provider.type, provider.canonical(keyData)))
      .executeTakeFirst(),
  );
  return new ConflictError(`This ${provider.name} key is stored already for this owner and environment; update or rotate it instead.`, { details: row ? { keyId: row.key_id } : {} });
}

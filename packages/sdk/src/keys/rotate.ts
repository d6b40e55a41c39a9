/**
 * New contents for a key that stays what it is: its id, limits, usage and settings. A key has its live version and at most
 * one before it, whose grace lasts; a further rotation or a rollback ends that grace.
 */
import { ConfigurationError, ConflictError, InvalidInputError } from "@stack-2025/byok-crypto";
import { ConstraintViolation, type TenantTransaction } from "@stack-2025/byok-db";
import { hintOf, providerFor, type KeyData, type Provider } from "@stack-2025/byok-providers";
import { appendAudit } from "../audit/append.ts";
import type { KeyRecord, RotateOptions } from "../byok.ts";
import { parseInput, rotateOptions } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { markChanged } from "../use/changes.ts";
import { findKey, type FoundKey } from "./find.ts";
import { keyFingerprint, secretFingerprints } from "./fingerprints.ts";
import { probeNow, type Probed } from "./probe.ts";
import { readRecord } from "./read.ts";
import { momentOf, type Moment } from "./same-moment.ts";
import { openKeyData, sealKeyData } from "./sealed-key-data.ts";

/**
 * The new version goes live in one step: a reader sees the old one or the new one, whole. The provider is asked first,
 * outside of any transaction. The old version stays for `graceMs` (24 hours) as the last resort of calls, and for rollback.
 *
 * @throws KeyValidationError a field is malformed, or the provider refused the key; nothing has changed
 * @throws ConflictError it is the secret that is live, or one of another key of the owner's; or the key changed meanwhile
 * @throws KeyNotFoundError
 */
export async function rotateKey(scope: Scope, keyId: string, newKeyData: unknown, given: RotateOptions = {}): Promise<KeyRecord> {
  const { core } = scope;
  const moment = momentOf(core, keyId);
  const { validate, graceMs } = parseInput(rotateOptions, given);
  const found = await findKey(scope, keyId, "keys:write");
  const provider = providerFor(found.provider);
  requireManaged(found, newKeyData);
  const keyData = provider.parse(newKeyData, core.baseUrl(provider.type));
  const fingerprint = keyFingerprint(core.keyring, found.ownerId, provider, keyData);
  if (found.fingerprint === fingerprint) {
    throw new ConflictError(`keyData: is the ${provider.name} secret that this key has already; issue a new one at the provider and give that.`, { details: { keyId, field: "keyData" } });
  }
  const probed = validate === "now" ? await probeNow(core, provider, keyData) : undefined;
  const step: Step = { moment, found, provider, keyData, fingerprint, probed, recheck: validate !== "skip", graceMs, action: "key.rotated" };
  await putLive(scope, step);
  core.resolver.drop(found.ownerId);
  return readRecord(scope, found.ownerId, keyId);
}

/**
 * Back to the contents of the version before, as a further version. The contents that are left are destroyed.
 *
 * @throws ConflictError there is no version before, or its grace has ended; or the key changed meanwhile
 * @throws EncryptionError the earlier record does not open
 * @throws KeyNotFoundError
 */
export async function rollbackKey(scope: Scope, keyId: string): Promise<KeyRecord> {
  const { core } = scope;
  const moment = momentOf(core, keyId);
  const found = await findKey(scope, keyId, "keys:write");
  const provider = providerFor(found.provider);
  const earlier = await readEarlier(scope, found, provider);
  const step: Step = {
    moment, found, provider, keyData: earlier.keyData, fingerprint: keyFingerprint(core.keyring, found.ownerId, provider, earlier.keyData), probed: undefined, recheck: true,
    graceMs: 0, action: "key.rolled_back", contentsSince: earlier.createdAt,
  };
  await putLive(scope, step);
  core.resolver.drop(found.ownerId);
  return readRecord(scope, found.ownerId, keyId);
}

interface Step {
  moment: Moment;
  /** As it was when the caller's call began: a key that has changed since is not overwritten. */
  found: FoundKey;
  provider: Provider;
  keyData: KeyData;
  fingerprint: string;
  /** Undefined: nobody has been asked. */
  probed: Probed | undefined;
  /** Whoever was not asked now is asked by the worker. */
  recheck: boolean;
  graceMs: number;
  action: "key.rotated" | "key.rolled_back";
  /** Where the contents are older than this version. */
  contentsSince?: Date;
}

async function putLive(scope: Scope, step: Step): Promise<void> {
  const { found, provider } = step;
  try {
    await scope.core.database.inTenant({ owners: [found.ownerId] }, (trx) => put(trx, scope, step));
    step.moment.end();
  } catch (error) {
    if (!(error instanceof ConstraintViolation) || error.constraint !== "keys_same_secret") throw error;
    throw new ConflictError(`This ${provider.name} secret is that of another key of this owner and environment; use that key, or give another secret.`, {
      details: { keyId: found.keyId, field: "keyData" },
    });
  }
}

async function put(trx: TenantTransaction, scope: Scope, { moment, found, provider, keyData, fingerprint, probed, recheck, graceMs, action, contentsSince }: Step): Promise<void> {
  const { core } = scope;
  const { ownerId, keyId } = found;
  const now = core.clock.now();
  const key = await trx
    .selectFrom("keys")
    .select(["live_version", "status", "status_reason", "expires_at"])
    .where("owner_id", "=", ownerId)
    .where("key_id", "=", keyId)
    .forUpdate()
    .executeTakeFirst();
  // The first of several at once wins; the others have not seen what they would replace.
  if (!key || key.live_version !== found.liveVersion || moment.passed()) throw changedMeanwhile(keyId);

  const tenantKey = await core.keyring.tenantKey(trx, ownerId);
  const version = key.live_version + 1;
  const place = { ownerId, keyId, keyVersion: version, custody: "managed" as const, provider: provider.type, environment: found.environment };
  const sealed = sealKeyData(core.keyring, tenantKey, keyData, place);
  await trx
    .insertInto("key_versions")
    .values({
      owner_id: ownerId, key_id: keyId, version, sealed: Buffer.from(sealed), tenant_key_version: tenantKey.version,
      secret_fingerprints: secretFingerprints(core.keyring, ownerId, provider, keyData), created_at: contentsSince ?? now,
    })
    .execute();
  const kept = graceMs > 0 ? key.live_version : version;
  await trx.deleteFrom("key_versions").where("owner_id", "=", ownerId).where("key_id", "=", keyId).where("version", "<", kept).execute();
  if (kept < version) {
    await trx
      .updateTable("key_versions")
      .set({ usable_until: new Date(now.getTime() + graceMs) })
      .where("owner_id", "=", ownerId)
      .where("key_id", "=", keyId)
      .where("version", "=", kept)
      .execute();
  }

  // Disabled is a decision about the key; all else was said of the secret that goes.
  const status = key.status === "disabled" ? { status: key.status, status_reason: key.status_reason } : { status: probed?.status ?? "unchecked", status_reason: probed && probed.status !== "active" ? probed.reason : null };
  await trx
    .updateTable("keys")
    .set({
      ...status,
      hint: hintOf(provider.principal(keyData)),
      fingerprint,
      metadata: JSON.stringify(provider.metadata(keyData)),
      live_version: version,
      // An expiry date that has passed was the old secret's.
      ...(key.expires_at !== null && key.expires_at <= now && { expires_at: null }),
      updated_at: now,
      next_check_at: probed ? probed.until : recheck ? now : null,
    })
    .where("owner_id", "=", ownerId)
    .where("key_id", "=", keyId)
    .execute();
  const health = {
    checked_at: probed ? now : null,
    latency_ms: probed?.latencyMs ?? null,
    consecutive_failures: 0,
    exhausted_until: probed?.until ?? null,
    balance_amount: probed?.balance?.amount ?? null,
    balance_currency: probed?.balance?.currency ?? null,
    reasons: probed?.reason ? [probed.reason] : [],
    unreadable_since: null,
  };
  await trx
    .insertInto("key_health")
    .values({ owner_id: ownerId, key_id: keyId, ...health })
    .onConflict((same) => same.columns(["owner_id", "key_id"]).doUpdateSet(health))
    .execute();
  await appendAudit(trx, core, { ownerId, actor: scope.actor, action, target: keyId, details: { version, from: key.live_version, ...(action === "key.rotated" && { graceMs }) } });
  await markChanged(trx, [ownerId]);
}

async function readEarlier(scope: Scope, { ownerId, keyId, liveVersion, environment }: FoundKey, provider: Provider): Promise<{ keyData: KeyData; createdAt: Date }> {
  const { core } = scope;
  const row = await core.database.inTenant({ owners: [ownerId] }, (trx) =>
    trx
      .selectFrom("key_versions")
      .innerJoin("tenant_keys", (join) => join.onRef("tenant_keys.owner_id", "=", "key_versions.owner_id").onRef("tenant_keys.version", "=", "key_versions.tenant_key_version"))
      .select(["key_versions.version", "key_versions.sealed", "key_versions.usable_until", "key_versions.created_at", "tenant_keys.version as tenant_key_version", "tenant_keys.wrapped"])
      .where("key_versions.owner_id", "=", ownerId)
      .where("key_versions.key_id", "=", keyId)
      .where("key_versions.version", "=", liveVersion - 1)
      .executeTakeFirst(),
  );
  if (!row || row.usable_until === null || row.usable_until <= core.clock.now()) {
    throw new ConflictError("There is no earlier version whose grace lasts; rotate the key to the secret that you want.", { details: { keyId, reason: "no_earlier_version" } });
  }
  const tenantKey = core.keyring.unwrap(ownerId, row.tenant_key_version, row.wrapped);
  const place = { ownerId, keyId, keyVersion: row.version, custody: "managed" as const, provider: provider.type, environment };
  return { keyData: openKeyData(core.keyring, tenantKey, row.sealed, place), createdAt: row.created_at };
}

/** For whoever lost a race. */
export function changedMeanwhile(keyId: string): ConflictError {
  return new ConflictError("The key was rotated, rolled back or deleted at the same moment; look at it again, then repeat what is still wanted.", {
    details: { keyId, reason: "changed_meanwhile" },
  });
}

function requireManaged({ custody }: FoundKey, newKeyData: unknown): void {
  if (typeof newKeyData === "object" && newKeyData !== null && "sealed" in newKeyData) {
    throw new ConfigurationError("custody: sealed keys are not available in this version; rotate with the key data itself", { details: { field: "custody" } });
  }
  if (custody === "managed") return;
  const message = "is sealed to its owner; what replaces it has to be sealed too";
  throw new InvalidInputError(`newKeyData: ${message}`, { issues: [{ path: "newKeyData", message }] });
}

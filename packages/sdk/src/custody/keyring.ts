import { LRUCache } from "lru-cache";
import {
  auditMac, ConfigurationError, EncryptionError, envelopeKeyVersion, fingerprint, makeTenantKey, openCursor, openRecord, rewrapTenantKey, sealCursor, sealRecord, unwrapTenantKey,
  type InstallationPurpose, type RecordPlace, type TenantKey, type WrapKey,
} from "@stack-2025/byok-crypto";
import type { Database, TenantTransaction } from "@stack-2025/byok-db";
import type { Logger } from "../byok.ts";
import { loadKeys, type LoadedKey, type LoadedKeys } from "./installation-keys.ts";
import { deadAfterMs } from "./processes.ts";
import type { Roots } from "./roots.ts";

/** Unwrapped tenant keys are few and short-lived: they open everything of their owner. */
const tenantKeysHeld = 10_000;
const tenantKeyTtlMs = 5 * 60_000;
/** An operator hears of a root that is not known once in this time, not at each look. */
const alarmEveryMs = 60_000;
/** Records that name a key nobody has are no reason to ask the database at each of them. */
const missAgainAfterMs = 1_000;

interface State {
  readonly rootKeyId: string;
  /** Of the last change of the installation's keys that is loaded whole. */
  readonly version: number;
  readonly keys: ReadonlyMap<string, LoadedKey>;
  readonly live: Record<InstallationPurpose, WrapKey>;
}

export interface KeyringParts {
  database: Database;
  roots: Roots;
  logger: Logger;
  /** This process's row. */
  processId: string;
}

/**
 * The keys of this process: the installation's, unwrapped by the root key, and the tenants', unwrapped when needed. Nothing
 * outside this room sees a key; it seals, opens, and makes the digests that are keyed. The installation's keys change while
 * the process runs: they are looked at again when a rotation says so, and when a record names a version that is not held.
 */
export class Keyring {
  readonly roots: Roots;
  readonly processId: string;
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #installationId: string;
  readonly #tenantKeys = new LRUCache<string, TenantKey>({ max: tenantKeysHeld, ttl: tenantKeyTtlMs });
  #state: State;
  #loading: Promise<void> | undefined;
  #confirmedAt = performance.now();
  #alarmedAt = -Infinity;
  #missedAt = -Infinity;

  constructor({ database, roots, logger, processId }: KeyringParts, loaded: LoadedKeys) {
    this.#database = database;
    this.#logger = logger;
    this.#installationId = database.installation.id;
    this.roots = roots;
    this.processId = processId;
    this.#state = stateOf(loaded, loaded.version);
  }

  /** The root key that the installation names, as far as this process has heard. */
  get rootKeyId(): string {
    return this.#state.rootKeyId;
  }

  get version(): number {
    return this.#state.version;
  }

  /** The owner's live tenant key; made with its first record. The caller's transaction makes owner, key and record one. */
  async tenantKey(trx: TenantTransaction, ownerId: string): Promise<TenantKey> {
    const found = await this.#liveTenantKey(trx, ownerId);
    if (found) return found;
    // A process that was asleep may hold what was replaced meanwhile: it looks before it makes.
    if (performance.now() - this.#confirmedAt > deadAfterMs) await this.reload();
    const { wrapped } = this.makeTenantKey(ownerId, 1);
    // Two first records at once make one key: the second insert waits for the first transaction and then finds its row.
    await trx.insertInto("tenant_keys").values({ owner_id: ownerId, version: 1, wrapped: Buffer.from(wrapped) }).onConflict((same) => same.doNothing()).execute();
    const made = await this.#liveTenantKey(trx, ownerId);
    if (!made) throw new Error("the tenant key that was just written is not there");
    return made;
  }

  async #liveTenantKey(trx: TenantTransaction, ownerId: string): Promise<TenantKey | undefined> {
    const row = await trx
      .selectFrom("tenant_keys")
      .select(["version", "wrapped"])
      .where("owner_id", "=", ownerId)
      .where("state", "=", "live")
      .orderBy("version", "desc")
      .limit(1)
      // Held until the record is written: a rotation does not take the key away in between.
      .forKeyShare()
      .executeTakeFirst();
    if (!row) return undefined;
    await this.prepare([row.wrapped]);
    return this.unwrap(ownerId, row.version, row.wrapped);
  }

  makeTenantKey(ownerId: string, version: number): { tenantKey: TenantKey; wrapped: Uint8Array } {
    return makeTenantKey(this.#state.live["tenant-wrap"], { installationId: this.#installationId, ownerId, version });
  }

  /** The same tenant key under the live version of the installation's. @throws EncryptionError see `unwrap` */
  rewrap(ownerId: string, version: number, wrapped: Uint8Array): Uint8Array {
    return rewrapTenantKey(this.#wrapKeyOf(wrapped), this.#state.live["tenant-wrap"], wrapped, { installationId: this.#installationId, ownerId, version });
  }

  /** To be awaited before `unwrap`: what names a version that is not held is a reason to look once more. Never rejects. */
  async prepare(wrapped: readonly (Uint8Array | null)[]): Promise<void> {
    if (wrapped.every((one) => one === null || this.#knows(one)) || performance.now() - this.#missedAt < missAgainAfterMs) return;
    this.#missedAt = performance.now();
    try {
      await this.reload();
    } catch (error) {
      this.#logger.warn({ error: error instanceof Error ? error.name : "unknown" }, "the installation's keys could not be read anew");
    }
  }

  /** @throws EncryptionError the wrapped key was changed, belongs elsewhere, or is under a key that this process does not have */
  unwrap(ownerId: string, version: number, wrapped: Uint8Array): TenantKey {
    const name = `${ownerId}:${version}`;
    const held = this.#tenantKeys.get(name);
    if (held) return held;
    const tenantKey = unwrapTenantKey(this.#wrapKeyOf(wrapped), wrapped, { installationId: this.#installationId, ownerId, version });
    this.#tenantKeys.set(name, tenantKey);
    return tenantKey;
  }

  #knows(wrapped: Uint8Array): boolean {
    try {
      return this.#state.keys.has(`tenant-wrap:${envelopeKeyVersion(wrapped)}`);
    } catch {
      // No envelope of ours: no key opens it, and whoever tries is told.
      return true;
    }
  }

  #wrapKeyOf(wrapped: Uint8Array): WrapKey {
    const version = envelopeKeyVersion(wrapped);
    const found = this.#state.keys.get(`tenant-wrap:${version}`);
    if (found) return found.key;
    if (this.#mayAlarm()) this.#logger.error({ rootKeyId: this.#state.rootKeyId, version }, "ALARM: a tenant key is wrapped by an installation key that this process does not have");
    throw new EncryptionError(
      `A tenant key is wrapped by version ${version} of the installation's key, which this process does not have. Start it with the root key that the installation names, and look at \`byok doctor\`.`,
      { details: { reason: "unknown_key_version", version } },
    );
  }

  seal(tenantKey: TenantKey, plain: Uint8Array, place: Omit<RecordPlace, "installationId">): Uint8Array {
    return sealRecord(tenantKey, plain, { ...place, installationId: this.#installationId });
  }

  /** @throws EncryptionError the record does not open in this place */
  open(tenantKey: TenantKey, sealed: Uint8Array, place: Omit<RecordPlace, "installationId">): Uint8Array {
    return openRecord(tenantKey, sealed, { ...place, installationId: this.#installationId });
  }

  /** The same secret of one owner and provider gives the same text; of two owners, never. */
  fingerprint(ownerId: string, provider: string, canonical: string): string {
    return fingerprint(this.#state.live.fingerprint, { ownerId, provider }, canonical);
  }

  auditMac(ownerId: string, bytes: Uint8Array): string {
    return auditMac(this.#state.live.audit, ownerId, bytes);
  }

  /** The version of the key that `auditMac` signs with. */
  get auditKeyVersion(): number {
    return this.#state.live.audit.version;
  }

  /** As `auditMac`, under a key that may have been replaced since; undefined where this process has none of that version. */
  auditMacUnder(version: number, ownerId: string, bytes: Uint8Array): string | undefined {
    const found = this.#state.keys.get(`audit:${version}`);
    return found && auditMac(found.key, ownerId, bytes);
  }

  sealCursor(binding: string, payload: string): string {
    return sealCursor(this.#state.live.cursor, binding, payload);
  }

  /** Cursors of an earlier version hold too, but not of one that a lost root has shown. */
  openCursor(binding: string, cursor: string): string | undefined {
    for (const { purpose, key, exposed } of this.#state.keys.values()) {
      const payload = purpose === "cursor" && !exposed ? openCursor(key, binding, cursor) : undefined;
      if (payload !== undefined) return payload;
    }
    return undefined;
  }

  /** Forgets what was unwrapped of an owner. */
  forget(ownerId: string): void {
    for (const name of this.#tenantKeys.keys()) if (name.startsWith(ownerId)) this.#tenantKeys.delete(name);
  }

  /** The database was asked just now, and what is held is what is there. */
  confirm(): void {
    this.#confirmedAt = performance.now();
  }

  /**
   * Looks at the installation's keys anew. What is held stays held; what is under a root that this process does not know
   * raises an alarm, and `version` then stays where it was.
   *
   * @throws DatabaseUnavailableError · EncryptionError the root key's service cannot be reached; all is as before
   */
  reload(): Promise<void> {
    return (this.#loading ??= this.#reload().finally(() => (this.#loading = undefined)));
  }

  async #reload(): Promise<void> {
    const loaded = await loadKeys(this.#database, this.roots, this.#state.keys);
    const unknown = [...new Set(loaded.unopened.map((one) => one.rootKeyId))];
    this.#state = stateOf(loaded, unknown.length === 0 ? loaded.version : this.#state.version);
    this.confirm();
    if (!this.roots.find(loaded.rootKeyId)) unknown.push(loaded.rootKeyId);
    if (unknown.length === 0 || !this.#mayAlarm()) return;
    this.#logger.error(
      { rootKeyId: this.roots.primary.id, expectedRootKeyIds: unknown },
      "ALARM: the installation uses a root key that this process was not given; it works on with what it holds, and would not start again",
    );
  }

  #mayAlarm(): boolean {
    if (performance.now() - this.#alarmedAt < alarmEveryMs) return false;
    this.#alarmedAt = performance.now();
    return true;
  }

  close(): void {
    this.#tenantKeys.clear();
  }
}

function stateOf({ rootKeyId, keys }: LoadedKeys, version: number): State {
  const live = (purpose: InstallationPurpose): WrapKey => {
    const ofPurpose = keys.filter((one) => one.purpose === purpose && one.state === "live").map((one) => one.key);
    const [first, ...rest] = ofPurpose;
    if (!first) throw new ConfigurationError(`The installation has no ${purpose} key: table installation_keys is incomplete. Restore it from a backup.`);
    return rest.reduce((best, one) => (one.version > best.version ? one : best), first);
  };
  return {
    rootKeyId,
    version,
    keys: new Map(keys.map((one) => [`${one.purpose}:${one.key.version}`, one])),
    live: { "tenant-wrap": live("tenant-wrap"), fingerprint: live("fingerprint"), audit: live("audit"), cursor: live("cursor") },
  };
}

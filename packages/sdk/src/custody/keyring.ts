import { LRUCache } from "lru-cache";
import {
  auditMac, ConfigurationError, envelopeKeyVersion, fingerprint, fingerprinter, makeInstallationKey, makeRootCheck, makeTenantKey, openCursor, openRecord, proveRootKey, rootKeyFrom, sealCursor, sealRecord,
  unwrapInstallationKey, unwrapTenantKey, type InstallationPurpose, type RecordPlace, type RootKey, type TenantKey, type WrapKey,
} from "@stack-2025/byok-crypto";
import type { Database, InstallationTransaction, TenantTransaction } from "@stack-2025/byok-db";

type EncryptionKey = string | Uint8Array | RootKey | undefined;
const purposes: readonly InstallationPurpose[] = ["tenant-wrap", "fingerprint", "audit", "cursor"];

/** Unwrapped tenant keys are few and short-lived: they open everything of their owner. */
const tenantKeysHeld = 10_000;
const tenantKeyTtlMs = 5 * 60_000;

/**
 * The keys of this process: the installation's, unwrapped once at start by the root key, and the tenants', unwrapped when
 * needed. Nothing outside this room sees a key; it seals, opens, and makes the digests that are keyed.
 */
export class Keyring {
  readonly rootKeyId: string;
  readonly #installationId: string;
  readonly #keys: ReadonlyMap<string, WrapKey>;
  readonly #live: Record<InstallationPurpose, WrapKey>;
  readonly #tenantKeys = new LRUCache<string, TenantKey>({ max: tenantKeysHeld, ttl: tenantKeyTtlMs });

  constructor(installationId: string, rootKeyId: string, keys: readonly { purpose: InstallationPurpose; key: WrapKey }[]) {
    this.#installationId = installationId;
    this.rootKeyId = rootKeyId;
    this.#keys = new Map(keys.map(({ purpose, key }) => [`${purpose}:${key.version}`, key]));
    this.#live = Object.fromEntries(purposes.map((purpose) => [purpose, newest(keys, purpose)])) as Record<InstallationPurpose, WrapKey>;
  }

  /** The owner's live tenant key; made with its first record. The caller's transaction makes owner, key and record one. */
  async tenantKey(trx: TenantTransaction, ownerId: string): Promise<TenantKey> {
    const found = await this.#liveTenantKey(trx, ownerId);
    if (found) return found;
    // An owner that was deleted and is back: a process may still hold the destroyed key, by the version that it had.
    const destroyed = await trx.selectFrom("owners").select("last_tenant_key_version").where("owner_id", "=", ownerId).executeTakeFirst();
    const version = (destroyed?.last_tenant_key_version ?? 0) + 1;
    const { wrapped } = makeTenantKey(this.#live["tenant-wrap"], { installationId: this.#installationId, ownerId, version });
    // Two first records at once make one key: the second insert waits for the first transaction and then finds its row.
    await trx.insertInto("tenant_keys").values({ owner_id: ownerId, version, wrapped: Buffer.from(wrapped) }).onConflict((same) => same.doNothing()).execute();
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
      .executeTakeFirst();
    return row && this.unwrap(ownerId, row.version, row.wrapped);
  }

  /** @throws EncryptionError the wrapped key was changed, or belongs elsewhere */
  unwrap(ownerId: string, version: number, wrapped: Uint8Array): TenantKey {
    const name = `${ownerId}:${version}`;
    const held = this.#tenantKeys.get(name);
    if (held) return held;
    const wrapKey = this.#keys.get(`tenant-wrap:${envelopeKeyVersion(wrapped)}`) ?? this.#live["tenant-wrap"];
    const tenantKey = unwrapTenantKey(wrapKey, wrapped, { installationId: this.#installationId, ownerId, version });
    this.#tenantKeys.set(name, tenantKey);
    return tenantKey;
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
    return fingerprint(this.#live.fingerprint, { ownerId, provider }, canonical);
  }

  /** `fingerprint` for many secrets of one owner. */
  fingerprinter(ownerId: string): (provider: string, canonical: string) => string {
    return fingerprinter(this.#live.fingerprint, ownerId);
  }

  auditMac(ownerId: string, bytes: Uint8Array): string {
    return auditMac(this.#live.audit, ownerId, bytes);
  }

  sealCursor(binding: string, payload: string): string {
    return sealCursor(this.#live.cursor, binding, payload);
  }

  openCursor(binding: string, cursor: string): string | undefined {
    return openCursor(this.#live.cursor, binding, cursor);
  }

  /** Forgets what was unwrapped of an owner. */
  forget(ownerId: string): void {
    for (const name of this.#tenantKeys.keys()) if (name.startsWith(ownerId)) this.#tenantKeys.delete(name);
  }

  close(): void {
    this.#tenantKeys.clear();
  }
}

/**
 * Proves the root key against the installation's check record, before anything is written, and unwraps the installation
 * keys. A new installation is given the root key of the first process that comes.
 *
 * @throws ConfigurationError the root key is malformed, or is not the one that the installation names
 */
export async function openKeyring(database: Database, encryptionKey: EncryptionKey, previous: readonly EncryptionKey[]): Promise<Keyring> {
  const { id, kdfSalt, kdfIterations } = database.installation;
  const derivation = { salt: kdfSalt, iterations: kdfIterations };
  const roots = await Promise.all([encryptionKey, ...previous].map((key) => rootKeyFrom(key, derivation)));
  const current = roots[0]!;

  const stored = await database.asInstallation((trx) => readRoot(trx));
  const named = stored ?? (await database.asInstallation((trx) => installRoot(trx, id, current)));
  const root = roots.find((one) => one.id === named.rootKeyId);
  if (!root || !(await proveRootKey(root, id, named.check))) throw wrongRootKey(named.rootKeyId, roots);

  const rows = await database.asInstallation((trx) => trx.selectFrom("installation_keys").select(["purpose", "version", "root_key_id", "wrapped"]).execute());
  const keys = await Promise.all(
    rows.map(async (row) => {
      const wrappedBy = roots.find((one) => one.id === row.root_key_id);
      if (!wrappedBy) throw wrongRootKey(row.root_key_id, roots);
      const purpose = row.purpose as InstallationPurpose;
      return { purpose, key: await unwrapInstallationKey(wrappedBy, row.wrapped, { installationId: id, purpose, version: row.version }) };
    }),
  );
  return new Keyring(id, named.rootKeyId, keys);
}

interface NamedRoot {
  rootKeyId: string;
  check: Uint8Array;
}

async function readRoot(trx: InstallationTransaction): Promise<NamedRoot | undefined> {
  const row = await trx
    .selectFrom("installation")
    .innerJoin("root_keys", "root_keys.root_key_id", "installation.root_key_id")
    .select(["root_keys.root_key_id", "root_keys.check_record"])
    .executeTakeFirst();
  return row && { rootKeyId: row.root_key_id, check: row.check_record };
}

/** Two first processes with different root keys: one installs its own, the other then finds that it has the wrong one. */
async function installRoot(trx: InstallationTransaction, installationId: string, root: RootKey): Promise<NamedRoot> {
  await trx.selectFrom("installation").select("installation_id").forUpdate().execute();
  const already = await readRoot(trx);
  if (already) return already;
  const check = await makeRootCheck(root, installationId);
  await trx.insertInto("root_keys").values({ root_key_id: root.id, check_record: Buffer.from(check) }).execute();
  for (const purpose of purposes) {
    const { wrapped } = await makeInstallationKey(root, { installationId, purpose, version: 1 });
    await trx.insertInto("installation_keys").values({ purpose, version: 1, root_key_id: root.id, wrapped: Buffer.from(wrapped) }).execute();
  }
  await trx.updateTable("installation").set({ root_key_id: root.id }).execute();
  return { rootKeyId: root.id, check };
}

function wrongRootKey(expected: string, found: readonly RootKey[]): ConfigurationError {
  const ids = found.map((one) => one.id);
  return new ConfigurationError(
    `The root key is not this installation's: it needs ${expected}, and was given ${ids.join(", ")}. ` +
      "Set BYOK_ENCRYPTION_KEY (option encryptionKey) to the key that this database was set up with. Nothing was written.",
    { details: { setting: "BYOK_ENCRYPTION_KEY", expected, found: ids } },
  );
}

function newest(keys: readonly { purpose: InstallationPurpose; key: WrapKey }[], purpose: InstallationPurpose): WrapKey {
  const ofPurpose = keys.filter((one) => one.purpose === purpose).map((one) => one.key);
  const [first, ...rest] = ofPurpose;
  if (!first) throw new ConfigurationError(`The installation has no ${purpose} key: table installation_keys is incomplete. Restore it from a backup.`);
  return rest.reduce((best, one) => (one.version > best.version ? one : best), first);
}

/** The installation's own keys as they are stored: read and unwrapped, each once in the life of a process. */
import { unwrapInstallationKey, type InstallationPurpose, type WrapKey } from "@stack-2025/byok-crypto";
import type { Database } from "@stack-2025/byok-db";
import type { Roots } from "./roots.ts";

export const purposes: readonly InstallationPurpose[] = ["tenant-wrap", "fingerprint", "audit", "cursor"];

export interface LoadedKey {
  readonly purpose: InstallationPurpose;
  readonly key: WrapKey;
  /** Nothing is made with a candidate yet, but what others make with it opens. */
  readonly state: "candidate" | "live";
  /** A lost root has shown it: nothing new is made with it. */
  readonly exposed: boolean;
}

export interface LoadedKeys {
  rootKeyId: string;
  version: number;
  keys: LoadedKey[];
  /** Under a root key that this process was not given. */
  unopened: { purpose: InstallationPurpose; version: number; rootKeyId: string }[];
}

/**
 * Keys that are held already are not unwrapped again: a rotation of the root changes what is around them, never what they are.
 *
 * @throws EncryptionError a row is damaged, or the root key's service cannot be reached
 */
export async function loadKeys(database: Database, roots: Roots, held: ReadonlyMap<string, LoadedKey> = new Map()): Promise<LoadedKeys> {
  const { named, rows } = await database.asInstallation(async (trx) => ({
    named: await trx.selectFrom("installation").select(["root_key_id", "keyring_version"]).executeTakeFirstOrThrow(),
    rows: await trx.selectFrom("installation_keys").select(["purpose", "version", "root_key_id", "wrapped", "state", "exposed"]).orderBy("purpose").orderBy("version").execute(),
  }));
  const loaded: LoadedKeys = { rootKeyId: named.root_key_id ?? "", version: named.keyring_version, keys: [], unopened: [] };
  for (const row of rows) {
    const purpose = row.purpose as InstallationPurpose;
    const { version, exposed } = row;
    const root = roots.find(row.root_key_id);
    const key =
      held.get(`${purpose}:${version}`)?.key ??
      (root && (await unwrapInstallationKey(root, row.wrapped, { installationId: database.installation.id, purpose, version })));
    if (key) loaded.keys.push({ purpose, key, state: row.state as LoadedKey["state"], exposed });
    else loaded.unopened.push({ purpose, version, rootKeyId: row.root_key_id });
  }
  return loaded;
}

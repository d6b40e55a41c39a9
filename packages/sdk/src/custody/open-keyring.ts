/** How a process comes to its keys: prove the root, unwrap, and sign in among the living, all before anything else is written. */
import { ConfigurationError, makeInstallationKey, makeRootCheck, proveRootKey, type RootKey } from "@stack-2025/byok-crypto";
import type { Database, InstalledRoot, InstallationTransaction } from "@stack-2025/byok-db";
import type { Logger } from "../byok.ts";
import { loadKeys, purposes, type LoadedKeys } from "./installation-keys.ts";
import { Keyring } from "./keyring.ts";
import { writeProcess } from "./processes.ts";
import { missingPreviousRoot, type Roots } from "./roots.ts";

/** Rotations that end one after another while a process starts are not to be expected. */
const mostTries = 5;

/**
 * Proves the root key against the installation's check record, before anything is written, and unwraps the installation
 * keys. A new installation is given the root key of the first process that comes. The process's row is written in a
 * transaction that no promotion of a root can pass: either the rotation sees the process, or the process the new root.
 *
 * @throws ConfigurationError the root key is not the one that the installation names
 */
export async function openKeyring(database: Database, roots: Roots, options: { processId: string; logger: Logger }): Promise<Keyring> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const named = (await database.asInstallation((trx) => readRoot(trx))) ?? (await database.asInstallation((trx) => installRoot(trx, database.installation.id, roots.primary)));
    await roots.prove(database.installation.id, named);
    const loaded = await loadKeys(database, roots);
    const candidate = await requireSoundCandidate(database, roots.primary);
    const missing = loaded.unopened[0];
    if (missing) throw missingPreviousRoot(missing.rootKeyId, roots.ids);
    if (await signIn(database, roots, loaded, options.processId, candidate)) return new Keyring({ database, roots, ...options }, loaded);
  }
  throw new ConfigurationError("The installation's keys changed at each look. Start again when the rotation of the root key has ended.");
}

/** False where the keys changed since they were loaded. */
function signIn(database: Database, roots: Roots, loaded: LoadedKeys, processId: string, candidate: Uint8Array | undefined): Promise<boolean> {
  return database.asInstallation(async (trx) => {
    const now = await trx.selectFrom("installation").select(["root_key_id", "keyring_version"]).forShare().executeTakeFirstOrThrow();
    if (now.root_key_id !== loaded.rootKeyId || now.keyring_version !== loaded.version) return false;
    await writeProcess(trx, { processId, rootKeyIds: roots.ids, keyringVersion: loaded.version, clockOffsetMs: 0 });
    if (candidate) {
      await trx
        .insertInto("root_keys")
        .values({ root_key_id: roots.primary.id, check_record: Buffer.from(candidate), state: "candidate" })
        .onConflict((same) => same.doNothing())
        .execute();
    }
    return true;
  });
}

/**
 * The check record for a root key that is new here, so that every process with a key of that name is held to be the same.
 * Undefined where the installation has one.
 */
async function requireSoundCandidate(database: Database, root: RootKey): Promise<Uint8Array | undefined> {
  const { id } = database.installation;
  const row = await database.asInstallation((trx) => trx.selectFrom("root_keys").select(["check_record", "state"]).where("root_key_id", "=", root.id).executeTakeFirst());
  if (!row) return makeRootCheck(root, id);
  if (row.state !== "candidate" || (await proveRootKey(root, id, row.check_record))) return undefined;
  throw new ConfigurationError(
    `Another process knows a different key by the name ${root.id}: its check record does not open under the root key given here. Nothing was written.`,
    { details: { setting: "BYOK_ENCRYPTION_KEY", found: [root.id] } },
  );
}

async function readRoot(trx: InstallationTransaction): Promise<InstalledRoot | undefined> {
  const row = await trx
    .selectFrom("installation")
    .innerJoin("root_keys", "root_keys.root_key_id", "installation.root_key_id")
    .select(["root_keys.root_key_id", "root_keys.check_record"])
    .executeTakeFirst();
  return row && { rootKeyId: row.root_key_id, check: row.check_record };
}

/** Two first processes with different root keys: one installs its own, the other then finds that it has the wrong one. */
async function installRoot(trx: InstallationTransaction, installationId: string, root: RootKey): Promise<InstalledRoot> {
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

/** Proves root keys against an installation that this process does not join: nothing is written, no row is kept. */
import { makeRootCheck, proveRootKey, unwrapInstallationKey, type InstallationPurpose, type RootKey } from "@stack-2025/byok-crypto";
import type { Database } from "@stack-2025/byok-db";
import type { Roots } from "./roots.ts";

export interface VerifiedRoot {
  rootKeyId: string;
  /**
   * `in use`: it opens this installation. `candidate`: it wraps and unwraps, and a rotation may lead to it. `still needed`: some
   * keys wait to be wrapped by the next one. `retired`: it opens nothing any more. `another`: the installation knows a different key by this name.
   */
  state: "in use" | "candidate" | "still needed" | "retired" | "another";
  /** Keys of the installation that it opens. */
  opens: number;
}

export interface VerifiedRoots {
  /** The one that the installation names; null where none was installed yet. */
  installed: string | null;
  /** Root keys without which not everything opens, and that were not given. */
  missing: string[];
  roots: VerifiedRoot[];
}

/** @throws EncryptionError a root key's service cannot be reached, or a key's row is damaged */
export async function verifyRoots(database: Database, roots: Roots): Promise<VerifiedRoots> {
  const { id } = database.installation;
  const found = await database.asInstallation(async (trx) => ({
    named: (await trx.selectFrom("installation").select("root_key_id").executeTakeFirstOrThrow()).root_key_id,
    known: await trx.selectFrom("root_keys").select(["root_key_id", "check_record", "state"]).execute(),
    keys: await trx.selectFrom("installation_keys").select(["purpose", "version", "root_key_id", "wrapped"]).execute(),
  }));
  const verified: VerifiedRoot[] = [];
  for (const root of roots.all) {
    const row = found.known.find((one) => one.root_key_id === root.id);
    const mine = found.keys.filter((one) => one.root_key_id === root.id);
    if (row?.state === "retired") {
      verified.push({ rootKeyId: root.id, state: "retired", opens: 0 });
    } else if (!(await proves(root, id, row?.check_record))) {
      verified.push({ rootKeyId: root.id, state: "another", opens: 0 });
    } else {
      for (const key of mine) await unwrapInstallationKey(root, key.wrapped, { installationId: id, purpose: key.purpose as InstallationPurpose, version: key.version });
      const state = root.id === found.named ? "in use" : row?.state === "live" ? "still needed" : "candidate";
      verified.push({ rootKeyId: root.id, state, opens: mine.length });
    }
  }
  const needed = new Set([...(found.named === null ? [] : [found.named]), ...found.keys.map((one) => one.root_key_id)]);
  const proved = new Set(verified.filter((one) => one.state !== "another").map((one) => one.rootKeyId));
  return { installed: found.named, missing: [...needed].filter((one) => !proved.has(one)), roots: verified };
}

/** Without a record of its own the key has to undo what it just did: a service that is set up wrongly shows here. */
async function proves(root: RootKey, installationId: string, check: Uint8Array | undefined): Promise<boolean> {
  return proveRootKey(root, installationId, check ?? (await makeRootCheck(root, installationId)));
}

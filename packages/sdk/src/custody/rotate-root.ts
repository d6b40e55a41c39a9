/**
 * Changing the root key under running processes. Every step is a transaction that leaves an installation which works, and
 * what is left to do is read from the tables each time: a run that was killed anywhere is finished by the next.
 *
 *     promote   the installation names the new root; refused while a living process does not know it
 *     rewrap    the few installation keys, one by one; the keys stay the same, so nothing below notices
 *     retire    the old root wraps nothing any more; its check record goes
 *     replace   what a lost root has shown: new installation keys, new tenant keys, records sealed anew
 */
import { sql } from "kysely";
import { ConfigurationError, ConflictError, makeRootCheck, proveRootKey, rewrapInstallationKey, type InstallationPurpose } from "@stack-2025/byok-crypto";
import type { InstallationTransaction } from "@stack-2025/byok-db";
import { appendAudit } from "../audit/append.ts";
import { ensureOwner } from "../keys/store.ts";
import { signalKeyring } from "./keyring-signal.ts";
import { liveProcesses, namesOf } from "./processes.ts";
import { newKeysNeeded, replaceExposed, rewrapTenantKeys } from "./replace-keys.ts";
import { missingPreviousRoot } from "./roots.ts";
import type { RotationCore } from "./rotation-core.ts";
import { rotationState } from "./rotation-state.ts";

export interface RotateRoot {
  /** The old root is in other hands: what it has shown is replaced too, which takes a look at every record. */
  compromised?: boolean | undefined;
  /** Make new installation keys too, and wrap every tenant key anew; the tenant keys and their records stay. */
  installationKeys?: boolean | undefined;
  /** Who the audit names. */
  actor: string;
}

export interface RootRotation {
  /** The root that the installation now names. */
  rootKeyId: string;
  /** Roots that this run took out of use. */
  retired: string[];
  /** Records whose seal does not open: they keep their old key, and need a backup or a new secret. */
  unopened: string[];
  /** Keys of the installation and of tenants that this run wrapped or made anew. */
  rewrapped: number;
  /** Those that are left. Run it again; where it stays above zero, `unopened` says why. */
  remaining: number;
}

const lockName = "byok root rotation";

/**
 * Makes the first of this process's root keys the installation's, or goes on with a rotation that has not ended.
 *
 * @throws ConflictError another rotation runs (`details.reason: "rotation_running"`); a living process does not know the new
 * root or does not follow (`details.processes`); nothing was changed, or the next run goes on
 * @throws ConfigurationError the root was retired before; there is nothing that `compromised` could mean; an old root is missing
 */
export async function rotateRoot(core: RotationCore, options: RotateRoot): Promise<RootRotation> {
  const done = await core.database.alone(lockName, () => rotate(core, options));
  if (done !== "taken") return done.result;
  throw new ConflictError("A rotation of the root key runs already. Let it end, or stop it: the next one goes on from there.", { details: { reason: "rotation_running" } });
}

async function rotate(core: RotationCore, options: RotateRoot): Promise<RootRotation> {
  const { database, keyring } = core;
  const rootKeyId = keyring.roots.primary.id;
  const before = await database.asInstallation((trx) => readState(trx, rootKeyId));
  if (before.retiredAt) {
    throw new ConfigurationError(
      `The root key ${rootKeyId} was retired on ${before.retiredAt.toISOString().slice(0, 10)}, and does not come back. Set BYOK_ENCRYPTION_KEY to a new one, and BYOK_ENCRYPTION_KEY_PREVIOUS to ${before.named}.`,
      { details: { setting: "BYOK_ENCRYPTION_KEY", rootKeyId } },
    );
  }
  const promoting = before.named !== rootKeyId;
  if (options.compromised && !promoting && before.liveSince === null) {
    throw new ConfigurationError(
      "--compromised needs a new root key: everything would be wrapped by the lost one again. Set BYOK_ENCRYPTION_KEY to a new one, and BYOK_ENCRYPTION_KEY_PREVIOUS to the lost one.",
      { details: { setting: "BYOK_ENCRYPTION_KEY", rootKeyId } },
    );
  }
  if (promoting) await database.asInstallation((trx) => refuseUnaware(trx, rootKeyId));
  if (promoting) await audit(core, options, "root.rotation_started", { from: before.named, to: rootKeyId });

  if (promoting) await promote(core);
  let rewrapped = await rewrapAll(core);
  const retired = await retire(core);
  await signalKeyring(database);
  await keyring.reload();

  if (options.compromised) await expose(core);
  const replaced = await replaceExposed(core);
  rewrapped += replaced.rewrapped;
  if (options.installationKeys) rewrapped += await rewrapTenantKeys(core);

  const { remaining } = await rotationState(core);
  const report = { rootKeyId, retired, unopened: replaced.unopened, rewrapped, remaining };
  if (promoting || rewrapped > 0) {
    await audit(core, options, "root.rotated", { to: rootKeyId, rewrapped, remaining, ...(options.compromised && { compromised: true }) });
  }
  return report;
}

interface RootState {
  named: string;
  retiredAt: Date | null;
  liveSince: Date | null;
}

async function readState(trx: InstallationTransaction, rootKeyId: string): Promise<RootState> {
  const { root_key_id: named } = await trx.selectFrom("installation").select("root_key_id").executeTakeFirstOrThrow();
  const row = await trx.selectFrom("root_keys").select(["retired_at", "live_since"]).where("root_key_id", "=", rootKeyId).executeTakeFirst();
  return { named: named ?? "", retiredAt: row?.retired_at ?? null, liveSince: row?.live_since ?? null };
}

/** From here on all that is wrapped is wrapped by the new root. Nobody can start in between and miss it: see `openKeyring`. */
async function promote({ database, keyring }: RotationCore): Promise<void> {
  const root = keyring.roots.primary;
  const check = await makeRootCheck(root, database.installation.id);
  await database.asInstallation(async (trx) => {
    const { root_key_id: named } = await trx.selectFrom("installation").select("root_key_id").forUpdate().executeTakeFirstOrThrow();
    if (named === root.id) return;
    await refuseUnaware(trx, root.id);
    const known = await trx.selectFrom("root_keys").select("check_record").where("root_key_id", "=", root.id).executeTakeFirst();
    if (known && !(await proveRootKey(root, database.installation.id, known.check_record))) {
      throw new ConfigurationError(`Another process knows a different key by the name ${root.id}. Nothing was changed.`, { details: { setting: "BYOK_ENCRYPTION_KEY", rootKeyId: root.id } });
    }
    await sql`
      insert into root_keys (root_key_id, check_record, state, live_since) values (${root.id}, ${Buffer.from(check)}, 'live', now())
      on conflict (root_key_id) do update set state = 'live', live_since = now()`.execute(trx);
    await trx.updateTable("installation").set((eb) => ({ root_key_id: root.id, keyring_version: eb("keyring_version", "+", 1) })).execute();
  });
  await signalKeyring(database);
}

async function refuseUnaware(trx: InstallationTransaction, rootKeyId: string): Promise<void> {
  const unaware = (await liveProcesses(trx)).filter((one) => !one.root_key_ids.includes(rootKeyId));
  if (unaware.length === 0) return;
  throw new ConflictError(
    `${unaware.length} living ${unaware.length === 1 ? "process does" : "processes do"} not know the root key ${rootKeyId}: ${namesOf(unaware).join(", ")}. ` +
      "Start each again with the new key in BYOK_ENCRYPTION_KEY and the old one in BYOK_ENCRYPTION_KEY_PREVIOUS, then rotate. One that was killed counts for 30 seconds more. Nothing was changed.",
    { details: { reason: "processes_unaware", rootKeyId, processes: namesOf(unaware) } },
  );
}

/** One key a transaction. @returns how many @throws ConfigurationError one is under a root that this process was not given */
async function rewrapAll({ database, keyring }: RotationCore): Promise<number> {
  for (let rewrapped = 0; ; rewrapped += 1) {
    const more = await database.asInstallation(async (trx) => {
      const { root_key_id: named } = await trx.selectFrom("installation").select("root_key_id").forShare().executeTakeFirstOrThrow();
      const row = await trx
        .selectFrom("installation_keys")
        .select(["purpose", "version", "root_key_id", "wrapped"])
        .where("root_key_id", "!=", named)
        .orderBy("purpose")
        .orderBy("version")
        .limit(1)
        .forUpdate()
        .executeTakeFirst();
      if (!row) return false;
      const [from, to] = [keyring.roots.find(row.root_key_id), keyring.roots.find(named ?? "")];
      if (!from || !to) throw missingPreviousRoot(from ? (named ?? "") : row.root_key_id, keyring.roots.ids);
      const place = { installationId: database.installation.id, purpose: row.purpose as InstallationPurpose, version: row.version };
      const wrapped = await rewrapInstallationKey(from, to, row.wrapped, place);
      await trx
        .updateTable("installation_keys")
        .set({ wrapped: Buffer.from(wrapped), root_key_id: to.id })
        .where("purpose", "=", row.purpose)
        .where("version", "=", row.version)
        .execute();
      return true;
    });
    if (!more) return rewrapped;
  }
}

/** A root that wraps nothing opens nothing here from now on (S-21): its check record is emptied, its name stays. */
async function retire({ database }: RotationCore): Promise<string[]> {
  return database.asInstallation(async (trx) => {
    const { rows } = await sql<{ root_key_id: string }>`
      update root_keys r set state = 'retired', retired_at = now(), check_record = ''
      from (select root_key_id as named from installation for update) i
      where r.state = 'live' and r.root_key_id <> i.named and not exists (select from installation_keys k where k.root_key_id = r.root_key_id)
      returning r.root_key_id`.execute(trx);
    return rows.map((row) => row.root_key_id);
  });
}

/** What was there before the root that is named now, an earlier one has wrapped. */
async function expose({ database }: RotationCore): Promise<void> {
  await database.asInstallation(async (trx) => {
    const { rows } = await sql`
      update installation_keys k set exposed = true
      from installation i join root_keys r on r.root_key_id = i.root_key_id
      where not k.exposed and k.purpose = any(${[...newKeysNeeded]}::text[]) and k.created_at < r.live_since
      returning k.purpose`.execute(trx);
    if (rows.length > 0) await trx.updateTable("installation").set((eb) => ({ keyring_version: eb("keyring_version", "+", 1) })).execute();
  });
}

/** The operator's own chain tells of it: a root belongs to no tenant. */
async function audit(core: RotationCore, { actor }: RotateRoot, action: string, details: Record<string, unknown>): Promise<void> {
  const system = core.ownerRef({ system: true });
  await core.database.inTenant({ owners: [system.id] }, async (trx) => {
    await ensureOwner(trx, system);
    await appendAudit(trx, core, { ownerId: system.id, actor, action, target: null, details });
  });
}

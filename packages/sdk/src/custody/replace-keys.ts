/**
 * New installation keys, and with them new wrappings or new tenant keys. A new version is first made known to every living
 * process, then made with; only when all make with it are the old ones swept, so that the sweep comes to an end.
 */
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { ConflictError, makeInstallationKey, type InstallationPurpose } from "@stack-2025/byok-crypto";
import { DatabaseUnavailableError } from "@stack-2025/byok-db";
import { missingPreviousRoot } from "./roots.ts";
import { signalKeyring } from "./keyring-signal.ts";
import { deadAfterMs, liveProcesses, namesOf } from "./processes.ts";
import type { RotationCore } from "./rotation-core.ts";
import { renewTenantKey } from "./rotate-tenant-key.ts";

/**
 * Not the fingerprint key: the fingerprints of all keys, and the digests of idempotency keys, are comparable only under one.
 * Earlier audit keys stay for verifying, earlier cursor keys until a root is lost.
 */
export const newKeysNeeded: readonly InstallationPurpose[] = ["tenant-wrap", "audit", "cursor"];

/** Longer than a process that died in the middle counts as living. */
const longestWaitMs = deadAfterMs + 10_000;
const lookEveryMs = 200;
const ownersAtOnce = 200;
const lanes = 4;
const mostTries = 3;

interface Replaced {
  rewrapped: number;
  /** Ids of provider keys whose record does not open. */
  unopened: string[];
}

/** Replaces what a lost root has shown; nothing where none is marked. Made to be run again. */
export async function replaceExposed(core: RotationCore): Promise<Replaced> {
  const marked = await core.database.asInstallation((trx) =>
    trx.selectFrom("installation_keys").select(["purpose", "version"]).where("exposed", "=", true).execute(),
  );
  if (marked.length === 0) return { rewrapped: 0, unopened: [] };
  await makeVersions(core, (newest) => newest.exposed);

  const exposed = marked.filter((one) => one.purpose === "tenant-wrap").map((one) => one.version);
  const unopened: string[] = [];
  const rewrapped = await sweep(core, sql<boolean>`wrap_version = any(${exposed.map(String)}::bigint[])`, async (owners) => {
    let renewed = 0;
    const queue = [...owners];
    const lane = async (): Promise<void> => {
      for (;;) {
        const owner = queue.pop();
        if (owner === undefined) return;
        const outcome = await patiently(core, () => renewTenantKey(core, owner, exposed));
        if (!outcome) continue;
        unopened.push(...outcome.unopened);
        renewed += outcome.replaced;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return renewed;
  });
  return { rewrapped, unopened };
}

/** Makes new installation keys and wraps every tenant key by the new one; where that was begun and not ended, it is ended. @returns how many */
export async function rewrapTenantKeys(core: RotationCore): Promise<number> {
  const begun = await leftUnder(core, await newestWrap(core));
  await makeVersions(core, () => !begun);
  const newest = await newestWrap(core);
  return sweep(core, sql<boolean>`wrap_version < ${newest}`, (owners) =>
    core.database.inTenant({ owners }, async (trx) => {
      const rows = await trx
        .selectFrom("tenant_keys")
        .select(["owner_id", "version", "wrapped"])
        .where("owner_id", "in", owners)
        .where(sql<boolean>`wrap_version < ${newest}`)
        .orderBy("owner_id")
        .orderBy("version")
        .forNoKeyUpdate()
        .execute();
      const wrapped = rows.map((row) => Buffer.from(core.keyring.rewrap(row.owner_id, row.version, row.wrapped)));
      await sql`
        update tenant_keys t set wrapped = n.wrapped
        from unnest(${rows.map((row) => row.owner_id)}::uuid[], ${rows.map((row) => row.version)}::integer[], ${wrapped}::bytea[]) as n(owner_id, version, wrapped)
        where t.owner_id = n.owner_id and t.version = n.version`.execute(trx);
      return rows.length;
    }),
  );
}

async function newestWrap({ database }: RotationCore): Promise<number> {
  const row = await database.asInstallation((trx) =>
    trx
      .selectFrom("installation_keys")
      .select((eb) => eb.fn.max("version").as("version"))
      .where("purpose", "=", "tenant-wrap")
      .executeTakeFirstOrThrow(),
  );
  return row.version;
}

function leftUnder({ database }: RotationCore, version: number): Promise<boolean> {
  return database.asOperator(async (trx) => {
    const row = await trx.selectFrom("tenant_keys").select("owner_id").where(sql<boolean>`wrap_version < ${version}`).limit(1).executeTakeFirst();
    return row !== undefined;
  });
}

/** Walks over the owners that have a key of the kind, each once. */
async function sweep(core: RotationCore, kind: ReturnType<typeof sql<boolean>>, work: (owners: string[]) => Promise<number>): Promise<number> {
  let done = 0;
  for (let after = "00000000-0000-0000-0000-000000000000"; ; ) {
    const owners = await core.database.asOperator((trx) =>
      trx.selectFrom("tenant_keys").select("owner_id").distinct().where("owner_id", ">", after).where(kind).orderBy("owner_id").limit(ownersAtOnce).execute(),
    );
    const last = owners.at(-1);
    if (!last) return done;
    done += await work(owners.map((one) => one.owner_id));
    after = last.owner_id;
  }
}

/** One owner that is busy, or a moment without the database, does not end a walk over all of them. Undefined: it is left for the next run. */
async function patiently<T>(core: RotationCore, work: () => Promise<T>): Promise<T | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) throw error;
      if (tries < mostTries) continue;
      core.logger.warn({ reason: error.reason }, "an owner's key could not be replaced now; the next rotation does it");
      return undefined;
    }
  }
}

interface Newest {
  exposed: boolean;
}

/** Makes a new version for each purpose whose newest one is to be followed, and has all living processes make with it. */
async function makeVersions(core: RotationCore, isToBeFollowed: (newest: Newest) => boolean): Promise<void> {
  const { database, keyring } = core;
  const installationId = database.installation.id;
  await database.asInstallation(async (trx) => {
    const { root_key_id: named } = await trx.selectFrom("installation").select("root_key_id").forUpdate().executeTakeFirstOrThrow();
    const root = keyring.roots.find(named ?? "");
    if (!root) throw missingPreviousRoot(named ?? "", keyring.roots.ids);
    let made = 0;
    for (const purpose of newKeysNeeded) {
      const newest = await trx
        .selectFrom("installation_keys")
        .select(["version", "exposed", "state"])
        .where("purpose", "=", purpose)
        .orderBy("version", "desc")
        .limit(1)
        .executeTakeFirstOrThrow();
      if (newest.state === "candidate" || !isToBeFollowed(newest)) continue;
      const version = newest.version + 1;
      const { wrapped } = await makeInstallationKey(root, { installationId, purpose, version });
      await trx.insertInto("installation_keys").values({ purpose, version, root_key_id: root.id, wrapped: Buffer.from(wrapped), state: "candidate" }).execute();
      made += 1;
    }
    if (made > 0) await trx.updateTable("installation").set((eb) => ({ keyring_version: eb("keyring_version", "+", 1) })).execute();
  });
  await everyoneFollows(core);
  await database.asInstallation(async (trx) => {
    const live = await trx.updateTable("installation_keys").set({ state: "live" }).where("state", "=", "candidate").executeTakeFirst();
    if (live.numUpdatedRows > 0n) await trx.updateTable("installation").set((eb) => ({ keyring_version: eb("keyring_version", "+", 1) })).execute();
  });
  await everyoneFollows(core);
}

/** Waits until every living process works with the installation's keys as they are now. @throws ConflictError one does not */
async function everyoneFollows({ database, keyring }: RotationCore): Promise<void> {
  await signalKeyring(database);
  await keyring.reload();
  const until = performance.now() + longestWaitMs;
  for (;;) {
    const behind = await database.asInstallation(async (trx) => {
      const { keyring_version: version } = await trx.selectFrom("installation").select("keyring_version").executeTakeFirstOrThrow();
      return (await liveProcesses(trx)).filter((one) => one.process_id !== keyring.processId && one.keyring_version < version);
    });
    if (behind.length === 0) return;
    if (performance.now() > until) {
      throw new ConflictError(
        `${behind.length} living ${behind.length === 1 ? "process does" : "processes do"} not take up the installation's new keys: ${namesOf(behind).join(", ")}. Look at its log, start it again, and rotate again: that goes on from here.`,
        { details: { reason: "processes_behind", processes: namesOf(behind) } },
      );
    }
    await pause(lookEveryMs);
  }
}

/**
 * Whether a database, such as one that was restored from a backup, holds everything that it should: every tenant key unwraps,
 * every sealed record opens, every trail proves itself, no partition is missing. It counts and names places; it shows no secret,
 * writes nothing, and goes on after a fault.
 */
import { EncryptionError } from "@stack-2025/byok-crypto";
import { DatabaseError } from "@stack-2025/byok-db";
import { sql } from "kysely";
import type { Anchors } from "../audit/anchor.ts";
import { namePlace } from "../audit/names.ts";
import { everyOwner, inWords, verifyTrails } from "../audit/verify.ts";
import type { Core } from "../core.ts";
import { openKeyData } from "../keys/sealed-key-data.ts";

export interface StoredFault {
  check: "rows" | "tenant key" | "record" | "name" | "trail" | "partition";
  /** Ids, never what lies there. */
  at: string;
  problem: string;
}

export interface StoredReport {
  ok: boolean;
  counts: {
    owners: number;
    tenantKeys: number;
    /** Sealed under a tenant key, and opened. */
    records: number;
    /** Sealed to their owners' own keys: only they can open them. Their bytes are compared with the trail. */
    sealedToOwners: number;
    names: number;
    events: number;
    partitions: number;
  };
  faults: number;
  /** The first hundred. */
  shown: StoredFault[];
}

const mostShown = 100;
const rowsAtOnce = 500;
type CheckCore = Pick<Core, "database" | "keyring">;

/** @throws DatabaseUnavailableError the database went away meanwhile */
export async function checkStored(core: CheckCore, anchors: Anchors = new Map()): Promise<StoredReport> {
  const report: StoredReport = { ok: true, counts: { owners: 0, tenantKeys: 0, records: 0, sealedToOwners: 0, names: 0, events: 0, partitions: 0 }, faults: 0, shown: [] };
  const fault = (one: StoredFault): void => {
    report.ok = false;
    report.faults += 1;
    if (report.shown.length < mostShown) report.shown.push(one);
  };
  await guarded("partitions", fault, () => checkPartitions(core, report, fault));
  await guarded("owners", fault, async () => {
    for await (const owners of everyOwner(core)) {
      report.counts.owners += owners.length;
      for (const ownerId of owners) await guarded(ownerId, fault, () => checkOwner(core, ownerId, report, fault));
    }
  });
  await guarded("trails", fault, async () => {
    const trails = await verifyTrails(core, { anchors });
    report.counts.events = trails.events;
    for (const one of trails.faults) fault({ check: "trail", at: `${one.owner}#${one.seq ?? "-"}`, problem: inWords(one) });
  });
  return report;
}

/** A page that cannot be read is a fault of the copy, and ends one check alone. */
async function guarded(at: string, fault: (one: StoredFault) => void, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    fault({ check: "rows", at, problem: `${error.message}: rows cannot be read` });
  }
}

async function checkPartitions({ database }: CheckCore, { counts }: StoredReport, fault: (one: StoredFault) => void): Promise<void> {
  const { rows } = await database.asInstallation((trx) =>
    sql<{ partition: string; parent: string; there: boolean }>`
      select p.partition, p.parent, exists (
        select from pg_inherits join pg_class part on part.oid = inhrelid join pg_class whole on whole.oid = inhparent
        where part.relnamespace = 'byok'::regnamespace and part.relname = p.partition and whole.relname = p.parent
      ) as there
      from byok.partitions p order by 1`.execute(trx),
  );
  for (const { partition, parent, there } of rows) {
    if (there) counts.partitions += 1;
    else fault({ check: "partition", at: partition, problem: `the partition of ${parent} is missing, and what was in it` });
  }
}

async function checkOwner(core: CheckCore, ownerId: string, { counts }: StoredReport, fault: (one: StoredFault) => void): Promise<void> {
  const { database, keyring } = core;
  // What was unwrapped before says nothing of the bytes that lie there now.
  keyring.forget(ownerId);
  await database.inTenant({ owners: [ownerId] }, async (trx) => {
    const tenantKeys = new Map<number, ReturnType<typeof keyring.unwrap>>();
    for (const row of await trx.selectFrom("tenant_keys").select(["version", "wrapped"]).where("owner_id", "=", ownerId).execute()) {
      const opened = opening(() => keyring.unwrap(ownerId, row.version, row.wrapped));
      if (opened instanceof EncryptionError) fault({ check: "tenant key", at: `${ownerId} version ${row.version}`, problem: "does not unwrap: everything under it is lost" });
      else {
        counts.tenantKeys += 1;
        tenantKeys.set(row.version, opened);
      }
    }

    for (let after = { key_id: "", version: 0 }; ; ) {
      const rows = await trx
        .selectFrom("key_versions")
        .innerJoin("keys", (join) => join.onRef("keys.owner_id", "=", "key_versions.owner_id").onRef("keys.key_id", "=", "key_versions.key_id"))
        .select(["key_versions.key_id", "key_versions.version", "key_versions.sealed", "key_versions.tenant_key_version", "keys.provider", "keys.environment"])
        .where("key_versions.owner_id", "=", ownerId)
        .where((eb) => eb(eb.refTuple("key_versions.key_id", "key_versions.version"), ">", eb.tuple(after.key_id, after.version)))
        .orderBy("key_versions.key_id")
        .orderBy("key_versions.version")
        .limit(rowsAtOnce)
        .execute();
      for (const row of rows) {
        const at = `${row.key_id} version ${row.version}`;
        if (row.tenant_key_version === null) {
          counts.sealedToOwners += 1;
          continue;
        }
        const tenantKey = tenantKeys.get(row.tenant_key_version);
        if (!tenantKey) {
          fault({ check: "record", at, problem: `its tenant key (version ${row.tenant_key_version}) is not there` });
          continue;
        }
        const place = { ownerId, keyId: row.key_id, keyVersion: row.version, custody: "managed" as const, provider: row.provider, environment: row.environment };
        if (opening(() => openKeyData(keyring, tenantKey, row.sealed, place)) instanceof EncryptionError) fault({ check: "record", at, problem: "does not open" });
        else counts.records += 1;
      }
      const last = rows.at(-1);
      if (!last || rows.length < rowsAtOnce) break;
      after = last;
    }

    for (const row of await trx.selectFrom("audit_names").select(["name_id", "sealed", "tenant_key_version"]).where("owner_id", "=", ownerId).execute()) {
      const tenantKey = tenantKeys.get(row.tenant_key_version);
      const opened = tenantKey && opening(() => keyring.open(tenantKey, row.sealed, namePlace(ownerId, row.name_id)));
      if (opened === undefined || opened instanceof EncryptionError) fault({ check: "name", at: row.name_id, problem: "does not open: events no longer say who this was" });
      else counts.names += 1;
    }
  });
}

function opening<T>(open: () => T): T | EncryptionError {
  try {
    return open();
  } catch (error) {
    if (error instanceof EncryptionError) return error;
    throw error;
  }
}

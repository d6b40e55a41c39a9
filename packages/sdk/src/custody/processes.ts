/** The living processes, as each keeps its own row alive: a rotation asks here who knows what. */
import { hostname } from "node:os";
import { sql } from "kysely";
import { schemaVersion, type InstallationTransaction } from "@stack-2025/byok-db";

/** What a process says of itself. */
export interface ProcessRecord {
  processId: string;
  rootKeyIds: readonly string[];
  /** Of the installation's keys: all up to this change are loaded. */
  keyringVersion: number;
  /** To be added to the process's clock to have the database's. */
  clockOffsetMs: number;
}

/** A process that has not been heard of for this long is taken for dead. */
export const deadAfterMs = 30_000;

const name = `${hostname()}:${process.pid}`;

/** Writes the process's row anew; it was seen just now, by the database's clock. */
export async function writeProcess(trx: InstallationTransaction, { processId, rootKeyIds, keyringVersion, clockOffsetMs }: ProcessRecord): Promise<void> {
  await sql`
    insert into processes (process_id, name, code_version, root_key_ids, keyring_version, clock_offset_ms)
    values (${processId}, ${name}, ${String(schemaVersion)}, ${[...rootKeyIds]}::text[], ${keyringVersion}, ${clockOffsetMs})
    on conflict (process_id) do update set root_key_ids = excluded.root_key_ids, keyring_version = excluded.keyring_version,
      clock_offset_ms = excluded.clock_offset_ms, seen_at = now()`.execute(trx);
}

export async function removeProcess(trx: InstallationTransaction, processId: string): Promise<void> {
  await trx.deleteFrom("processes").where("process_id", "=", processId).execute();
}

export interface LiveProcess {
  process_id: string;
  name: string;
  code_version: string;
  root_key_ids: string[];
  keyring_version: number;
}

/** Everyone who was seen lately. */
export async function liveProcesses(trx: InstallationTransaction): Promise<LiveProcess[]> {
  return trx
    .selectFrom("processes")
    .select(["process_id", "name", "code_version", "root_key_ids", "keyring_version"])
    .where(sql<boolean>`seen_at > now() - make_interval(secs => ${deadAfterMs / 1_000})`)
    .orderBy("name")
    .execute();
}

/** Processes as a message names them: host and number. */
export const namesOf = (processes: readonly LiveProcess[]): string[] => processes.map((one) => one.name || one.process_id);

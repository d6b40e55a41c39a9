/**
 * `byok doctor`: looks, changes nothing, and says what to do about each thing that is wrong. With `--after-restore` it first ends
 * what a restored copy has forgotten the end of.
 */
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { afterRestore, coreOf, type Core, type Restored, type Settings } from "@stack-2025/byok-core/internal";
import { BYOKError, ConfigurationError } from "@stack-2025/byok-crypto";
import { inspectCatalog, schemaVersion } from "@stack-2025/byok-db";
import { prepareDataFolder, readPrivateFile } from "./data-folder.ts";
import { makeManager, openDatabase, rootKeyFor, toolSettings } from "./installation.ts";
import { writeJson, writeLines, type Io } from "./io.ts";
import { makeLogger } from "./log.ts";
import { jsonOption } from "./options.ts";

interface Check {
  check: string;
  ok: boolean;
  detail: string;
}

export function addDoctorCommand(program: Command, io: Io): void {
  program
    .command("doctor")
    .description("check database, schema, root key, protections and worker, and say what to do; changes nothing")
    .option("--after-restore", "a backup was restored: first end every service token in it, and have every key checked again")
    .addOption(jsonOption())
    .action((options: DoctorOptions) => doctor(io, options));
}

interface DoctorOptions {
  json?: true;
  afterRestore?: true;
}

/** Who the audit names: somebody at the command line, with the root key in hand. */
const actor = "command";

async function doctor(io: Io, options: DoctorOptions): Promise<void> {
  const restored: { done?: Restored } = {};
  const checks = await examine(io, async (core) => {
    if (options.afterRestore) restored.done = await afterRestore(core, actor);
  });
  const ok = checks.every((one) => one.ok);
  if (options.json) writeJson(io, { ok, checks, ...(restored.done && { afterRestore: restored.done }) });
  else {
    if (restored.done) {
      const { epoch, tokensEnded, keysToCheck } = restored.done;
      writeLines(io, [`epoch ${epoch}: ${tokensEnded} service tokens are over, and ${keysToCheck} keys will be checked again. Make new tokens: byok token create`]);
    }
    writeLines(io, checks.map((one) => `${one.ok ? "ok   " : "WRONG"}  ${one.check}: ${one.detail}`));
  }
  if (!ok || (options.afterRestore && !restored.done)) io.exitCode = 1;
}

async function examine(io: Io, first: (core: Core) => Promise<void>): Promise<Check[]> {
  const settings = toolSettings(io.env);
  const rootKey = rootKeyFor(settings);
  const database = await openDatabase(settings, () => {}, { share: true });
  try {
    const manager = makeManager(settings, rootKey, database.connectionString, makeLogger("silent", io.stderr), { autoMigrate: false });
    try {
      const open = async (): Promise<Core> => {
        const core = await coreOf(manager);
        await first(core);
        return core;
      };
      return [...(await examineInstallation(open, database.shown, settings)), ...files(settings)];
    } finally {
      await manager.close();
    }
  } finally {
    await database.stop();
  }
}

/** Database, schema and root key are proved by opening; the first that fails says which it is. */
async function examineInstallation(open: () => Promise<Core>, shown: string, settings: Settings): Promise<Check[]> {
  let core: Core;
  try {
    core = await open();
  } catch (error) {
    if (!(error instanceof BYOKError)) throw error;
    return [{ check: checkOf(error), ok: false, detail: error.message }];
  }
  return [
    { check: "database", ok: true, detail: `${shown} answers` },
    { check: "migrations", ok: true, detail: `the schema is version ${schemaVersion}, as this code needs it` },
    { check: "root key", ok: true, detail: "opens the check record of this installation" },
    ...(await protections(core, settings)),
    await clock(core),
    await worker(core),
  ];
}

const soundUnless = (check: string, faults: readonly string[], detail: string): Check => ({ check, ok: faults.length === 0, detail: faults.length === 0 ? detail : faults.join("; ") });

async function protections({ database }: Core, settings: Settings): Promise<Check[]> {
  const found = await inspectCatalog(database);
  return [
    soundUnless("row security", found.rowSecurity, "every table with tenants' rows is shut"),
    soundUnless("roles", found.roles, "byok's roles may do what they need, and nobody else anything"),
    soundUnless("audit trail", found.trail, "append only; to prove it: byok audit verify"),
    soundUnless("rotation", found.rotation.map((one) => `${one}; finish it: byok root rotate`), "none is pending"),
    transport(found.encrypted, settings),
  ];
}

const nearby = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?|)$/;

/** Passwords and ciphertexts travel in the clear only where nobody else is on the way. */
function transport(encrypted: boolean, settings: Settings): Check {
  const text = settings.databaseUrl?.reveal();
  const host = text !== undefined && URL.canParse(text) ? new URL(text).hostname : "";
  if (encrypted) return { check: "TLS", ok: true, detail: "the connection to the database is encrypted" };
  if (nearby.test(host)) return { check: "TLS", ok: true, detail: "the database is on this machine" };
  return { check: "TLS", ok: false, detail: "the connection to the database is not encrypted, and it leaves this machine; add sslmode=verify-full to DATABASE_URL" };
}

/** Windows and expiries go by the database's clock; a process that is far off shows wrong times and signs wrong ones. */
const mostOffMs = 5_000;

async function clock({ database }: Core): Promise<Check> {
  const before = Date.now();
  const there = (await database.now()).getTime();
  const after = Date.now();
  return clockCheck(there - (before + after) / 2, (after - before) / 2);
}

/** @param offMs how far the database's clock is ahead, known to within `within` */
export function clockCheck(offMs: number, within: number): Check {
  const off = `${(Math.abs(offMs) / 1_000).toFixed(1)} s ${offMs > 0 ? "behind" : "ahead of"} the database's`;
  if (Math.abs(offMs) - within <= mostOffMs) return { check: "clock", ok: true, detail: "agrees with the database's" };
  return { check: "clock", ok: false, detail: `this machine's clock is ${off}; have both follow a time server (NTP)` };
}

/** Who else may read the files that open everything. */
function files(settings: Settings): Check[] {
  const faults: string[] = [];
  const { encryptionKeyFile } = settings;
  if (encryptionKeyFile !== undefined && process.platform !== "win32" && statSync(encryptionKeyFile).mode & 0o007) {
    faults.push(`everybody may use the file of BYOK_ENCRYPTION_KEY_FILE; run: chmod o= ${encryptionKeyFile}`);
  }
  const folder = path.resolve(settings.dataDir);
  if (existsSync(folder)) {
    const looks = [() => prepareDataFolder(folder), ...["root.key", "dev.json"].map((name) => () => readPrivateFile(path.join(folder, name)))];
    for (const look of looks) {
      try {
        look();
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        faults.push(error.message.replace(/\.$/, ""));
      }
    }
  }
  return [soundUnless("files", faults, "only those who may open the installation may read its keys")];
}

function checkOf(error: BYOKError): string {
  if (error.details["setting"] === "DATABASE_URL") return "database";
  return error.details["schemaVersion"] === undefined ? "root key" : "migrations";
}

/**
 * A living worker leaves a trace each minute, when it puts the scheduled jobs into the queue, and takes jobs as they fall due.
 * Half a minute is for a clock that differs and a machine that is busy.
 */
const workerQuery = `
  select (select max(greatest(known_since, last_execution)) > now() - interval '90 seconds' from byok_worker._private_known_crontabs) as alive,
         (select count(*)::integer from byok_worker.jobs where locked_at is null and attempts < max_attempts and run_at < now() - interval '90 seconds') as waiting`;

async function worker(core: Core): Promise<Check> {
  const pool = await core.database.dedicatedPool({ max: 1, role: (roles) => roles.worker });
  try {
    const { rows } = await pool.query<{ alive: boolean | null; waiting: number }>(workerQuery);
    const { alive, waiting } = rows[0] ?? { alive: null, waiting: 0 };
    if (!alive) return { check: "worker", ok: false, detail: `${alive === null ? "none has ever run" : "none is alive"}; ${waiting} jobs wait. Start one: byok worker` };
    if (waiting > 0) return { check: "worker", ok: false, detail: `one is alive and ${waiting} jobs wait. Start a further one: byok worker` };
    return { check: "worker", ok: true, detail: "one is alive, and no job waits" };
  } finally {
    await pool.end();
  }
}

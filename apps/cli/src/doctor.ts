/** `byok doctor`: looks, changes nothing that stays, and says what to do about each thing that is wrong. */
import type { Command } from "commander";
import { coreOf, rotationState, type Core } from "@stack-2025/byok-core/internal";
import { BYOKError } from "@stack-2025/byok-crypto";
import { schemaVersion } from "@stack-2025/byok-db";
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
    .description("check database, schema, root key and worker; changes nothing")
    .addOption(jsonOption())
    .action((options: { json?: true }) => doctor(io, options));
}

async function doctor(io: Io, options: { json?: true }): Promise<void> {
  const checks = await examine(io);
  const ok = checks.every((one) => one.ok);
  if (options.json) writeJson(io, { ok, checks });
  else writeLines(io, checks.map((one) => `${one.ok ? "ok   " : "WRONG"}  ${one.check}: ${one.detail}`));
  if (!ok) io.exitCode = 1;
}

async function examine(io: Io): Promise<Check[]> {
  const settings = toolSettings(io.env);
  const rootKey = rootKeyFor(settings);
  const database = await openDatabase(settings, () => {}, { share: true });
  try {
    const manager = makeManager(settings, rootKey, database.connectionString, makeLogger("silent", io.stderr), { autoMigrate: false });
    try {
      return await examineInstallation(() => coreOf(manager), database.shown);
    } finally {
      await manager.close();
    }
  } finally {
    await database.stop();
  }
}

/** Database, schema and root key are proved by opening; the first that fails says which it is. */
async function examineInstallation(open: () => Promise<Core>, shown: string): Promise<Check[]> {
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
    await rotation(core),
    await worker(core),
  ];
}

/** Whether a rotation of the root key was begun and not ended, and who does not follow it. */
async function rotation(core: Core): Promise<Check> {
  const { rootKeyId, leftBehind, unaware, remaining } = await rotationState(core);
  const check = "rotation";
  if (remaining > 0) {
    const under = leftBehind.length > 0 ? `under ${leftBehind.join(", ")}` : "under keys that a lost root key has shown";
    return { check, ok: false, detail: `${remaining} keys are still ${under}. Run \`byok root rotate\` with the earlier root key in BYOK_ENCRYPTION_KEY_PREVIOUS` };
  }
  if (unaware.length > 0) return { check, ok: false, detail: `the root key is ${rootKeyId}, and these processes were not given it: ${unaware.join(", ")}. Start them again with it` };
  return { check, ok: true, detail: `everything is under ${rootKeyId}` };
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

/** `byok doctor`: looks, changes nothing, and says what to do about each thing that is wrong. */
import type { Command } from "commander";
import { coreOf, type Core } from "@stack-2025/byok-core/internal";
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
    await worker(core),
  ];
}

function checkOf(error: BYOKError): string {
  if (error.details["setting"] === "DATABASE_URL") return "database";
  return error.details["schemaVersion"] === undefined ? "root key" : "migrations";
}

/** A worker takes jobs as they fall due, so jobs that wait say that none is alive. */
async function worker(core: Core): Promise<Check> {
  const pool = await core.database.dedicatedPool({ max: 1, role: (roles) => roles.worker });
  try {
    const { rows } = await pool.query<{ waiting: number; ticked: boolean | null }>(workerQuery);
    const [{ waiting, ticked } = { waiting: 0, ticked: null }] = rows;
    const ok = waiting === 0 && ticked !== false;
    return {
      check: "worker",
      ok,
      detail: ok ? "no job has waited for more than a minute" : `${waiting} jobs have waited for more than a minute. Start one: byok worker`,
    };
  } finally {
    await pool.end();
  }
}

const workerQuery = `
  select (select count(*)::integer from byok_worker.jobs where locked_at is null and attempts < max_attempts and run_at < now() - interval '1 minute') as waiting,
         null::boolean as ticked`;

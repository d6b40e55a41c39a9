/** `byok migrate`: creates or upgrades the schema; safe to run from many machines at once. */
import type { Command } from "commander";
import { coreOf } from "@stack-2025/byok-core/internal";
import { backupRole } from "@stack-2025/byok-db";
import { openInstallation, toolSettings } from "./installation.ts";
import { writeJson, writeLines, type Io } from "./io.ts";
import { makeLogger } from "./log.ts";
import { jsonOption } from "./options.ts";

export function addMigrateCommand(program: Command, io: Io): void {
  program
    .command("migrate")
    .description("create or upgrade the database schema")
    .addOption(jsonOption())
    .action((options: { json?: true }) => migrate(io, options));
}

async function migrate(io: Io, options: { json?: true }): Promise<void> {
  const settings = toolSettings(io.env);
  const installation = await openInstallation(settings, makeLogger(io.env["LOG_LEVEL"] ? settings.logLevel : "error", io.stderr), { migrate: true });
  let role;
  try {
    role = await backupRole((await coreOf(installation.manager)).database);
  } finally {
    await installation.close();
  }
  if (options.json) return writeJson(io, { database: installation.database, migrated: true, backupRole: role });
  writeLines(io, [`The schema in ${installation.database} is up to date.`]);
  if (role.exists) return;
  writeLines(io, [
    "",
    "Backups: row security stops an ordinary dump. Let a superuser make the role that reads everything and writes nothing, and dump",
    `as it (a login that was granted it: pg_dump --role=${role.name}):`,
    ...role.statements.map((one) => `  ${one};`),
  ]);
}

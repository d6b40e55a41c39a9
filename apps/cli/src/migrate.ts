/** `byok migrate`: creates or upgrades the schema; safe to run from many machines at once. */
import type { Command } from "commander";
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
  await installation.close();
  if (options.json) writeJson(io, { database: installation.database, migrated: true });
  else writeLines(io, [`The schema in ${installation.database} is up to date.`]);
}

/** `byok backup check`: whether a restored database holds everything, before anybody needs it. */
import type { Command } from "commander";
import { checkStored, coreOf, readAnchors, type StoredReport } from "@stack-2025/byok-core/internal";
import { schemaVersion } from "@stack-2025/byok-db";
import { readAnchorFile } from "./audit.ts";
import { makeManager, openDatabase, rootKeyFor, toolSettings } from "./installation.ts";
import { printable, writeJson, writeLines, type Io } from "./io.ts";
import { makeLogger } from "./log.ts";
import { jsonOption } from "./options.ts";

interface CheckOptions {
  json?: true;
  anchor?: string;
}

export function addBackupCommands(program: Command, io: Io): void {
  const backup = program.command("backup").description("check a restored copy of the database");
  backup
    .command("check")
    .description("open everything in the database of DATABASE_URL: schema, root key, tenant keys, records, trails; changes nothing")
    .option("--anchor <file>", "also hold the trails against anchors: how much is missing since they were taken")
    .addOption(jsonOption())
    .addHelpText("after", "\nSet DATABASE_URL to the restored copy, and BYOK_ENCRYPTION_KEY to its root key. It prints counts and ids, never a secret.\nThe shell is told 1 where anything is wrong.")
    .action((options: CheckOptions) => check(io, options));
}

async function check(io: Io, options: CheckOptions): Promise<void> {
  const settings = toolSettings(io.env);
  const rootKey = rootKeyFor(settings);
  const anchors = options.anchor === undefined ? undefined : readAnchorFile(options.anchor);
  const database = await openDatabase(settings, () => {}, { share: true });
  let report: StoredReport;
  try {
    const manager = makeManager(settings, rootKey, database.connectionString, makeLogger("silent", io.stderr), { autoMigrate: false });
    try {
      // Schema and root key are proved by opening.
      const core = await coreOf(manager);
      report = await checkStored(core, anchors === undefined ? undefined : readAnchors(core, anchors));
    } finally {
      await manager.close();
    }
  } finally {
    await database.stop();
  }
  if (!report.ok) io.exitCode = 1;
  if (options.json) return writeJson(io, { database: database.shown, schemaVersion, rootKey: "opens", ...report });
  const { owners, tenantKeys, records, sealedToOwners, names, events, partitions } = report.counts;
  writeLines(io, [
    `${database.shown}: schema version ${schemaVersion}; the root key opens its check record`,
    `  ${owners} owners, ${tenantKeys} tenant keys unwrap`,
    `  ${records} records open${sealedToOwners > 0 ? `, ${sealedToOwners} are sealed to their owners' own keys` : ""}`,
    `  ${names} names open, ${events} audit events prove themselves, ${partitions} partitions are there`,
    ...(report.ok ? ["Everything is there. Before serving from a restored copy run: byok doctor --after-restore"] : [`${report.faults} faults:`]),
    ...report.shown.map(({ check: what, at, problem }) => `  ${what} ${printable(at)}: ${printable(problem)}`),
  ]);
}

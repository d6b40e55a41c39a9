/** `byok root`: proves root keys, and changes the one that an installation is under. */
import type { Command } from "commander";
import { connectDatabase } from "@stack-2025/byok-db";
import { coreOf, derivingRoots, rotateRoot, verifyRoots, type VerifiedRoot } from "@stack-2025/byok-core/internal";
import { openDatabase, rootKeyFor, toolSettings, withManager } from "./installation.ts";
import { table, writeJson, writeLines, type Io } from "./io.ts";
import { jsonOption } from "./options.ts";

interface Json {
  json?: true;
}
type RotateOptions = Json & { compromised?: true; installationKeys?: true };

/** Who the audit names: somebody at the command line, with the root keys in hand. */
const actor = "command";

export function addRootCommands(program: Command, io: Io): void {
  const root = program.command("root").description("prove root keys, and change the one that the installation is under");

  root
    .command("rotate")
    .description("make BYOK_ENCRYPTION_KEY the root key, in place of one in BYOK_ENCRYPTION_KEY_PREVIOUS, while everything runs")
    .option("--compromised", "the old root key is in other hands: make new tenant keys too, and seal every record anew")
    .option("--installation-keys", "make new keys of the installation too, and wrap every tenant key anew")
    .addOption(jsonOption())
    .addHelpText("after", "\nRun it again after an interruption: it goes on from there. Until nothing remains, keep the old root key.")
    .action((options: RotateOptions) => rotate(io, options));

  root
    .command("verify")
    .description("prove BYOK_ENCRYPTION_KEY and BYOK_ENCRYPTION_KEY_PREVIOUS against the installation; changes nothing")
    .addOption(jsonOption())
    .action((options: Json) => verify(io, options));
}

async function rotate(io: Io, options: RotateOptions): Promise<void> {
  const { rootKeyId, retired, unopened, rewrapped, remaining } = await withManager(io, toolSettings(io.env), async (manager) =>
    rotateRoot(await coreOf(manager), { compromised: options.compromised, installationKeys: options.installationKeys, actor }),
  );
  if (remaining > 0) io.exitCode = 1;
  if (options.json) return writeJson(io, { rootKeyId, retired, unopened, rewrapped, remaining });
  writeLines(io, [
    `The root key is ${rootKeyId}; ${rewrapped} keys were wrapped anew, ${remaining} remain.`,
    ...(retired.length > 0 ? [`Retired: ${retired.join(", ")}. It opens nothing in this database any more: take it out of BYOK_ENCRYPTION_KEY_PREVIOUS. Backups from before still need it.`] : []),
    ...unopened.map((keyId) => `The record of ${keyId} does not open, and keeps its old key: restore it from a backup, or store the secret again.`),
    ...(remaining > 0 ? ["Run this again until none remain."] : []),
  ]);
}

const told: Record<VerifiedRoot["state"], string> = {
  "in use": "opens this installation",
  candidate: "wraps and unwraps; `byok root rotate` can make it the root key",
  "still needed": "some keys are still wrapped by it: run `byok root rotate` to the end",
  retired: "opens nothing in this database any more",
  another: "does not open the check record that is stored under its name",
};

async function verify(io: Io, options: Json): Promise<void> {
  const settings = toolSettings(io.env);
  const rootKey = rootKeyFor(settings);
  const place = await openDatabase(settings, () => {}, { share: true });
  try {
    await using database = connectDatabase({ database: place.connectionString, applicationName: "byok root verify", poolSize: 1 });
    const { kdfSalt, kdfIterations } = await database.open({ autoMigrate: false });
    const derive = derivingRoots({ encryptionKey: rootKey.reveal(), previousEncryptionKeys: settings.previousEncryptionKeys.map((key) => key.reveal()) });
    const found = await verifyRoots(database, await derive({ salt: kdfSalt, iterations: kdfIterations }));
    const ok = found.missing.length === 0 && found.roots.every((one) => one.state !== "another");
    if (!ok) io.exitCode = 1;
    if (options.json) return writeJson(io, { ok, ...found });
    writeLines(io, [
      ...table(io, ["ROOT KEY", "STATE", "OPENS", ""], found.roots.map((one) => [one.rootKeyId, one.state, String(one.opens), told[one.state]])),
      ...(found.installed === null ? ["No root key was installed yet: the first process installs its own."] : []),
      ...found.missing.map((id) => `Missing: ${id}. Without it not everything opens; set BYOK_ENCRYPTION_KEY or BYOK_ENCRYPTION_KEY_PREVIOUS to it.`),
    ]);
  } finally {
    await place.stop();
  }
}

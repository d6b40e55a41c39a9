/**
 * Opens what a command works on: root key, database, manager. Without DATABASE_URL the database is the embedded one in the
 * data folder: started here and stopped at the end, or, where `npm start` or `byok serve` runs beside us, theirs.
 */
import path from "node:path";
import { BYOKManager, type Logger } from "@stack-2025/byok-core";
import { coreOf, maskDatabaseUrl, parseSettings, type Settings } from "@stack-2025/byok-core/internal";
import { ConfigurationError, type Secret } from "@stack-2025/byok-crypto";
import { prepareDataFolder } from "./data-folder.ts";
import { readDevFile } from "./dev-file.ts";
import type { OpenDatabase } from "./embedded.ts";
import type { Io } from "./io.ts";
import { makeLogger } from "./log.ts";
import { givenRootKey, makeRootKey, storedRootKey } from "./root-key.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Installation {
  manager: BYOKManager;
  /** For messages: without password. */
  database: string;
  close(): Promise<void>;
}

/** The settings of a service: production, unless NODE_ENV says development. */
export function serviceSettings(env: Environment): Settings {
  return parseSettings(env, env["NODE_ENV"] === "development" ? "development" : "production");
}

/**
 * The settings of a tool. It may work on a development installation: one whose root key lies in the data folder. Beside a
 * running `npm start` its providers are the sandbox too: the demo's keys are no business of the vendors.
 */
export function toolSettings(env: Environment): Settings {
  const settings = parseSettings(env, "development");
  const folder = path.resolve(settings.dataDir);
  const isDevelopment = env["NODE_ENV"] === "development" || (!hasRootKey(settings) && storedRootKey(folder) !== undefined);
  if (!isDevelopment) return parseSettings(env, "production");
  return { ...settings, providers: { ...readDevFile(folder)?.providers, ...settings.providers } };
}

const hasRootKey = (settings: Settings): boolean => settings.encryptionKey !== undefined || settings.encryptionKeyFile !== undefined;

/**
 * Opens the installation and proves its root key; nothing is written before that.
 *
 * @throws ConfigurationError the database cannot be reached, or its schema or root key is another
 */
export async function openInstallation(settings: Settings, logger: Logger, options: { migrate?: boolean } = {}): Promise<Installation> {
  const rootKey = rootKeyFor(settings);
  const database = await openDatabase(settings, (message) => logger.info({}, message), { share: true });
  try {
    const manager = makeManager(settings, rootKey, database.connectionString, logger);
    try {
      if (options.migrate) await manager.migrate();
      await coreOf(manager);
      return {
        manager,
        database: database.shown,
        close: async () => {
          try {
            await manager.close();
          } finally {
            await database.stop();
          }
        },
      };
    } catch (error) {
      await manager.close();
      throw error;
    }
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/** Opens the installation for one piece of work. Tools are quiet: they log errors alone, unless LOG_LEVEL asks for more. */
export async function withManager<T>(io: Io, settings: Settings, run: (manager: BYOKManager) => Promise<T>): Promise<T> {
  const installation = await openInstallation(settings, makeLogger(io.env["LOG_LEVEL"] ? settings.logLevel : "error", io.stderr));
  try {
    return await run(installation.manager);
  } finally {
    await installation.close();
  }
}

/** The root key that the settings name, or the development installation's own, made when it is first needed. */
export function rootKeyFor(settings: Settings): Secret<string> {
  const given = givenRootKey(settings);
  if (given !== undefined) return given;
  if (settings.mode === "production") throw new ConfigurationError("BYOK_ENCRYPTION_KEY is not set.", { details: { setting: "BYOK_ENCRYPTION_KEY" } });
  return makeRootKey(prepareDataFolder(settings.dataDir));
}

export function makeManager(settings: Settings, rootKey: Secret<string>, connectionString: string, logger: Logger, options: { autoMigrate?: boolean } = {}): BYOKManager {
  return new BYOKManager({
    encryptionKey: rootKey.reveal(),
    previousEncryptionKeys: settings.previousEncryptionKeys.map((key) => key.reveal()),
    database: connectionString,
    systemKeys: settings.systemKeys.reveal(),
    providers: settings.providers,
    logger,
    allowPrivateUrls: settings.allowPrivateUrls,
    ...options,
    ...(settings.publicUrl !== undefined && { publicUrl: settings.publicUrl }),
  });
}

/** The database of the settings, or the embedded one. `onProgress` hears what takes seconds. */
export async function openDatabase(settings: Settings, onProgress: (message: string) => void, options: { share: boolean }): Promise<OpenDatabase> {
  if (settings.databaseUrl) {
    const connectionString = settings.databaseUrl.reveal();
    return { connectionString, shown: maskDatabaseUrl(connectionString), stop: async () => {} };
  }
  const folder = prepareDataFolder(settings.dataDir);
  const { openEmbedded } = await import("./embedded.ts");
  return openEmbedded(folder, onProgress, options);
}

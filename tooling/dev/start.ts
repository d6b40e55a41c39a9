/**
 * `npm start`: everything on this machine, in one process and one database beside it. What can be made at once is; what was
 * opened is closed in the opposite order, however the start ends.
 */
import { openSync, rmSync } from "node:fs";
import path from "node:path";
import type { Logger } from "@stack-2025/byok-core";
import { completeProviders, coreOf, parseSettings, secretVariables, type Settings } from "@stack-2025/byok-core/internal";
import {
  createPrivateFile, exitCodeOf, guardProcess, loadService, makeLogger, makeManager, openDatabase, prepareDataFolder, readDevFile, removeDevFile, rootKeyFor,
  stopInOrder, stopRequested, writeDevFile, writeError, type DevFile, type Part,
} from "@stack-2025/byok/internal";
import type { Sandbox, SandboxProvider } from "@stack-2025/byok-sandbox";
import { curlCommand, prepareDemo } from "./demo.ts";
import { requireFreePort } from "./free-port.ts";
import { AlreadyRunning, holdFolder } from "./only-start.ts";

/** Every vendor: nothing leaves the machine unless somebody says where to. */
const sandboxProviders: readonly SandboxProvider[] = completeProviders.map((provider) => provider.type);

/** In milliseconds: when `npm start` was typed, as far as the bootstrap tells. */
const began = Number(process.env["BOOTSTRAP_BEGAN"]) || performance.timeOrigin;
const seconds = (): string => ((Date.now() - began) / 1000).toFixed(1);
const progress = (text: string): boolean => process.stderr.write(`byok: ${text} (${seconds()} s)\n`);

await main();

async function main(): Promise<void> {
  let asked = false;
  const stopping = stopRequested().then(() => (asked = true));
  const env = { ...process.env };
  for (const name of secretVariables) delete process.env[name];
  const open: Part[] = [];
  let logger = makeLogger("error", process.stderr);
  try {
    const settings = parseSettings(env, "development");
    const folder = prepareDataFolder(settings.dataDir);
    const release = holdFolder(folder);
    open.push({ what: "lock", stop: async () => release() });
    logger = openLog(settings, folder);
    guardProcess(logger);
    // Asked to stop before it is ready, it makes what it is making first, so that it can be closed.
    await start(settings, folder, logger, open);
    await stopping;
    progress("stopping");
  } catch (error) {
    // A Ctrl-C in the middle of the start also ends what was being run for it.
    if (!asked) report(error, env);
  }
  const sound = await stopInOrder(logger, open.toReversed());
  if (!process.exitCode) progress(sound ? "stopped" : "stopped, but not cleanly: see byok.log in the data folder");
  process.exit(process.exitCode || (sound ? 0 : 1));
}

function report(error: unknown, env: Readonly<Record<string, string | undefined>>): void {
  if (error instanceof AlreadyRunning) process.stderr.write(`byok: ${alreadyRunning(error, env)}\n`);
  else writeError(process, error, false);
  process.exitCode = error instanceof AlreadyRunning ? 1 : exitCodeOf(error);
}

/** Opens one part after the other where one needs the other; each is on the list as soon as it is there. */
async function start(settings: Settings, folder: string, logger: Logger, open: Part[]): Promise<void> {
  await requireFreePort(settings);
  removeDevFile(folder);
  const rootKey = rootKeyFor(settings);
  // The database is another process: it starts while this one loads the rest.
  const [database, sandbox, { listen, startWorkerProcess }] = await all([
    openDatabase(settings, progress, { share: false }).then((made) => hold(open, "database", made, () => made.stop())),
    startSandbox().then((made) => hold(open, "sandbox", made, () => made.close())),
    loadService(),
  ]);
  const providers = providersOf(sandbox, settings);
  const manager = makeManager({ ...settings, providers }, rootKey, database.connectionString, logger);
  hold(open, "manager", manager, () => manager.close());
  await coreOf(manager);
  const [demo] = await all([
    prepareDemo(manager, folder),
    startWorkerProcess({ manager, logger }).then((made) => hold(open, "worker", made, () => made.stop())),
  ]);
  const api = await listen(settings, manager, logger);
  hold(open, "api", api, () => api.close());
  const dev: DevFile = {
    apiUrl: api.url,
    consoleUrl: `${api.url}/`,
    sandboxUrl: sandbox.url,
    sandboxKey: demo.sandboxKey,
    token: demo.token,
    proxyCommand: curlCommand(api.url, demo.callToken),
    providers,
  };
  writeDevFile(folder, dev);
  open.push({ what: "dev.json", stop: async () => removeDevFile(folder) });
  say(dev, folder);
}

async function startSandbox(): Promise<Sandbox> {
  const sandbox = await import("@stack-2025/byok-sandbox");
  return sandbox.startSandbox();
}

function hold<T>(open: Part[], what: string, made: T, stop: () => Promise<void>): T {
  open.push({ what, stop });
  return made;
}

/** Waits for every one, so that none is opened behind the back of a stop; then throws the first failure. */
async function all<T extends readonly Promise<unknown>[]>(promises: readonly [...T]): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** The sandbox stands for the vendors, but for those whose base URL is set. */
function providersOf(sandbox: Sandbox, settings: Settings): DevFile["providers"] {
  const stood = Object.fromEntries(sandboxProviders.map((provider) => [provider, { baseUrl: sandbox.baseUrl(provider) }]));
  return { ...stood, ...settings.providers };
}

/** Everything goes to a file beside the data; the terminal is for people, and hears of errors alone. */
function openLog(settings: Settings, folder: string): Logger {
  const file = path.join(folder, "byok.log");
  rmSync(file, { force: true });
  createPrivateFile(file, "");
  return makeLogger(settings.logLevel, openSync(file, "a"));
}

function say(dev: DevFile, folder: string): void {
  process.stdout.write(`
byok is ready after ${seconds()} s. Ctrl-C stops it.

  API and console   ${dev.consoleUrl}
  Sandbox           ${dev.sandboxUrl}/ (stands for the vendors)
  Data folder       ${folder} (addresses and a token in dev.json, the log in byok.log)
  Sign in           comes with the console; until then programs bring the token, or one of their own: byok token create

This sends a chat request through the proxy, with the stored key of the user demo, and the answer streams by:

${dev.proxyCommand}

`);
}

function alreadyRunning({ pid }: AlreadyRunning, env: Readonly<Record<string, string | undefined>>): string {
  const folder = path.resolve(parseSettings(env, "development").dataDir);
  const url = readDevFile(folder)?.apiUrl;
  return (
    `npm start is running already for ${folder} (process ${pid}): ${url === undefined ? "it is not ready yet" : `${url}/`}. ` +
    "Stop that one with Ctrl-C, or give this one a folder and a port of its own: BYOK_DATA_DIR and PORT."
  );
}

/** `byok serve` and `byok worker`: one process each, started whole or not at all, stopped in order within 25 seconds (F-27). */
import { startApi, type Api } from "@stack-2025/byok-api";
import type { BYOKManager, Logger } from "@stack-2025/byok-core";
import type { Settings } from "@stack-2025/byok-core/internal";
import { openInstallation, serviceSettings } from "./installation.ts";
import type { Io } from "./io.ts";
import { makeLogger } from "./log.ts";
import { guardProcess, stopInOrder, stopRequested, type Part } from "./process-guards.ts";

export const serve = (io: Io): Promise<void> =>
  runService(io, async (settings, manager, logger) => {
    const api = await listen(settings, manager, logger);
    logger.info({ service: "api", address: api.url }, "listening");
    return { what: "api", stop: () => api.close() };
  });

export const work = (io: Io): Promise<void> =>
  runService(io, async (_, manager, logger) => {
    const { startWorkerProcess } = await import("@stack-2025/byok-worker");
    const worker = await startWorkerProcess({ manager, logger });
    logger.info({ service: "worker" }, "working");
    return { what: "worker", stop: () => worker.stop() };
  });

/** Starts the API at the settings' address. @throws ConfigurationError the port is taken or not ours to take */
export function listen(settings: Settings, manager: BYOKManager, logger: Logger): Promise<Api> {
  const { port, host, publicUrl, proxyOrigin } = settings;
  return startApi({ manager, port, host, logger, publicUrl, proxyOrigin });
}

async function runService(io: Io, start: (settings: Settings, manager: BYOKManager, logger: Logger) => Promise<Part>): Promise<void> {
  const settings = serviceSettings(io.env);
  const logger = makeLogger(settings.logLevel, io.stdout);
  guardProcess(logger);
  const stopping = stopRequested();
  const installation = await openInstallation(settings, logger);
  logger.info({ database: installation.database, mode: settings.mode }, "the installation is open");
  let part: Part;
  try {
    part = await start(settings, installation.manager, logger);
  } catch (error) {
    await installation.close();
    throw error;
  }
  const signal = await stopping;
  logger.info({ signal }, "stopping");
  const sound = await stopInOrder(logger, [part, { what: "installation", stop: () => installation.close() }]);
  logger.info({ outcome: sound ? "clean" : "unclean" }, "stopped");
  if (!sound) io.exitCode = 1;
}

/**
 * The process around the background jobs. The jobs live in core, so that an app can host them itself; here are what a process
 * of its own adds: a log of its start and its stop, and a stop that happens once however often it is asked for.
 */
import type { BYOKManager, Logger } from "@stack-2025/byok-core";
import { startWorker } from "@stack-2025/byok-core/worker";

export interface WorkerProcess {
  /** Lets running jobs end and releases the others, so that the next worker finds them. The manager stays open. */
  stop(): Promise<void>;
}

/** Runs the jobs of the manager's installation until stopped. @throws BYOKError the installation cannot be opened */
export async function startWorkerProcess({ manager, logger }: { manager: BYOKManager; logger: Logger }): Promise<WorkerProcess> {
  const log = logger.child({ service: "worker" });
  const worker = await startWorker(manager);
  log.info({}, "takes jobs");
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await worker.stop();
    log.info({}, "takes no more jobs");
  };
  return { stop: () => (stopped ??= stop()) };
}

/** The background work, for apps that host it themselves: usage is folded, what is old goes. */
import { startJobRunner } from "@stack-2025/byok-db";
import { jobTasks, schedule } from "./jobs/tasks.ts";
import { coreOf, type BYOKManager } from "./manager.ts";

export interface WorkerOptions {
  /** Jobs at once in this process; default 4. */
  concurrency?: number | undefined;
}

/** A worker at work. Any number of them can run; each job is done once. */
export interface Worker extends AsyncDisposable {
  /** Takes no further job and lets those under way end. Twice is once. */
  stop(): Promise<void>;
}

/** Starts the background work of a manager's installation. Stop it before the manager is closed. */
export async function startWorker(manager: BYOKManager, options: WorkerOptions = {}): Promise<Worker> {
  const core = await coreOf(manager);
  const runner = await startJobRunner(core.database, jobTasks(core), {
    concurrency: options.concurrency,
    schedule,
    onError: ({ task, message }) => core.logger.warn({ task, reason: message }, "a job failed and will be tried again"),
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= runner.stop());
  return { stop, [Symbol.asyncDispose]: stop };
}

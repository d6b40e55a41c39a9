/** S-81: crash paths give nothing away. For the programs that hold keys: the service, the worker, `npm start`. */
import type { Logger } from "@stack-2025/byok-core";

/** The signals that ask a service to stop; the promise resolves with the first, later ones are ignored. */
export function stopRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    // One Ctrl-C can come as several signals: from the terminal, and from each program above that passes it on.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
  });
}

/** Ends the process on what nobody caught, with kind and place logged; keeps the environment out of reports, and debuggers out. */
export function guardProcess(logger: Logger): void {
  if (process.report) process.report.excludeEnv = true;
  // Node opens its inspector on this signal unless somebody listens.
  process.on("SIGUSR1", () => logger.warn({ signal: "SIGUSR1" }, "ignored: the inspector is off"));
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      logger.error({ err: error instanceof Error ? error : new Error("a value that is no error was thrown"), reason: event }, "the process ends: its state is unknown");
      process.exit(1);
    });
  }
}

/** Something that was opened and is to be closed. */
export interface Part {
  what: string;
  stop: () => Promise<void>;
}

/** Closes one part after the other; one that fails does not keep the next from closing. False: not cleanly, or not in time. */
export async function stopInOrder(logger: Logger, steps: readonly Part[], deadlineMs = 25_000): Promise<boolean> {
  let sound = true;
  const all = async (): Promise<void> => {
    for (const { what, stop } of steps) {
      try {
        await stop();
      } catch (error) {
        sound = false;
        logger.error({ err: error, process: what }, "did not stop cleanly");
      }
    }
  };
  const deadline = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    sound = false;
    logger.error({ ms: deadlineMs }, "the time to stop is over");
    deadline.resolve();
  }, deadlineMs);
  await Promise.race([all(), deadline.promise]);
  clearTimeout(timer);
  return sound;
}

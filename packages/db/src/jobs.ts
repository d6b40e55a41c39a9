/**
 * The job queue: graphile-worker over a pool of our own, as a role that is no superuser and owns nothing but the job
 * tables. What a task does with tenants' rows, it does through the database's scopes like everyone else.
 */
import { EventEmitter } from "node:events";
import { BYOKError } from "@stack-2025/byok-crypto";
import type { Runner, WorkerEvents } from "graphile-worker";
import type { Database } from "./connect.ts";
import { DatabaseUnavailableError } from "./failures.ts";
import { JobLocks } from "./job-locks.ts";
import { workerSchema } from "./worker-schema.ts";

export interface JobHelpers {
  jobId: string;
  /** 1 at the first try. */
  attempt: number;
  /** Aborted when the runner is told to stop: a long task ends at its next safe point. */
  signal: AbortSignal;
}

export type JobTask = (payload: unknown, helpers: JobHelpers) => Promise<void>;

export interface JobRunnerOptions {
  /** Jobs at once; default 4. */
  concurrency?: number | undefined;
  /** How often the queue is looked at where no notification came; default 2,000 ms. */
  pollIntervalMs?: number | undefined;
  /** Jobs fetched at once and kept in this process, for queues of thousands a second; without it each is fetched alone. */
  localQueueSize?: number | undefined;
  /** Cron matches in UTC (`minute hour day month weekday`). One run a time, however many runners there are. */
  schedule?: readonly { task: string; match: string }[] | undefined;
  /** A job failed, or the queue could not be reached. It is tried again. */
  onError?: ((error: { task: string | null; message: string }) => void) | undefined;
}

export interface JobRunner {
  /** Takes no further job, lets those under way end, and lets the connections go. */
  stop(): Promise<void>;
}

/** Runs jobs until it is stopped. The database must be open. */
export async function startJobRunner(database: Database, tasks: Readonly<Record<string, JobTask>>, options: JobRunnerOptions = {}): Promise<JobRunner> {
  const { Logger, parseCronItems, run } = await import("graphile-worker");
  const concurrency = options.concurrency ?? 4;
  const pool = await database.dedicatedPool({ max: concurrency + 4, role: (roles) => roles.worker });
  // A connection that is lost while it is lent out says so itself, not through its pool.
  pool.on("connect", (client) => client.on("error", (error) => options.onError?.({ task: null, message: error.message })));
  const ending = new AbortController();
  const locks = new JobLocks(pool, (error) => options.onError?.({ task: null, message: error.message }));
  const events: WorkerEvents = new EventEmitter();
  // Jobs are locked by a worker, or where there is a local queue by its pool.
  events.on("worker:create", ({ worker }) => locks.add(worker.workerId));
  events.on("pool:create", ({ workerPool }) => locks.add(workerPool.id));
  let runner: Runner | undefined;
  const stop = async (): Promise<void> => {
    ending.abort();
    await runner?.stop();
    await locks.stop();
    await pool.end();
  };
  try {
    runner = await run({
      pgPool: pool,
      events,
      ...(options.localQueueSize !== undefined && { preset: { worker: { localQueue: { size: options.localQueueSize } } } }),
      schema: workerSchema,
      concurrency,
      pollInterval: options.pollIntervalMs ?? 2_000,
      noHandleSignals: true,
      parsedCronItems: parseCronItems((options.schedule ?? []).map(({ task, match }) => ({ task, match, options: { backfillPeriod: 0 } }))),
      logger: new Logger(() => (level, message) => {
        if (level === "error") options.onError?.({ task: null, message });
      }),
      taskList: Object.fromEntries(
        Object.entries(tasks).map(([name, task]) => [
          name,
          async (payload: unknown, helpers: { job: { id: string; attempts: number } }) => {
            try {
              await task(payload, { jobId: helpers.job.id, attempt: helpers.job.attempts, signal: ending.signal });
            } catch (error) {
              const failed = storable(error);
              options.onError?.({ task: name, message: failed.message });
              throw failed;
            }
          },
        ]),
      ),
    });
    await locks.start();
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The queue keeps the message of a failed job in the clear: ours say nothing secret, of others the name alone is kept. */
function storable(error: unknown): Error {
  if (error instanceof BYOKError) return new Error(`${error.code}: ${error.message}`);
  if (error instanceof DatabaseUnavailableError) return new Error("the database could not be reached");
  return new Error(error instanceof Error ? error.name : "unknown error");
}

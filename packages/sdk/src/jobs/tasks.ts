/** The background tasks: what each is called, what its payload may hold, and what it does. One table, one schedule. */
import { z } from "zod";
import { exportAnchor } from "../audit/anchor.ts";
import type { Core } from "../core.ts";
import { parseInput } from "../schema.ts";
import { foldHours } from "../usage/fold-hours.ts";
import { endGraces } from "./end-graces.ts";
import { removeOldRows } from "./remove-old-rows.ts";

/** What a task works with. */
export type JobCore = Pick<Core, "database" | "keyring" | "clock" | "logger">;

interface Task<Payload> {
  /** Ids, enums and numbers alone: payloads lie in the job tables in the clear. */
  payload: z.ZodType<Payload, unknown>;
  /** Can die at any line and be run again, also beside itself. */
  run: (core: JobCore, payload: Payload) => Promise<void>;
}

const task = <Payload>(one: Task<Payload>): Task<Payload> => one;

/** A scheduled task is given nothing but what the scheduler adds about itself. */
const nothing = z.strictObject({ _cron: z.strictObject({ ts: z.string(), backfilled: z.boolean().optional() }).optional() });

export const tasks = {
  fold_hours: task({
    payload: nothing,
    run: async ({ database, logger }) => {
      const days = await foldHours(database);
      if (days > 0) logger.debug({ days }, "hours of usage were folded into days");
    },
  }),
  end_graces: task({
    payload: nothing,
    run: async (core) => {
      const versions = await endGraces(core);
      if (versions > 0) core.logger.debug({ versions }, "replaced versions of keys were destroyed");
    },
  }),
  remove_old_rows: task({
    payload: nothing,
    run: ({ database }) => removeOldRows(database),
  }),
  anchor_audit: task({
    payload: nothing,
    run: async (core) => {
      for await (const anchor of exportAnchor(core, { changedOnly: true })) core.logger.info({ anchor }, "audit anchor");
    },
  }),
};
export type TaskName = keyof typeof tasks;

/** When tasks run by themselves: `minute hour day month weekday`, UTC. One run a time, however many workers there are. */
export const schedule: readonly { task: TaskName; match: string }[] = [
  { task: "fold_hours", match: "* * * * *" },
  { task: "end_graces", match: "* * * * *" },
  { task: "remove_old_rows", match: "17 * * * *" },
  { task: "anchor_audit", match: "41 * * * *" },
];

/**
 * The tasks as a job runner takes them. A payload that is not the task's own fails its job.
 *
 * @throws InvalidInputError (from a task) the payload has a field that the task does not know
 */
export function jobTasks(core: JobCore): Record<TaskName, (payload: unknown) => Promise<void>> {
  const bind = <Payload>({ payload: schema, run }: Task<Payload>) => async (payload: unknown) => run(core, parseInput(schema, payload ?? {}));
  return { fold_hours: bind(tasks.fold_hours), end_graces: bind(tasks.end_graces), remove_old_rows: bind(tasks.remove_old_rows), anchor_audit: bind(tasks.anchor_audit) };
}

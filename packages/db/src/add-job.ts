import { sql } from "kysely";
import type { TenantTransaction } from "./connect.ts";

export interface AddJobOptions {
  /** One job at a time has this key: a further one replaces it, unless it runs already. */
  jobKey?: string;
  /** Jobs of one queue run one after another. Only where order matters. */
  queue?: string;
  runAt?: Date;
  /** Lower runs first; default 0. */
  priority?: number;
}

/**
 * Adds a job in the transaction of the change that needs it: both happen or neither. The payload holds ids, enums and
 * numbers alone; the database refuses anything else.
 */
export async function addJob(
  trx: TenantTransaction,
  task: string,
  payload: Record<string, string | number | boolean>,
  options: AddJobOptions = {},
): Promise<void> {
  const { jobKey = null, queue = null, runAt = null, priority = null } = options;
  await sql`select byok.add_job(${task}, ${JSON.stringify(payload)}::jsonb, ${jobKey}, ${queue}, ${runAt}::timestamptz, ${priority}::integer)`.execute(trx);
}

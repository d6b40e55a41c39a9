/**
 * Frees the jobs of workers that died. graphile-worker would leave them locked for four hours. Each runner holds an advisory
 * lock for every worker of its own, in a session that ends when its process does; a worker that has a job and whose lock is
 * free, seen twice in a row, is dead. (Once could be a runner whose session is just being replaced.)
 */
import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import { workerSchema } from "./worker-schema.ts";

const sweepMs = 3_000;
/** Of two-part advisory locks: ours, the other part is the worker's id. */
const lockSpace = 1_652_126_571;

export class JobLocks {
  readonly #pool: pg.Pool;
  readonly #onError: (error: Error) => void;
  readonly #workers = new Set<string>();
  /** Those whose lock the session has. */
  readonly #held = new Set<string>();
  readonly #ending = new AbortController();
  #session: pg.PoolClient | undefined;
  #sweeping: Promise<void> | undefined;
  /** Workers that looked dead at the last sweep. */
  #suspects = new Set<string>();

  constructor(pool: pg.Pool, onError: (error: Error) => void) {
    this.#pool = pool;
    this.#onError = onError;
  }

  /** Before the worker takes its first job. */
  add(workerId: string): void {
    this.#workers.add(workerId);
  }

  /** Resolves when the locks are held: from then on no sweep of another takes these workers for dead. */
  async start(): Promise<void> {
    await this.#hold();
    this.#sweeping = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        await this.#hold();
        await this.sweep();
      } catch (error) {
        this.#drop();
        this.#onError(error instanceof Error ? error : new Error("the job locks could not be kept"));
      }
      // Ends early when we are told to stop.
      await pause(sweepMs * (0.8 + Math.random() * 0.4), undefined, { signal: this.#ending.signal, ref: false }).catch(() => undefined);
    }
  }

  async #hold(): Promise<void> {
    if (!this.#session) {
      const session = await this.#pool.connect();
      session.on("error", () => {
        if (this.#session === session) this.#drop();
      });
      this.#session = session;
    }
    const fresh = [...this.#workers].filter((id) => !this.#held.has(id));
    if (fresh.length > 0) await this.#session.query("select pg_advisory_lock_shared($1, hashtext(id)) from unnest($2::text[]) as id", [lockSpace, fresh]);
    for (const id of fresh) this.#held.add(id);
  }

  #drop(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#held.clear();
    session?.release(true);
  }

  /** One look; frees what was dead at the last one too. */
  async sweep(): Promise<void> {
    const { rows } = await this.#pool.query<{ id: string }>(
      `select id from (
        select locked_by as id from ${workerSchema}._private_jobs where locked_by is not null
        union select locked_by from ${workerSchema}._private_job_queues where locked_by is not null
      ) as holding where pg_try_advisory_xact_lock($1, hashtext(id))`,
      [lockSpace],
    );
    const dead = rows.map(({ id }) => id).filter((id) => this.#suspects.has(id));
    this.#suspects = new Set(rows.map(({ id }) => id));
    if (dead.length === 0) return;
    await this.#pool.query(`select ${workerSchema}.force_unlock_workers($1)`, [dead]);
    // What graphile-worker listens to: somebody looks at the queue now, and not at the next poll.
    await this.#pool.query("select pg_notify('jobs:insert', '{\"count\":1}')");
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#sweeping;
    this.#drop();
  }
}

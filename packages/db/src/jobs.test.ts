import { spawn } from "node:child_process";
import { once } from "node:events";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { addJob, connectDatabase, startJobRunner, type Database } from "./index.ts";
import { createTestDatabase, type TestDatabase } from "./testing.ts";

const owner = "aaaaaaaa-0000-4000-8000-000000000000";
const login = "job_runner_login";

let testDatabase: TestDatabase;
let admin: pg.Client;
/** Over a login that is no superuser, owns nothing, and may become the installation's roles. */
let database: Database;
let restricted: string;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  admin = new pg.Client({ connectionString: testDatabase.connectionString });
  await admin.connect();
  await admin.query(`drop role if exists ${login}`);
  await admin.query(`create role ${login} login nosuperuser nocreaterole nocreatedb nobypassrls`);
  restricted = Object.assign(new URL(testDatabase.connectionString), { username: login }).href;
  database = connectDatabase({ database: restricted });
  // What the message asks an administrator for is all that the login is given.
  const { details } = (await database.open().catch((error: unknown) => error)) as { details: { statements: string[] } };
  for (const statement of details.statements) await admin.query(statement);
  await database.open();
});

afterAll(async () => {
  await database.close();
  await admin.end();
  await testDatabase.drop();
});

beforeEach(async () => {
  await admin.query("delete from byok_worker._private_jobs; delete from byok.owners");
});

interface Job {
  task: string;
  payload: unknown;
  locked: boolean;
  attempts: number;
  lastError: string | null;
}
async function jobs(): Promise<Job[]> {
  const { rows } = await admin.query<Job>(`
    select identifier as task, payload, locked_at is not null as locked, attempts, last_error as "lastError"
    from byok_worker._private_jobs j join byok_worker._private_tasks t on t.id = j.task_id order by j.id`);
  return rows;
}

const add = (task: string, payload: Record<string, string | number | boolean> = {}, options = {}): Promise<void> =>
  database.inTenant({ owners: [owner] }, (trx) => addJob(trx, task, payload, options));

describe("a runner whose login is no superuser", () => {
  test("runs a job that was added in the transaction of a write, with its payload", async () => {
    const { promise: ran, resolve } = Promise.withResolvers<unknown>();
    const runner = await startJobRunner(database, { fold: async (payload, { jobId, attempt }) => resolve({ payload, jobId: typeof jobId, attempt }) });
    await database.inTenant({ owners: [owner] }, async (trx) => {
      await trx.insertInto("owners").values({ owner_id: owner, kind: "user", external_id: "x" }).execute();
      await addJob(trx, "fold", { ownerId: owner, day: "2026-11-24", part: 1, last: true });
    });
    expect(await ran).toEqual({ payload: { ownerId: owner, day: "2026-11-24", part: 1, last: true }, jobId: "string", attempt: 1 });
    await runner.stop();
    expect(await jobs()).toEqual([]);
  });

  test("works as the worker's role, which owns the job tables and sees no table of a tenant", async () => {
    const pool = await database.dedicatedPool({ max: 1, role: (roles) => roles.worker });
    const { rows } = await pool.query("select current_user::text as role, session_user::text as login, (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as super");
    expect(rows).toEqual([{ role: `byok_worker_${database.installation.id}`, login, super: false }]);
    await expect(pool.query("select * from byok.keys")).rejects.toThrow("permission denied");
    await pool.end();
  });
});

describe("adding a job", () => {
  test("and a write are one: a rollback leaves neither", async () => {
    const failing = database.inTenant({ owners: [owner] }, async (trx) => {
      await trx.insertInto("owners").values({ owner_id: owner, kind: "user", external_id: "x" }).execute();
      await addJob(trx, "fold", { ownerId: owner });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await jobs()).toEqual([]);
    expect((await admin.query("select from byok.owners")).rowCount).toBe(0);
  });

  test("twice under one key leaves one", async () => {
    await add("fold", { day: "1" }, { jobKey: "k" });
    await add("fold", { day: "2" }, { jobKey: "k" });
    expect((await jobs()).map(({ payload }) => payload)).toEqual([{ day: "2" }]);
  });

  test("takes queue, time and priority", async () => {
    await add("fold", {}, { queue: "of-owner", runAt: new Date("2030-01-01T00:00:00Z"), priority: 7 });
    const { rows } = await admin.query("select queue_name, run_at, priority from byok_worker._private_jobs j join byok_worker._private_job_queues q on q.id = j.job_queue_id");
    expect(rows).toEqual([{ queue_name: "of-owner", run_at: new Date("2030-01-01T00:00:00Z"), priority: 7 }]);
  });

  test("S-40: with anything but ids, enums and numbers is refused", async () => {
    for (const payload of [{ nested: { a: 1 } }, { list: [1] }, { nothing: null }, { long: "x".repeat(201) }]) {
      const unchecked = payload as unknown as Record<string, string>;
      await expect(add("fold", unchecked)).rejects.toMatchObject({ message: expect.stringContaining("ids, enums and numbers") as string });
    }
    expect(await jobs()).toEqual([]);
  });

  test("S-41: is the only way for the app's role to the job tables", async () => {
    for (const statement of ["select * from byok_worker._private_jobs", "select byok_worker.add_job('fold')", "delete from byok_worker._private_jobs"]) {
      await expect(database.inTenant({ owners: [owner] }, async (trx) => trx.executeQuery({ sql: statement, parameters: [], query: { kind: "RawNode", sqlFragments: [], parameters: [] }, queryId: { queryId: "raw" } }))).rejects.toMatchObject({ sqlState: "42501" });
    }
  });
});

describe("a job that fails", () => {
  test("is kept with no message that is not ours, and tried again", async () => {
    const told: unknown[] = [];
    const runner = await startJobRunner(
      database,
      {
        fails: async () => {
          throw new Error("sk-secret-in-a-message");
        },
      },
      { onError: (error) => told.push(error) },
    );
    await add("fails");
    await expect.poll(jobs, { timeout: 10_000 }).toEqual([{ task: "fails", payload: {}, locked: false, attempts: 1, lastError: "Error" }]);
    await runner.stop();
    expect(JSON.stringify(told)).not.toContain("sk-secret");
    expect(told).toContainEqual({ task: "fails", message: "Error" });
  });
});

describe("stopping", () => {
  test("lets a job under way end, takes no further one, and leaves nothing locked", async () => {
    const started = Promise.withResolvers<void>();
    const ran: unknown[] = [];
    const runner = await startJobRunner(
      database,
      {
        slow: async (payload, { signal }) => {
          started.resolve();
          await once(signal, "abort");
          ran.push(payload);
        },
      },
      { concurrency: 1 },
    );
    await add("slow", { number: 1 });
    await add("slow", { number: 2 });
    await started.promise;
    await runner.stop();
    expect(ran).toEqual([{ number: 1 }]);
    expect(await jobs()).toEqual([{ task: "slow", payload: { number: 2 }, locked: false, attempts: 0, lastError: null }]);
    expect((await admin.query("select from pg_stat_activity where usename = $1 and query like '%byok_worker%' and state <> 'idle'", [login])).rowCount).toBe(0);
  });
});

test("F-02: the jobs of a killed worker are freed by another within 10 s", async () => {
  await add("work");
  // Takes the job and never ends it.
  const program = `
    const { connectDatabase, startJobRunner } = await import(${JSON.stringify(new URL("index.ts", import.meta.url).href)});
    const database = connectDatabase({ database: ${JSON.stringify(restricted)} });
    await database.open();
    await startJobRunner(database, { work: () => { process.stdout.write("took it"); return new Promise(() => {}); } });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  expect(await jobs()).toMatchObject([{ locked: true }]);
  child.kill("SIGKILL");
  await once(child, "exit");
  const since = performance.now();
  const ran = Promise.withResolvers<number>();
  const runner = await startJobRunner(database, { work: async (_, { attempt }) => ran.resolve(attempt) });
  expect(await ran.promise).toBe(2);
  expect(performance.now() - since).toBeLessThan(10_000);
  await runner.stop();
});

test("the jobs of a living worker are left to it, by the sweeps of others", async () => {
  const finish = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  let runs = 0;
  const tasks = {
    long: async () => {
      runs += 1;
      started.resolve();
      await finish.promise;
    },
  };
  const runners = await Promise.all([startJobRunner(database, tasks), startJobRunner(database, tasks)]);
  await add("long");
  await started.promise;
  const { JobLocks } = await import("./job-locks.ts");
  const pool = await database.dedicatedPool({ max: 2, role: (roles) => roles.worker });
  const sweeper = new JobLocks(pool, (error) => {
    throw error;
  });
  for (let sweeps = 0; sweeps < 3; sweeps += 1) await sweeper.sweep();
  expect(await jobs()).toMatchObject([{ locked: true, attempts: 1 }]);
  finish.resolve();
  await Promise.all(runners.map((runner) => runner.stop()));
  await pool.end();
  expect(runs).toBe(1);
});

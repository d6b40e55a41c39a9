import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDatabase } from "./connect.ts";
import { EmbeddedAlreadyRunning, startEmbeddedPostgres } from "./embedded.ts";
import { startTemporaryPostgres } from "./temporary-postgres.ts";

let parent: string;
let dataDir: string;

beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), "byok-embedded-test-"));
  await chmod(parent, 0o755);
  dataDir = path.join(parent, ".byok");
});
afterAll(async () => {
  await rm(parent, { recursive: true, force: true });
});

async function query(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const postmaster = async (folder: string): Promise<number> => Number((await readFile(path.join(folder, "data", "postmaster.pid"), "utf8")).split("\n")[0]);

describe("the embedded PostgreSQL", { timeout: 60_000 }, () => {
  test("starts, takes a migration, stops; started again, it has kept what was written", async () => {
    const told: string[] = [];
    const first = await startEmbeddedPostgres({ dataDir, onProgress: (message) => told.push(message) });
    await using database = connectDatabase({ database: first.connectionString });
    const installation = await database.open();
    await database.close();
    await first.stop();
    await expect(query(first.connectionString, "select 1")).rejects.toThrow("ECONNREFUSED");

    const second = await startEmbeddedPostgres({ dataDir });
    await using again = connectDatabase({ database: second.connectionString });
    expect(await again.open()).toEqual(installation);
    await again.close();
    await second.stop();
    expect(told).toEqual(["making the database", "starting the database"]);
  });

  test("asks for its password, which only we can read, and listens on this machine alone", async () => {
    const { connectionString, stop } = await startEmbeddedPostgres({ dataDir });
    try {
      const wrong = Object.assign(new URL(connectionString), { password: "wrong" }).href;
      await expect(query(wrong, "select 1")).rejects.toMatchObject({ code: "28P01" });
      expect(await query(connectionString, "select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets, current_setting('fsync') as fsync")).toEqual([
        { addresses: "127.0.0.1", sockets: "", fsync: "on" },
      ]);
      expect((await stat(path.join(dataDir, "database", "password"))).mode & 0o777).toBe(0o600);
      expect((await stat(path.join(dataDir, "database", "data"))).mode & 0o777).toBe(0o700);
    } finally {
      await stop();
    }
  });

  test("a second start beside a running one is told its port, and leaves it alone", async () => {
    const { port, connectionString, stop } = await startEmbeddedPostgres({ dataDir });
    try {
      const second: unknown = await startEmbeddedPostgres({ dataDir }).catch((error: unknown) => error);
      expect(second).toBeInstanceOf(EmbeddedAlreadyRunning);
      expect(second).toMatchObject({ port, connectionString });
      expect(JSON.stringify(second) + String(second)).not.toContain(new URL(connectionString).password);
      expect(await query(connectionString, "select 1 as one")).toEqual([{ one: 1 }]);
    } finally {
      await stop();
    }
  });

  test("after the postmaster was killed it starts again by itself, with its data", async () => {
    const { connectionString } = await startEmbeddedPostgres({ dataDir });
    await query(connectionString, "create table kept as select 1 as one");
    const pid = await postmaster(path.join(dataDir, "database"));
    process.kill(pid, "SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    const again = await startEmbeddedPostgres({ dataDir });
    expect(await query(again.connectionString, "select * from kept")).toEqual([{ one: 1 }]);
    await again.stop();
  });

  test("a pid file that a crash left, naming a process of somebody else, does not stop it", async () => {
    const { stop } = await startEmbeddedPostgres({ dataDir });
    const file = path.join(dataDir, "database", "data", "postmaster.pid");
    const left = await readFile(file, "utf8");
    await stop();
    // Ours is a process that lives and is no PostgreSQL.
    await writeFile(file, left.replace(/^\d+/, String(process.pid)));
    const again = await startEmbeddedPostgres({ dataDir });
    expect(await query(again.connectionString, "select 1 as one")).toEqual([{ one: 1 }]);
    await again.stop();
  });

  test("when the process that started it is killed, it ends too", async () => {
    const program = `
      const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL("embedded.ts", import.meta.url).href)});
      await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} });
      process.stdout.write("up");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    const pid = await postmaster(path.join(dataDir, "database"));
    expect(isAlive(pid)).toBe(true);
    child.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  test("two first starts at once make one cluster", async () => {
    const both = await Promise.allSettled([1, 2].map(() => startEmbeddedPostgres({ dataDir: path.join(parent, "twice") })));
    const up = both.filter((one) => one.status === "fulfilled");
    expect(up).toHaveLength(1);
    expect(both.find((one) => one.status === "rejected")?.reason).toBeInstanceOf(EmbeddedAlreadyRunning);
    await up[0]!.value.stop();
    expect((await readdir(path.join(parent, "twice", "database"))).sort()).toEqual(["data", "password", "postgres.log"]);
  });

  test("started by root under a folder that nobody else may enter, it lies in one of its own", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root hands the cluster to another user");
    const closed = path.join(parent, "closed");
    await mkdir(closed, { mode: 0o700 });
    const { connectionString, stop } = await startEmbeddedPostgres({ dataDir: closed });
    const [row] = await query(connectionString, "select current_setting('data_directory') as at");
    const at = row?.["at"] as string;
    await stop();
    expect(at).toMatch(/^\/var\/lib\/byok\//);
    expect((await stat(at)).uid).toBe(65534);
    await rm(path.dirname(at), { recursive: true });
  });
});

describe("a temporary PostgreSQL", { timeout: 60_000 }, () => {
  test("leaves nothing behind", async () => {
    const { connectionString, stop } = await startTemporaryPostgres();
    const [row] = await query(connectionString, "select current_setting('data_directory') as at, pg_backend_pid() as pid, current_setting('fsync') as fsync");
    await stop();
    expect(row?.["fsync"]).toBe("off");
    await expect(stat(path.dirname(row?.["at"] as string))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("leaves nothing behind when the process that started it is killed", async () => {
    const program = `
      const { startTemporaryPostgres } = await import(${JSON.stringify(new URL("temporary-postgres.ts", import.meta.url).href)});
      process.stdout.write((await startTemporaryPostgres()).connectionString);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
    const [connectionString] = (await once(child.stdout, "data")) as [Buffer];
    const [row] = await query(connectionString.toString(), "select current_setting('data_directory') as at");
    child.kill("SIGKILL");
    const gone = async (): Promise<unknown> => stat(path.dirname(row?.["at"] as string)).then(() => "there", (error: NodeJS.ErrnoException) => error.code);
    await expect.poll(gone, { timeout: 10_000 }).toBe("ENOENT");
  });
});

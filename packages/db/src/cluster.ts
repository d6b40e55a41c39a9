/**
 * One PostgreSQL server as a child process of ours. It runs in a session of its own, so that a Ctrl-C in the terminal does
 * not end it before its clients, and a small shell beside it ends it when this process is gone, however it went.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chown, mkdtemp, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { unprivileged, type Binaries } from "./postgres-binaries.ts";

export const superuser = "postgres";

export interface ClusterOptions {
  binaries: Binaries;
  /** Holds `data`, the log, and what else belongs to the cluster. Everybody may pass it. */
  folder: string;
  port?: number | undefined;
  /** Further `-c` settings. */
  settings?: Record<string, string>;
  /** Also removes the folder when this process is gone. */
  temporary?: boolean;
  /** Called when the server did not come up, before it is tried again; throws where that is of no use. */
  beforeRetry?: () => Promise<void>;
}

export interface RunningCluster {
  port: number;
  /** Resolves when the server has ended; connections that are still open are cut. */
  stop: () => Promise<void>;
}

const environment = { LC_ALL: "C", TZ: "UTC", PATH: "/usr/local/bin:/usr/bin:/bin" };

export const dataOf = (folder: string): string => path.join(folder, "data");

/** initdb, whole or not at all. `password`: scram; without it every local login is trusted, which only tests may want. */
export async function initialize(binaries: Binaries, folder: string, password: string | undefined): Promise<void> {
  const data = dataOf(folder);
  if (existsSync(data)) return;
  // Two first starts at once make one each, and the second to be done uses the first's.
  const making = await mkdtemp(path.join(folder, ".data-"));
  await handOver(making);
  const passwordFile = `${making}.password`;
  try {
    if (password !== undefined) {
      await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
      await handOver(passwordFile);
    }
    const auth = password === undefined ? ["--auth=trust", "--no-sync"] : ["--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    await runToEnd(binaries.initdb, [
      "-D", making, "-U", superuser, ...auth, "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions",
    ]);
    if (!existsSync(data)) await rename(making, data);
  } catch (error) {
    if (!existsSync(data)) throw error;
  } finally {
    await rm(passwordFile, { force: true });
    await rm(making, { recursive: true, force: true });
  }
}

async function handOver(file: string): Promise<void> {
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) await chown(file, uid, gid);
}

async function runToEnd(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], env: environment, cwd: "/", ...unprivileged() });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${path.basename(command)} failed (${code ?? "signal"}): ${Buffer.concat(said).toString().trim().slice(-500)}`);
}

/** How long a cluster whose server was killed may hold its shared memory; measured: 1–3 s after kill -9. */
const retryForMs = 8_000;

export async function startCluster(options: ClusterOptions): Promise<RunningCluster> {
  const until = Date.now() + retryForMs;
  for (;;) {
    const port = options.port || (await freePort());
    const child = await spawnServer(options, port);
    if (await becomesReady(child, options.folder)) return running(child, options, port);
    // Its lock or its shared memory is not free yet, or somebody took the port between our look and its bind.
    await options.beforeRetry?.();
    if (Date.now() > until) throw new Error(`PostgreSQL did not start: ${await lastWords(options.folder)}`);
    await pause(250);
  }
}

/** Bytes; it is looked at once a start. */
const longestLog = 10_000_000;

async function spawnServer({ binaries, folder, settings = {} }: ClusterOptions, port: number): Promise<ChildProcess> {
  const log = await open(path.join(folder, "postgres.log"), "a", 0o600);
  if ((await log.stat()).size > longestLog) await log.truncate();
  const all: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "64MB",
    // DETAIL lines quote rows.
    log_error_verbosity: "terse",
    ...settings,
  };
  try {
    const args = ["-D", dataOf(folder), "-p", String(port), ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    // Our own stdout and stderr stay ours: a server that held them would keep a pipe open after we are gone.
    const child = spawn(binaries.postgres, args, { stdio: ["ignore", log.fd, log.fd], env: environment, cwd: "/", detached: true, ...unprivileged() });
    await once(child, "spawn");
    return child;
  } finally {
    await log.close();
  }
}

async function becomesReady(child: ChildProcess, folder: string): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    if ((await postmasterFile(folder))?.ready === child.pid) return true;
    await pause(20);
  }
  return false;
}

async function lastWords(folder: string): Promise<string> {
  const log = await readFile(path.join(folder, "postgres.log"), "utf8");
  return log.trim().split("\n").slice(-3).join(" | ");
}

export interface Postmaster {
  pid: number;
  port: number;
  /** The pid again, once the server takes connections. */
  ready: number | undefined;
}

/** Removes a `postmaster.pid` that a crash left and whose number another program has by now: PostgreSQL would wait for it. */
export async function removeStalePid(folder: string): Promise<void> {
  const left = await postmasterFile(folder);
  if (!left || (await commandOf(left.pid)).includes(dataOf(folder))) return;
  await rm(path.join(dataOf(folder), "postmaster.pid"), { force: true });
}

/** The command line of a process; empty where there is none. */
async function commandOf(pid: number): Promise<string> {
  if (existsSync("/proc/self/cmdline")) return readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const child = spawn("ps", ["-o", "args=", "-p", String(pid)], { stdio: ["ignore", "pipe", "ignore"], env: environment });
  const said: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
  await once(child, "close");
  return Buffer.concat(said).toString();
}

/** What `postmaster.pid` says (a line each: pid, data folder, start, port, …, state), which may be stale. */
export async function postmasterFile(folder: string): Promise<Postmaster | undefined> {
  const text = await readFile(path.join(dataOf(folder), "postmaster.pid"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" ? pid : undefined };
}

function running(child: ChildProcess, { folder, temporary = false }: ClusterOptions, port: number): RunningCluster {
  const pid = child.pid as number;
  const guard = guardian(pid, temporary ? folder : undefined);
  child.unref();
  return {
    port,
    async stop() {
      await endServer(pid, () => child.exitCode !== null || child.signalCode !== null);
      guard?.kill("SIGKILL");
      if (temporary) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Fast shutdown, and the immediate one where it takes too long; either leaves data that opens. */
export async function endServer(pid: number, ended: () => boolean): Promise<void> {
  for (const [signal, patienceMs] of [["SIGINT", 15_000], ["SIGQUIT", 5_000], ["SIGKILL", 5_000]] as const) {
    if (ended()) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return;
      throw error;
    }
    for (const until = Date.now() + patienceMs; Date.now() < until && !ended(); ) await pause(10);
  }
}

/** Reads a pipe that nobody writes to: it ends when this process does. */
function guardian(pid: number, folder: string | undefined): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const script = 'cat >/dev/null; kill -INT "$1" 2>/dev/null; if [ -n "$2" ]; then while kill -0 "$1" 2>/dev/null; do sleep 0.1; done; rm -rf "$2"; fi';
  const child = spawn("/bin/sh", ["-c", script, "sh", String(pid), folder ?? ""], { stdio: ["pipe", "ignore", "ignore"], detached: true, env: environment, cwd: "/" });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

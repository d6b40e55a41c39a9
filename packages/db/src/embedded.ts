/**
 * The PostgreSQL that comes with the product, for development and small installations: a cluster under the data folder,
 * made once and kept, that runs as long as the process that started it.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { dataOf, initialize, postmasterFile, removeStalePid, startCluster, superuser } from "./cluster.ts";
import { passable, postgresBinaries, unprivileged } from "./postgres-binaries.ts";

export interface EmbeddedOptions {
  /** The data folder of the installation; the cluster lies in `database` under it. */
  dataDir: string;
  /** Default: one that is free. */
  port?: number | undefined;
  /** Default true. Without it a crash of the machine may lose what was acknowledged. */
  fsync?: boolean | undefined;
  /** Hears what takes seconds. */
  onProgress?: ((message: string) => void) | undefined;
}

export interface EmbeddedPostgres {
  /** As the cluster's superuser; it holds the password. */
  connectionString: string;
  port: number;
  /** Resolves when the server has ended. */
  stop: () => Promise<void>;
}

/** The cluster of this folder is at work already, for another process. */
export class EmbeddedAlreadyRunning extends Error {
  readonly port: number;
  /** Leads to the running one; it holds the password, and is not enumerable. */
  declare readonly connectionString: string;
  constructor(port: number, connectionString: string) {
    super(`the embedded database of this folder is running already, on port ${port}`);
    this.name = "EmbeddedAlreadyRunning";
    this.port = port;
    Object.defineProperty(this, "connectionString", { value: connectionString, enumerable: false });
  }
}

/**
 * Starts the cluster of a data folder, and makes it the first time (1–3 s).
 *
 * @throws EmbeddedAlreadyRunning another process runs it; it is left alone
 * @throws ConfigurationError no embedded PostgreSQL is installed for this platform
 */
export async function startEmbeddedPostgres({ dataDir, port, fsync = true, onProgress }: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const folder = await clusterFolder(path.resolve(dataDir));
  const password = await passwordOf(folder);
  const connectionString = (at: number): string => `postgres://${superuser}:${password}@127.0.0.1:${at}/postgres`;

  const throwIfRunning = async (): Promise<void> => {
    const running = await postmasterFile(folder);
    if (running?.ready !== undefined && isAlive(running.pid) && (await answers(running.port))) {
      throw new EmbeddedAlreadyRunning(running.port, connectionString(running.port));
    }
  };
  await throwIfRunning();
  await removeStalePid(folder);

  const binaries = await postgresBinaries(folder);
  if (!existsSync(dataOf(folder))) onProgress?.("making the database");
  await initialize(binaries, folder, password);
  onProgress?.("starting the database");
  const settings: Record<string, string> = fsync ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
  const cluster = await startCluster({ binaries, folder, port, settings, beforeRetry: throwIfRunning });
  return { connectionString: connectionString(cluster.port), port: cluster.port, stop: cluster.stop };
}

/** Under the data folder; where the user that PostgreSQL runs as cannot get there, in a folder of its own. */
async function clusterFolder(dataDir: string): Promise<string> {
  const own = path.join(dataDir, "database");
  const handedOver = unprivileged().uid !== undefined;
  await mkdir(dataDir, { recursive: true, mode: handedOver ? 0o711 : 0o700 });
  await mkdir(own, { recursive: true, mode: 0o700 });
  // Passable, not readable: the cluster inside is PostgreSQL's alone, the password ours alone.
  if (handedOver) await chmod(own, 0o711);
  if (!handedOver || (await passable(own))) return own;
  const elsewhere = path.join("/var/lib/byok", createHash("sha256").update(own).digest("hex").slice(0, 16));
  await mkdir(elsewhere, { recursive: true, mode: 0o711 });
  for (const one of ["/var/lib/byok", elsewhere]) await chmod(one, 0o711);
  return elsewhere;
}

/** Made once: whoever is first writes it, the others read it. */
async function passwordOf(folder: string): Promise<string> {
  const file = path.join(folder, "password");
  if (!existsSync(file)) {
    const written = `${file}.${randomBytes(6).toString("hex")}`;
    await writeFile(written, randomBytes(32).toString("base64url"), { mode: 0o600 });
    try {
      await link(written, file); // Whole or not at all, and never over another's.
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      await rm(written);
    }
  }
  return (await readFile(file, "utf8")).trim();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether something takes connections there: a pid may have come to another program since. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false; // Refused: the file is stale.
  } finally {
    socket.destroy();
  }
}

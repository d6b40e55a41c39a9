import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { initialize, startCluster, superuser } from "./cluster.ts";
import { passable, postgresBinaries, unprivileged } from "./postgres-binaries.ts";

export interface TemporaryPostgres {
  /** To the database `postgres`, as a superuser. */
  connectionString: string;
  port: number;
  /** Ends the server and removes its folder. */
  stop: () => Promise<void>;
}

/** A PostgreSQL for tests and benches: trusts local logins, and its folder goes with it. Not durable unless asked for. */
export async function startTemporaryPostgres(options: { durable?: boolean } = {}): Promise<TemporaryPostgres> {
  // A private TMPDIR of root's cannot be passed by the user that PostgreSQL runs as.
  const parent = unprivileged().uid === undefined || (await passable(tmpdir())) ? tmpdir() : "/tmp";
  const folder = await mkdtemp(path.join(parent, "byok-postgres-"));
  await chmod(folder, 0o755);
  const binaries = await postgresBinaries(folder);
  await initialize(binaries, folder, undefined);
  const careless = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
  const { port, stop } = await startCluster({ binaries, folder, settings: options.durable ? {} : careless, temporary: true });
  return { connectionString: `postgres://${superuser}@127.0.0.1:${port}/postgres`, port, stop };
}

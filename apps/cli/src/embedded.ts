/** The embedded database of the data folder: ours to stop, or another process's that is at work beside us. */
import { setTimeout as pause } from "node:timers/promises";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { EmbeddedAlreadyRunning, startEmbeddedPostgres } from "@stack-2025/byok-db/embedded";

export interface OpenDatabase {
  connectionString: string;
  /** For messages: without password. */
  shown: string;
  stop(): Promise<void>;
}

/** The last moments of a process that was killed, or the second that a tool of ours takes. */
const waitMs = 10_000;

/**
 * Starts the database of this folder. Where another process of ours runs it, a tool and a worker use that one; what has to
 * keep it running (`share: false`) waits for it to end.
 *
 * @throws ConfigurationError another process keeps running it
 */
export async function openEmbedded(folder: string, onProgress: (message: string) => void, { share }: { share: boolean }): Promise<OpenDatabase> {
  const shown = `the embedded database in ${folder}`;
  for (const until = Date.now() + waitMs; ; ) {
    try {
      const running = await startEmbeddedPostgres({ dataDir: folder, onProgress });
      return { connectionString: running.connectionString, shown, stop: () => running.stop() };
    } catch (error) {
      if (!(error instanceof EmbeddedAlreadyRunning)) throw error;
      if (share) return { connectionString: error.connectionString, shown, stop: async () => {} };
      if (Date.now() > until) {
        throw new ConfigurationError(`The database in ${folder} is run by another byok process, such as byok serve. Stop that one, or set BYOK_DATA_DIR to another folder.`, {
          details: { setting: "BYOK_DATA_DIR" },
        });
      }
    }
    await pause(200);
  }
}

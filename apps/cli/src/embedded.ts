/** The embedded database of the data folder: ours to stop, or another process's that is at work beside us. */
import { EmbeddedAlreadyRunning, startEmbeddedPostgres } from "@stack-2025/byok-db/embedded";

export interface OpenDatabase {
  connectionString: string;
  /** For messages: without password. */
  shown: string;
  stop(): Promise<void>;
}

/** Starts the database of this folder, or finds it running. `onProgress` hears what takes seconds. */
export async function openEmbedded(folder: string, onProgress: (message: string) => void): Promise<OpenDatabase> {
  const shown = `the embedded database in ${folder}`;
  try {
    const { connectionString, stop } = await startEmbeddedPostgres({ dataDir: folder, onProgress });
    return { connectionString, shown, stop };
  } catch (error) {
    if (!(error instanceof EmbeddedAlreadyRunning)) throw error;
    return { connectionString: error.connectionString, shown, stop: async () => {} };
  }
}

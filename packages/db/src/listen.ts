/** LISTEN on a connection of its own. It is a hint that makes news quicker; whoever needs certainty reads the log too. */
import type pg from "pg";
import { identifier } from "./quoting.ts";

export interface Listener {
  close(): Promise<void>;
}

interface ListenOptions {
  /** A pool of one, ended by the listener. */
  connect: () => Promise<pg.Pool>;
  channel: string;
  onPayload: (payload: string) => void;
  onState: (up: boolean) => void;
}

const shortestPauseMs = 100;
const longestPauseMs = 10_000;

/** Resolves when the first try has ended, well or not; a failed one is followed by others until `close`. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const pool = await options.connect();
  let closed = false;
  let held: pg.PoolClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let attempt: Promise<void> | undefined;

  const retry = (): void => {
    if (closed) return;
    const pause = Math.min(longestPauseMs, shortestPauseMs * 2 ** failures);
    failures += 1;
    // Jitter: a restarted server is not met by every process at once.
    timer = setTimeout(
      () => {
        attempt = connect();
      },
      pause * (0.5 + Math.random() / 2),
    );
    timer.unref();
  };

  const lost = (client: pg.PoolClient): void => {
    if (held !== client) return;
    held = undefined;
    client.release(true);
    if (closed) return;
    options.onState(false);
    retry();
  };

  const connect = async (): Promise<void> => {
    let client: pg.PoolClient | undefined;
    try {
      client = await pool.connect();
      const ours = client;
      held = ours;
      ours.on("notification", ({ channel, payload }) => {
        // What was on its way when we let the connection go is not passed on.
        if (channel === options.channel && held === ours) options.onPayload(payload ?? "");
      });
      ours.on("error", () => lost(ours));
      ours.on("end", () => lost(ours));
      await ours.query(`listen ${identifier(options.channel)}`);
      // Listening is no work: it does not keep a program alive that has nothing else to do. (pg has it, its types do not.)
      (ours as unknown as { unref(): void }).unref();
      failures = 0;
      if (held === ours && !closed) options.onState(true);
    } catch {
      // The reason is not ours to tell: `onState` says that it is down, and the next try follows.
      if (client) lost(client);
      else {
        options.onState(false);
        retry();
      }
    }
  };

  attempt = connect();
  await attempt;
  return {
    async close() {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      await attempt;
      const client = held;
      held = undefined;
      client?.release(true);
      await pool.end();
    },
  };
}

/** A process says every few seconds that it lives and what it knows, and learns what it must: other keys, the database's time. */
import { sql } from "kysely";
import type { Database } from "@stack-2025/byok-db";
import type { Logger } from "../byok.ts";
import type { DatabaseClock } from "../clock.ts";
import type { Keyring } from "./keyring.ts";
import { removeProcess, writeProcess } from "./processes.ts";

const everyMs = 5_000;
/** Of so many round trips the shortest tells the time best. */
const samplesKept = 8;

interface Sample {
  roundTripMs: number;
  offsetMs: number;
}

export interface HeartbeatParts {
  database: Database;
  keyring: Keyring;
  clock: DatabaseClock;
  logger: Logger;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #samples: Sample[] = [];
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  start(): void {
    this.refresh();
    this.#timer = setInterval(() => this.refresh(), everyMs);
    this.#timer.unref();
  }

  /** Now rather than at the next turn: somebody said that the installation's keys changed. */
  refresh(): void {
    if (this.#closed) return;
    if (this.#beating) {
      this.#again = true;
      return;
    }
    this.#beating = this.#beat()
      .catch((error: unknown) => this.#parts.logger.debug({ error: error instanceof Error ? error.name : "unknown" }, "the heartbeat could not be written"))
      .finally(() => {
        this.#beating = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.refresh();
      });
  }

  async #beat(): Promise<void> {
    const { keyring, logger } = this.#parts;
    if (await this.#write()) return keyring.confirm();
    const before = keyring.version;
    await keyring.reload();
    if (keyring.version === before) return;
    logger.info({ rootKeyId: keyring.rootKeyId }, "the installation's keys were read anew");
    // Whoever rotates waits to hear that we know.
    await this.#write();
  }

  /** True where what is held is what the installation names. */
  #write(): Promise<boolean> {
    const { database, keyring, clock } = this.#parts;
    return database.asInstallation(async (trx) => {
      const sentAt = clock.uncorrected();
      const began = clock.monotonic();
      const { rows } = await sql<{ now: Date; root_key_id: string; keyring_version: number }>`
        select clock_timestamp() as now, root_key_id, keyring_version from installation`.execute(trx);
      const roundTripMs = clock.monotonic() - began;
      const seen = rows[0]!;
      this.#learn({ roundTripMs, offsetMs: seen.now.getTime() - (sentAt.getTime() + roundTripMs / 2) });
      const { processId, version } = keyring;
      await writeProcess(trx, { processId, rootKeyIds: keyring.roots.ids, keyringVersion: version, clockOffsetMs: clock.offsetMs });
      return seen.keyring_version === version && seen.root_key_id === keyring.rootKeyId;
    });
  }

  #learn(sample: Sample): void {
    this.#samples = [...this.#samples, sample].slice(-samplesKept);
    const best = this.#samples.reduce((one, other) => (other.roundTripMs <= one.roundTripMs ? other : one));
    this.#parts.clock.offsetMs = Math.round(best.offsetMs);
  }

  /** Takes the process's row away: a rotation need not wait for it to be taken for dead. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#again = false;
    clearInterval(this.#timer);
    await this.#beating;
    try {
      await this.#parts.database.asInstallation((trx) => removeProcess(trx, this.#parts.keyring.processId));
    } catch {
      // The database is away. The row ages, and is removed with the old ones.
      this.#parts.logger.debug({ code: "DATABASE_UNAVAILABLE" }, "the process's row could not be removed");
    }
  }
}

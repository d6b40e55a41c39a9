import { randomInt } from "node:crypto";
import { ConfigurationError, InvalidInputError, RateLimitedError } from "@stack-2025/byok-crypto";
import { ConstraintViolation, DatabaseError, DatabaseUnavailableError, type Database } from "@stack-2025/byok-db";
import type { MeteredUsage } from "@stack-2025/byok-providers";
import type { Environment, KeySource, Logger } from "../byok.ts";
import type { Clock } from "../clock.ts";
import { GroupCommit } from "./group-commit.ts";
import { checkEvent, writeEvents } from "./write-events.ts";
import { Partitions } from "./partitions.ts";

/** One event as the ledger takes it: everything is known and checked, nothing is looked up any more. */
export interface LedgerEvent {
  /** The key's owner. */
  ownerId: string;
  /**
   * What makes a resend the same event. Metered calls: `<request id>.<attempt>.<part>`, whose day follows from the
   * request id; events with an id of the caller's own: `x:<that id>`, found through a receipt.
   */
  eventId: string;
  requestId: string;
  attempt: number;
  part: number;
  keyId: string;
  at: Date;
  provider: string;
  environment: Environment;
  source: KeySource;
  operation: string;
  userId: string | null;
  label: string | null;
  outcome: "ok" | "error";
  status: number | null;
  latencyMs: number | null;
  requests: number;
  usage: MeteredUsage;
  /** Nanodollars; null: no price is known. */
  costNanos: bigint | null;
  priceBook: string | null;
  vendorRequestId: string | null;
}

/** `duplicate`: an event with this id was counted before, and this one changed nothing. */
export type Verdict = "counted" | "duplicate";

/**
 * Writes usage events. All calls finishing at one moment share one insert, and the hourly sums are made in the same
 * statement from what it really wrote.
 */
export interface Ledger {
  /**
   * Resolves when the events are durable, all of them or none. The first event with an id counts, later ones change
   * nothing. While the database is away it waits; see `atRisk`.
   *
   * @throws InvalidInputError an event that can never be written; the others of the call are not written either
   * @throws RateLimitedError `details.reason: "ledger_full"`: the memory bound is reached, the events were not taken
   * @throws ConfigurationError the ledger is closed
   */
  write(events: readonly LedgerEvent[]): Promise<void>;
  /** `write`, telling for each event in order whether it was the first with its id. */
  record(events: readonly LedgerEvent[]): Promise<readonly Verdict[]>;
  /**
   * To be asked before a call is made whose usage has to be written: calls are refused rather than not counted. Calls
   * that are under way still find room, since this refuses before `write` does.
   *
   * @throws RateLimitedError `details.reason: "ledger_full"`
   */
  requireRoom(): void;
  /** Events held in memory only. */
  readonly atRisk: number;
  /** Writes what is held, for at most `withinMs` (default 5,000); what is not durable by then is rejected to its writer. */
  close(withinMs?: number): Promise<void>;
}

/** Events in one statement, and in one `write`. */
const mostAtOnce = 1_000;
/** Events held in memory while the database takes none. While it does, callers merely wait, and the bound is there for the memory alone. */
const mostHeld = { failing: 10_000, working: 100_000 };
/** New calls are refused this far below the bound, so that calls under way still find room. */
const roomForCallsUnderWay = 1_000;
/** Slots of the sums: writers in different slots never wait for each other's rows. */
const slots = 16;
/** While the database is away, one line in the log for so many milliseconds. */
const warnEveryMs = 10_000;

/** @param parts the database that events go to, the process's clock, and where trouble is told */
export function createLedger(parts: { database: Database; clock: Clock; logger: Logger }): Ledger {
  const { database, clock, logger } = parts;
  const partitions = new Partitions(parts);
  const firstSlot = randomInt(slots);
  let warnedAt = -Infinity;

  const group = new GroupCommit<LedgerEvent, Verdict>({
    lanes: 2,
    maxItems: mostAtOnce,
    async commit(events, lane) {
      await partitions.ensure();
      return writeEvents(database, events, (firstSlot + lane * (slots / 2)) % slots);
    },
    passes,
    onRetry(error, held) {
      if (clock.monotonic() - warnedAt < warnEveryMs) return;
      warnedAt = clock.monotonic();
      logger.warn({ reason: reasonOf(error), atRisk: held }, "usage events cannot be written now; they are kept in memory and tried again");
    },
    closedError: () =>
      new ConfigurationError("usage was not written: the manager is closed. Close it after the last call has ended, while the database is reachable"),
  });

  function requireRoom(events: number): void {
    const most = group.failing ? mostHeld.failing : mostHeld.working;
    if (group.held + events <= most) return;
    throw new RateLimitedError(
      `usage cannot be written now and ${group.held} events wait in memory, so this call is refused rather than not counted; try again when the database is back`,
      { details: { reason: "ledger_full", atRisk: group.held }, retryAfterMs: 1_000 },
    );
  }

  async function record(events: readonly LedgerEvent[]): Promise<readonly Verdict[]> {
    if (events.length === 0) return [];
    if (events.length > mostAtOnce) throw new InvalidInputError(`events has ${events.length} entries; at most ${mostAtOnce} go in one call`);
    events.forEach(checkEvent);
    requireRoom(events.length);
    try {
      return await group.add(events);
    } catch (error) {
      if (!isOutOfRange(error)) throw error;
      throw new InvalidInputError("events: a number, or its sum with others of the hour, is larger than what is kept; nothing was counted");
    }
  }

  return {
    record,
    async write(events) {
      await record(events);
    },
    requireRoom: () => requireRoom(roomForCallsUnderWay),
    get atRisk() {
      return group.held;
    },
    close: (withinMs = 5_000) => group.close(withinMs),
  };
}

/** A value that does not fit, or that a constraint forbids: no second try helps. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof ConstraintViolation || (error instanceof DatabaseError && error.sqlState.startsWith("22"));
}

/** The database is away, or not set up as it should be (a missing grant, a migration under way): the events are good and wait. */
function passes(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || (error instanceof DatabaseError && !isOutOfRange(error));
}

function reasonOf(error: unknown): string {
  if (error instanceof DatabaseUnavailableError) return error.reason;
  return error instanceof DatabaseError ? error.sqlState : "unknown";
}

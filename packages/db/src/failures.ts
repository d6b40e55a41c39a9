/**
 * What the database refused, without what it was given: PostgreSQL's DETAIL, WHERE, HINT and some of its messages quote
 * values of rows, so none of them leaves this package.
 */

export type ConstraintKind = "unique" | "foreign_key" | "check" | "not_null" | "exclusion";

const constraintKinds: Record<string, ConstraintKind> = {
  "23505": "unique",
  "23503": "foreign_key",
  "23514": "check",
  "23502": "not_null",
  "23P01": "exclusion",
};

/** A constraint stopped a write. Names the constraint (for `not_null` the column), never a value. */
export class ConstraintViolation extends Error {
  readonly kind: ConstraintKind;
  readonly constraint: string;
  constructor(kind: ConstraintKind, constraint: string) {
    super(`the constraint ${constraint} (${kind}) stopped a write`);
    this.name = "ConstraintViolation";
    this.kind = kind;
    this.constraint = constraint;
  }
}

/**
 * The database cannot be reached, is overloaded, or ended the transaction for a reason that passes (deadlock, timeout).
 * The same call may succeed later. `commitUnknown`: the connection was lost while COMMIT was under way, so the
 * transaction may have happened.
 */
export class DatabaseUnavailableError extends Error {
  readonly retryable = true;
  readonly commitUnknown: boolean;
  /** The SQLSTATE or the system's error code: `57P01`, `ECONNREFUSED` … */
  readonly reason: string;
  constructor(message: string, options: { reason: string; commitUnknown?: boolean }) {
    super(message);
    this.name = "DatabaseUnavailableError";
    this.reason = options.reason;
    this.commitUnknown = options.commitUnknown ?? false;
  }
}

/** Any other refusal: a fault of ours or of the set-up. `sqlState` is PostgreSQL's code. */
export class DatabaseError extends Error {
  readonly sqlState: string;
  constructor(message: string, sqlState: string) {
    super(message);
    this.name = "DatabaseError";
    this.sqlState = sqlState;
  }
}

/** Classes of SQLSTATE whose messages name identifiers and settings, never values of rows. P0001 is raised by our own functions. */
const speakingStates = /^(?:0A|25|28|3D|3F|42|53|54|55|57)|^P0001$/;

// 40: deadlock, serialization. 53: out of connections, memory, disk. 55P03: lock timeout. 57: cancelled, shutting down,
// starting up. 58: I/O. 08: connection. 25P03: idle in a transaction for too long. 25006: a standby after a failover.
const passingStates = /^(?:08|40|53|57|58)|^(?:55P03|25P02|25P03|25P04|25006)$/;

const systemCodes = /^E(?:CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND|ADDR)/;

// What pg says of a dead connection; these errors carry no code.
const deadConnection =
  /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|not queryable|Query read timeout|Cannot use a pool after calling end|Called end on pool/i;

const connectionLost = "connection_lost";

interface Refusal {
  code?: unknown;
  constraint?: unknown;
  column?: unknown;
  message?: unknown;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Whether an error of pg says that its connection is of no more use. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = error instanceof DatabaseUnavailableError ? error.reason : textOf((error as Refusal).code);
  return code === connectionLost || /^(?:08|57P0[123]$|25P03$)/.test(code) || systemCodes.test(code) || deadConnection.test(error.message);
}

/**
 * The error that may leave this package, from one of pg's; errors that are no refusal of the database (those of the
 * caller's own code) come back as they are.
 */
export function translateFailure(error: unknown, options: { commitUnknown?: boolean } = {}): Error {
  if (!(error instanceof Error)) return new Error("something that is no error was thrown inside a transaction");
  if (error instanceof ConstraintViolation || error instanceof DatabaseUnavailableError || error instanceof DatabaseError) return error;
  const code = textOf((error as Refusal).code);
  const refusedByServer = /^[0-9A-Z]{5}$/.test(code) && "severity" in error;

  if (refusedByServer) {
    // A row on its way to the default partition while its own was made: it fits there now, so the same call succeeds.
    if (code === "23514" && !(error as Refusal).constraint) return new DatabaseUnavailableError("a partition was made meanwhile; try again", { reason: code });
    const kind = constraintKinds[code];
    if (kind) return new ConstraintViolation(kind, textOf((error as Refusal).constraint) || textOf((error as Refusal).column));
    const said = speakingStates.test(code) ? `: ${error.message}` : "";
    // A full disk under an open file is reported as an internal error; measured: "could not extend file", XX000.
    if (passingStates.test(code) || /could not (?:extend|write|fsync)/.test(error.message)) {
      return new DatabaseUnavailableError(`PostgreSQL cannot serve this now (${code})${said}; try again`, {
        reason: code,
        commitUnknown: options.commitUnknown === true && isConnectionLoss(error),
      });
    }
    return new DatabaseError(`PostgreSQL refused a statement (${code})${said}`, code);
  }
  if (systemCodes.test(code) || deadConnection.test(error.message)) {
    return new DatabaseUnavailableError(`PostgreSQL cannot be reached (${code || "connection lost"}); try again`, {
      reason: code || connectionLost,
      commitUnknown: options.commitUnknown ?? false,
    });
  }
  return error;
}

/**
 * The errors of every byok package. They live at the bottom because every room throws them and a browser must recognise
 * what came back over the wire. A class is recognised by its code, not by its constructor, so `instanceof` holds across
 * two copies of a package and for errors rebuilt from the wire.
 */

/** The closed list of codes. A new one does not compile until the service has given it an HTTP status. */
export const errorCodes = [
  "KEY_NOT_FOUND",
  "NOT_FOUND",
  "KEY_VALIDATION",
  "INVALID_INPUT",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "QUOTA_EXCEEDED",
  "RATE_LIMITED",
  "CONFLICT",
  "PROVIDER_UNAVAILABLE",
  "ENCRYPTION",
  "CONFIGURATION",
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** One fault of an input: where it stands and what is wrong with it. Never the value. */
export interface InputIssue {
  path: string;
  message: string;
}

/** Why a key was, or was not, taken for a call. `error.candidates` has one for each key that was looked at. */
export interface Candidate {
  keyId: string;
  source: "user" | "organization" | "system";
  alias: string | null;
  usable: boolean;
  reason: CandidateReason;
  /** When the reason ends by itself; null where it does not, or nobody knows. */
  until: Date | null;
}
export type CandidateReason =
  | "usable"
  | "disabled"
  | "expired"
  | "invalid"
  | "exhausted"
  | "rate_limited"
  | "over_budget"
  | "model_not_allowed"
  | "route_not_allowed"
  | "unpriced"
  | "suspended"
  | "own_keys_only"
  | "wrong_environment"
  | "not_shared"
  | "sealed";

export interface ErrorOptions {
  /** Facts for programs, JSON-safe, free of secrets: `field`, `keyId`, `reason` … */
  details?: Record<string, unknown>;
  /** Kept in this process only; it never travels. Leave it out where its text can quote an input. */
  cause?: unknown;
  candidates?: Candidate[];
  issues?: InputIssue[];
  retryAfterMs?: number | null;
}

/** An error as it travels: JSON-safe, without stack and cause. */
export interface WireError {
  code: ErrorCode;
  message: string;
  details?: Record<string, unknown>;
  candidates?: (Omit<Candidate, "until"> & { until: string | null })[];
  issues?: InputIssue[];
  retryAfterMs?: number | null;
}

const marker: unique symbol = Symbol.for("byok.error");

function codeOf(value: unknown): ErrorCode | undefined {
  if (typeof value !== "object" || value === null || !(marker in value) || !("code" in value)) return undefined;
  return isErrorCode(value.code) ? value.code : undefined;
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(builders, value);
}

/** What every byok error is. Codes without a class of their own (`NOT_FOUND`) are thrown as this one. */
export class BYOKError extends Error {
  readonly [marker] = true;
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;
  /** Present on errors of resolution: every key that was looked at, in order, and why it was passed over. */
  declare readonly candidates?: Candidate[];

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BYOKError";
    this.code = code;
    this.details = options.details ?? {};
    if (options.candidates) this.candidates = options.candidates;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const codes = classCodes.get(this);
    // A subclass that a user makes has no codes of its own: the ordinary rule holds for it.
    if (!codes) return Function.prototype[Symbol.hasInstance].call(this, value);
    const code = codeOf(value);
    return code !== undefined && (codes === "all" || codes.includes(code));
  }

  toJSON(): WireError {
    return toWire(this);
  }
}

/** There is no such key for this owner, or none that this caller may know of. */
export class KeyNotFoundError extends BYOKError {
  override readonly candidates: Candidate[];
  constructor(message: string, options: ErrorOptions = {}) {
    super("KEY_NOT_FOUND", message, options);
    this.name = "KeyNotFoundError";
    this.candidates = options.candidates ?? [];
  }
}

/** A key's data is malformed, or the provider refused it. `details.field` names the field where one is to blame. */
export class KeyValidationError extends BYOKError {
  override readonly candidates: Candidate[];
  constructor(message: string, options: ErrorOptions = {}) {
    super("KEY_VALIDATION", message, options);
    this.name = "KeyValidationError";
    this.candidates = options.candidates ?? [];
  }
}

/** A record does not open, or the root key cannot be reached. It never says which check failed. */
export class EncryptionError extends BYOKError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("ENCRYPTION", message, options);
    this.name = "EncryptionError";
  }
}

/** The caller is unknown (`UNAUTHENTICATED`) or may not do this (`PERMISSION_DENIED`). */
export class PermissionDeniedError extends BYOKError {
  override readonly candidates: Candidate[];
  constructor(message: string, options: ErrorOptions & { code?: "PERMISSION_DENIED" | "UNAUTHENTICATED" } = {}) {
    super(options.code ?? "PERMISSION_DENIED", message, options);
    this.name = "PermissionDeniedError";
    this.candidates = options.candidates ?? [];
  }
}

/** A budget, or the credit at the provider, is used up. Waiting a little does not help. */
export class QuotaExceededError extends BYOKError {
  override readonly candidates: Candidate[];
  constructor(message: string, options: ErrorOptions = {}) {
    super("QUOTA_EXCEEDED", message, options);
    this.name = "QuotaExceededError";
    this.candidates = options.candidates ?? [];
  }
}

/** Too many calls for now. */
export class RateLimitedError extends BYOKError {
  override readonly candidates: Candidate[];
  /** Milliseconds until another try can pass; null where nobody knows. */
  readonly retryAfterMs: number | null;
  constructor(message: string, options: ErrorOptions = {}) {
    super("RATE_LIMITED", message, options);
    this.name = "RateLimitedError";
    this.candidates = options.candidates ?? [];
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** The provider could not be reached, or answered with a fault of its own. No key is to blame. */
export class ProviderUnavailableError extends BYOKError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("PROVIDER_UNAVAILABLE", message, options);
    this.name = "ProviderUnavailableError";
  }
}

/** The installation is set up wrongly; the message names the setting. */
export class ConfigurationError extends BYOKError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("CONFIGURATION", message, options);
    this.name = "ConfigurationError";
  }
}

/** The state is not what the call takes for granted: a duplicate, a changed body under one idempotency key, the last owner. */
export class ConflictError extends BYOKError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("CONFLICT", message, options);
    this.name = "ConflictError";
  }
}

/** An argument outside `keyData` is at fault. `issues` has every fault, not only the first. */
export class InvalidInputError extends BYOKError {
  readonly issues: InputIssue[];
  constructor(message: string, options: ErrorOptions = {}) {
    super("INVALID_INPUT", message, options);
    this.name = "InvalidInputError";
    this.issues = options.issues ?? [];
  }
}

const classCodes = new Map<unknown, readonly ErrorCode[] | "all">([
  [BYOKError, "all"],
  [KeyNotFoundError, ["KEY_NOT_FOUND"]],
  [KeyValidationError, ["KEY_VALIDATION"]],
  [EncryptionError, ["ENCRYPTION"]],
  [PermissionDeniedError, ["PERMISSION_DENIED", "UNAUTHENTICATED"]],
  [QuotaExceededError, ["QUOTA_EXCEEDED"]],
  [RateLimitedError, ["RATE_LIMITED"]],
  [ProviderUnavailableError, ["PROVIDER_UNAVAILABLE"]],
  [ConfigurationError, ["CONFIGURATION"]],
  [ConflictError, ["CONFLICT"]],
  [InvalidInputError, ["INVALID_INPUT"]],
]);

const builders = {
  KEY_NOT_FOUND: (message, options) => new KeyNotFoundError(message, options),
  NOT_FOUND: (message, options) => new BYOKError("NOT_FOUND", message, options),
  KEY_VALIDATION: (message, options) => new KeyValidationError(message, options),
  INVALID_INPUT: (message, options) => new InvalidInputError(message, options),
  PERMISSION_DENIED: (message, options) => new PermissionDeniedError(message, options),
  UNAUTHENTICATED: (message, options) => new PermissionDeniedError(message, { ...options, code: "UNAUTHENTICATED" }),
  QUOTA_EXCEEDED: (message, options) => new QuotaExceededError(message, options),
  RATE_LIMITED: (message, options) => new RateLimitedError(message, options),
  CONFLICT: (message, options) => new ConflictError(message, options),
  PROVIDER_UNAVAILABLE: (message, options) => new ProviderUnavailableError(message, options),
  ENCRYPTION: (message, options) => new EncryptionError(message, options),
  CONFIGURATION: (message, options) => new ConfigurationError(message, options),
} satisfies Record<ErrorCode, (message: string, options: ErrorOptions) => BYOKError>;

/** The error as it travels: no stack, no cause, dates as ISO text. */
export function toWire(error: BYOKError): WireError {
  const wire: WireError = { code: error.code, message: error.message };
  if (Object.keys(error.details).length > 0) wire.details = error.details;
  if (error.candidates) wire.candidates = error.candidates.map((one) => ({ ...one, until: one.until?.toISOString() ?? null }));
  if (error instanceof InvalidInputError) wire.issues = error.issues;
  if (error instanceof RateLimitedError) wire.retryAfterMs = error.retryAfterMs;
  return wire;
}

/** The error of the right class from what came over the wire; undefined where the shape is not ours. */
export function fromWire(wire: unknown): BYOKError | undefined {
  if (!isWireError(wire)) return undefined;
  const options: ErrorOptions = {};
  if (wire.details) options.details = wire.details;
  if (wire.candidates) options.candidates = wire.candidates.map((one) => ({ ...one, until: one.until === null ? null : new Date(one.until) }));
  if (wire.issues) options.issues = wire.issues;
  if (wire.retryAfterMs !== undefined) options.retryAfterMs = wire.retryAfterMs;
  return builders[wire.code](wire.message, options);
}

/** Checks what would break whoever reads the error: the containers and what is computed with, not every fact inside. */
function isWireError(wire: unknown): wire is WireError {
  if (!isObject(wire)) return false;
  const { code, message, details, candidates, issues, retryAfterMs } = wire;
  return (
    isErrorCode(code) &&
    typeof message === "string" &&
    (details === undefined || isObject(details)) &&
    (candidates === undefined || (Array.isArray(candidates) && candidates.every(isWireCandidate))) &&
    (issues === undefined || (Array.isArray(issues) && issues.every(isObject))) &&
    (retryAfterMs === undefined || retryAfterMs === null || typeof retryAfterMs === "number")
  );
}

function isWireCandidate(value: unknown): boolean {
  return isObject(value) && (value["until"] === null || (typeof value["until"] === "string" && !Number.isNaN(Date.parse(value["until"]))));
}

function isObject(value: unknown): value is Record<string, unknown> & Partial<Record<keyof WireError, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

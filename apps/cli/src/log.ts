/**
 * S-80: what may stand in a log is a list, not what is left after redaction. A field that is not on it is dropped, so a
 * careless caller cannot print a header, a body or a URL; JSON lines keep breaks and escapes inside their values.
 */
import { pino, type DestinationStream } from "pino";
import { BYOKError } from "@stack-2025/byok-crypto";
import { ConstraintViolation, DatabaseError, DatabaseUnavailableError } from "@stack-2025/byok-db";
import type { Logger } from "@stack-2025/byok-core";
import type { LogLevel } from "@stack-2025/byok-core/internal";

const fields = new Set([
  // A request.
  "requestId", "method", "route", "status", "ms", "attempt", "attempts", "bytes",
  // Who and what, by id.
  "keyId", "tokenId", "ownerId", "provider", "environment", "source", "operation", "model", "vendorRequestId",
  // Work in the background.
  "jobId", "task", "queue", "count", "counters", "anchor", "rows", "atRisk", "day", "migration", "version", "batch", "channel", "up",
  // A process.
  "service", "process", "address", "port", "signal", "mode", "database", "rootKeyId", "expectedRootKeyIds",
  // A failure.
  "code", "reason", "outcome", "error", "err",
]);

/** A logger of JSON lines to a stream. To a file (by descriptor) goes everything, and errors to standard error as well. */
export function makeLogger(level: LogLevel, destination: DestinationStream | number): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: unknown) => error },
    // The second net, for what an allowed field holds.
    redact: { paths: ["*.authorization", "*.apiKey", "*.keyData", "*.decryptedKey", "*.token", "*.password"], censor: "[secret]" },
  };
  if (typeof destination !== "number") return restricted(pino(options, destination));
  const file = pino.destination({ dest: destination, sync: true });
  return restricted(pino(options, pino.multistream([{ level: level === "silent" ? "fatal" : level, stream: file }, { level: "error", stream: process.stderr }])));
}

/** pino's own hooks leave out the fields of a child and take an error's message for the line's. */
function restricted(log: pino.Logger): Logger {
  return {
    trace: (given, message) => log.trace(allowed(given), message),
    debug: (given, message) => log.debug(allowed(given), message),
    info: (given, message) => log.info(allowed(given), message),
    warn: (given, message) => log.warn(allowed(given), message),
    error: (given, message) => log.error(allowed(given), message),
    child: (given) => restricted(log.child(allowed(given))),
  };
}

function allowed(given: object): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given instanceof Error ? { err: given } : given)) {
    if (!fields.has(name)) continue;
    kept[name] = value instanceof Error ? errorFields(value) : value;
  }
  return kept;
}

/** Errors whose messages are written by us, or by the system, and hold no secret by rule. */
const speaks = (error: Error): boolean =>
  error instanceof BYOKError || error instanceof DatabaseUnavailableError || error instanceof DatabaseError || error instanceof ConstraintViolation || "syscall" in error;

/** Others' messages may quote what they were given, so only their kind and their place are kept. */
export function errorFields(error: Error): { name: string; code?: string; message?: string; at?: string[] } {
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  if (speaks(error)) return { name: error.name, ...code, message: error.message };
  const places = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).slice(0, 8).map((line) => line.trim());
  return { name: error.name, ...code, at: places };
}

/** What a command may touch of the world: handed down from the entry, so that nothing below reads the process. */
import type { Readable, Writable } from "node:stream";
import { styleText } from "node:util";
import { BYOKError, toWire } from "@stack-2025/byok-crypto";
import { errorFields } from "./log.ts";

export interface Io {
  /** The environment as it was at the start; secrets are removed from the process's own. */
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean };
  stderr: Writable & { isTTY?: boolean };
  /** What the command says to the shell where no error was thrown. */
  exitCode: number;
}

/** One JSON value, dates as ISO text. */
export function writeJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function writeLines(io: Io, lines: readonly string[]): void {
  for (const line of lines) io.stdout.write(`${line}\n`);
}

/** Bold on a terminal, plain elsewhere (and where NO_COLOR says so). */
export const strong = (stream: Io["stdout"], text: string): string => styleText("bold", text, { stream, validateStream: true });

/** S-62: what does not print is shown escaped, so that a stored name cannot steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Columns as wide as their longest cell; `-` where there is nothing. */
export function table(io: Io, head: readonly string[], rows: readonly (readonly (string | null)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (cell === null || cell === "" ? "-" : printable(cell))));
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd();
  return [strong(io.stdout, line(head)), ...cells.map(line)];
}

/** An error as a person, or with `--json` a program, reads it. Without stack, and without the text of errors that are not ours. */
export function writeError(io: Pick<Io, "stderr">, error: unknown, json: boolean): void {
  const known = error instanceof BYOKError ? toWire(error) : undefined;
  if (json) {
    io.stderr.write(`${JSON.stringify({ error: known ?? { code: "UNEXPECTED", message: unexpected(error) } })}\n`);
    return;
  }
  io.stderr.write(`${strong(io.stderr, "byok:")} ${printableLines(known?.message ?? unexpected(error))}\n`);
}

const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");

function unexpected(error: unknown): string {
  if (!(error instanceof Error)) return "something unexpected was thrown that is no error.";
  const { name, code, message, at } = errorFields(error);
  const kind = code === undefined ? name : `${name} (${code})`;
  return `an unexpected error ended this: ${kind}${message === undefined ? ` ${at?.[0] ?? ""}` : `: ${message}`}`;
}

/** What the command says to the shell: one number for each class of error, in one table that the help prints too. */
import { BYOKError, type ErrorCode } from "@stack-2025/byok-crypto";

export const usageExit = 2;
const unexpectedExit = 1;

export const exitCodes = {
  INVALID_INPUT: usageExit,
  CONFIGURATION: 3,
  KEY_NOT_FOUND: 4,
  NOT_FOUND: 4,
  KEY_VALIDATION: 5,
  PERMISSION_DENIED: 6,
  UNAUTHENTICATED: 6,
  QUOTA_EXCEEDED: 7,
  RATE_LIMITED: 7,
  CONFLICT: 8,
  PROVIDER_UNAVAILABLE: 9,
  ENCRYPTION: 10,
} satisfies Record<ErrorCode, number>;

const meanings: [code: number, meaning: string][] = [
  [0, "done"],
  [unexpectedExit, "an error that byok has no class for, or a check that failed"],
  [usageExit, "the command or an input is at fault; nothing was done"],
  [exitCodes.CONFIGURATION, "a setting, the database or the root key is at fault"],
  [exitCodes.KEY_NOT_FOUND, "there is no such thing"],
  [exitCodes.KEY_VALIDATION, "the key is malformed, or the provider refused it"],
  [exitCodes.PERMISSION_DENIED, "not permitted"],
  [exitCodes.RATE_LIMITED, "a limit or a budget is used up"],
  [exitCodes.CONFLICT, "a conflict, such as a key that is stored already"],
  [exitCodes.PROVIDER_UNAVAILABLE, "the provider could not be reached"],
  [exitCodes.ENCRYPTION, "a record does not open"],
];

export const exitCodeHelp = `\nExit codes:\n${meanings.map(([code, meaning]) => `  ${String(code).padStart(2)}  ${meaning}`).join("\n")}`;

export function exitCodeOf(error: unknown): number {
  return error instanceof BYOKError ? exitCodes[error.code] : unexpectedExit;
}

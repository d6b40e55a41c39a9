/** Options that several commands share, read once. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { Owner } from "@stack-2025/byok-core";

export interface OwnerOptions {
  user?: string;
  org?: string;
  system?: true;
}

export const jsonOption = (): Option => new Option("--json", "print JSON, and errors as JSON");

export function withOwner(command: Command, kinds: { system: boolean }): Command {
  command.addOption(new Option("--user <id>", "keys and tokens of a user").conflicts(["org", "system"]));
  command.addOption(new Option("--org <id>", "keys and tokens of an organization").conflicts(["user", "system"]));
  if (kinds.system) command.addOption(new Option("--system", "the operator's own defaults").conflicts(["user", "org"]));
  return command;
}

/** @throws InvalidInputError none was given */
export function ownerOf(options: OwnerOptions): Owner {
  const owner = optionalOwner(options) ?? (options.system ? { system: true as const } : undefined);
  if (owner) return owner;
  const message = "say whose: --user <id>, --org <id> or --system";
  throw new InvalidInputError(message, { issues: [{ path: "owner", message }] });
}

export function optionalOwner(options: OwnerOptions): { userId: string } | { organizationId: string } | undefined {
  if (options.user !== undefined) return { userId: options.user };
  return options.org === undefined ? undefined : { organizationId: options.org };
}

/** A list separated by commas. */
export const commaList = (text: string): string[] => text.split(",").map((one) => one.trim()).filter((one) => one !== "");

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** `90s`, `30m`, `1h`, `7d`, `2w`, in milliseconds. */
export function duration(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([smhdw])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new InvalidArgumentError("It is a number and one of s, m, h, d, w, such as 1h.");
  return Number(count) * unitMs[unit as keyof typeof unitMs];
}

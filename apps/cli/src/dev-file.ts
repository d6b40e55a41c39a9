/** `dev.json` in the data folder: where everything of a running `npm start` is, for programs. It is there while that runs. */
import { rmSync } from "node:fs";
import path from "node:path";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { readPrivateFile, replacePrivateFile } from "./data-folder.ts";

export interface DevFile {
  apiUrl: string;
  consoleUrl: string;
  sandboxUrl: string;
  /** A provider key that the sandbox takes. */
  sandboxKey: string;
  /** A service token with every scope. */
  token: string;
  /** A line for a shell that sends a chat request through the proxy. */
  proxyCommand: string;
  /** Base URLs of the providers that the sandbox stands for: the command uses them in this installation. */
  providers: Record<string, { baseUrl: string }>;
}

const fileOf = (folder: string): string => path.join(folder, "dev.json");

export const writeDevFile = (folder: string, content: DevFile): void => replacePrivateFile(fileOf(folder), `${JSON.stringify(content, null, 2)}\n`);

/** @throws ConfigurationError it is a link, or open to others */
export function removeDevFile(folder: string): void {
  if (readPrivateFile(fileOf(folder)) !== undefined) rmSync(fileOf(folder), { force: true });
}

/** What the running start says of itself; undefined where none runs or it is not ready. @throws ConfigurationError not a file of ours */
export function readDevFile(folder: string): DevFile | undefined {
  const text = readPrivateFile(fileOf(folder));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as DevFile;
  } catch {
    throw new ConfigurationError(`${fileOf(folder)} is no JSON. Remove it, and start again.`, { details: { setting: "BYOK_DATA_DIR" } });
  }
}

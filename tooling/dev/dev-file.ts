/** `dev.json` in the data folder: where everything is, for programs. It is there while `npm start` runs, and only then. */
import { rmSync } from "node:fs";
import path from "node:path";
import { readPrivateFile, replacePrivateFile } from "@stack-2025/byok/internal";

export interface DevFile {
  apiUrl: string;
  consoleUrl: string;
  sandboxUrl: string;
  sandboxKey: string;
  token: string;
  proxyCommand: string;
  /** Base URLs of the providers that the sandbox stands for; the command takes them in this installation. */
  providers: Record<string, { baseUrl: string }>;
}

const fileOf = (folder: string): string => path.join(folder, "dev.json");

export const writeDevFile = (folder: string, content: DevFile): void => replacePrivateFile(fileOf(folder), `${JSON.stringify(content, null, 2)}\n`);

/** @throws ConfigurationError it is a link, or open to others */
export function removeDevFile(folder: string): void {
  readPrivateFile(fileOf(folder));
  rmSync(fileOf(folder), { force: true });
}

/** Where the API of a running start is; undefined until it is ready. */
export function apiUrlIn(folder: string): string | undefined {
  const text = readPrivateFile(fileOf(folder));
  if (text === undefined) return undefined;
  const { apiUrl } = JSON.parse(text) as Partial<DevFile>;
  return apiUrl;
}

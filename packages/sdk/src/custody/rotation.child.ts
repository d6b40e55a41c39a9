/**
 * The processes of the rotation's tests. `rotate` is killed right after it sent a given statement, as by a power cut; of
 * statements those count that write or commit. `work` reads and makes owners until it is told to stop. `open` opens
 * what it is told to, when it is told to.
 */
import { setTimeout as pause } from "node:timers/promises";
import { BYOKManager, coreOf, type ManagerOptions } from "../manager.ts";
import { rotateRoot } from "./rotate-root.ts";
import { onEachStatement } from "./statements.fixture.ts";

export type Task =
  | { task: "rotate"; connectionString: string; roots: string[]; killAt: number; compromised: boolean }
  | { task: "work"; connectionString: string; roots: string[]; users: string[]; name: string; mostMade: number }
  | { task: "open"; connectionString: string; root: string };

export type Answer =
  | { kind: "ready" }
  | { kind: "worked"; reads: number; made: number; failures: string[] }
  | { kind: "opened"; error: string | null; rootKeyId: string | null };

const say = (answer: Answer): void => void process.send?.(answer);
const managerOf = (connectionString: string, roots: string[], options: Partial<ManagerOptions> = {}): BYOKManager =>
  new BYOKManager({ encryptionKey: roots[0], previousEncryptionKeys: roots.slice(1), database: connectionString, autoMigrate: true, ...options });

const stop = new AbortController();
process.on("message", (task: Task | "stop" | "end") => {
  if (task === "stop") stop.abort();
  else if (task === "end") process.disconnect();
  else void run(task);
});
say({ kind: "ready" });

async function run(task: Task): Promise<void> {
  if (task.task === "rotate") return rotate(task);
  if (task.task === "work") return work(task);
  await using manager = managerOf(task.connectionString, [task.root]);
  try {
    say({ kind: "opened", error: null, rootKeyId: (await coreOf(manager)).keyring.rootKeyId });
  } catch (error) {
    say({ kind: "opened", error: (error as { code?: string }).code ?? "unknown", rootKeyId: null });
  }
}

async function rotate({ connectionString, roots, killAt, compromised }: Extract<Task, { task: "rotate" }>): Promise<void> {
  const manager = managerOf(connectionString, roots);
  const core = await coreOf(manager);
  killAfterStatement(killAt);
  await rotateRoot(core, { actor: "test", compromised });
  await manager.close();
  process.disconnect();
}

function killAfterStatement(number: number): void {
  let sent = 0;
  onEachStatement((text) => {
    if (/^\s*(?:insert|update|delete|commit)/i.test(text)) sent += 1;
    if (sent === number) process.kill(process.pid, "SIGKILL");
  });
}

async function work({ connectionString, roots, users, name, mostMade }: Extract<Task, { task: "work" }>): Promise<void> {
  await using manager = managerOf(connectionString, roots, { cache: false });
  const report = { kind: "worked" as const, reads: 0, made: 0, failures: [] as string[] };
  const known = [...users];
  await coreOf(manager);
  say({ kind: "ready" });
  while (!stop.signal.aborted) {
    const user = known[(report.reads * 7) % known.length]!;
    try {
      if ((await manager.getActiveKey(user, "openai")).decryptedKey !== `sk-of-${user}-long-enough-0001`) report.failures.push(`${user} read something else`);
    } catch (error) {
      report.failures.push(`read ${user}: ${String(error)}`);
    }
    report.reads += 1;
    // Enough to meet every step of a rotation, and not so much that nobody else gets a turn.
    await pause(5);
    if (report.reads % 5 !== 0 || report.made >= mostMade) continue;
    const fresh = `${name}_${report.made}`;
    try {
      await manager.addKey({ userId: fresh, provider: "openai", keyData: { apiKey: `sk-of-${fresh}-long-enough-0001` }, validate: "skip" });
      known.push(fresh);
    } catch (error) {
      report.failures.push(`make ${fresh}: ${String(error)}`);
    }
    report.made += 1;
  }
  say(report);
  process.disconnect();
}

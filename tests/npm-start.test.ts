/** The first ten minutes of somebody new: what `npm start` prints is true, and stopping it loses nothing and leaves nothing. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

const start = fileURLToPath(new URL("../tooling/dev/start.ts", import.meta.url));
let place: string;
let folder: string;
let port: number;
const children: ChildProcess[] = [];

beforeAll(async () => {
  place = mkdtempSync(path.join(tmpdir(), "byok-start-"));
  chmodSync(place, 0o755);
  folder = path.join(place, "data");
  port = await freePort();
});
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Run {
  child: ChildProcess;
  /** Everything printed so far, on both streams. */
  said: () => string;
  ready: () => Promise<DevFile>;
  ended: Promise<number | null>;
}
interface DevFile {
  apiUrl: string;
  consoleUrl: string;
  sandboxUrl: string;
  sandboxKey: string;
  token: string;
  proxyCommand: string;
}

/** In a process group of its own, as a terminal does it. */
function npmStart(env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, ["--conditions=byok-source", start], {
    env: { PATH: process.env["PATH"], HOME: place, BYOK_DATA_DIR: folder, PORT: String(port), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  const ready = async (): Promise<DevFile> => {
    while (!text.includes("is ready")) {
      await Promise.race([once(child.stdout, "data"), ended.then(() => Promise.reject(new Error(`it ended: ${text}`)))]);
    }
    return JSON.parse(readFileSync(path.join(folder, "dev.json"), "utf8")) as DevFile;
  };
  return { child, said: () => text, ready, ended };
}

async function ctrlC({ child, ended }: Run): Promise<number | null> {
  process.kill(-(child.pid ?? 0), "SIGINT");
  return ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as AddressInfo;
  server.close();
  return free;
}

async function trpc(dev: DevFile, procedure: string, input: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${dev.apiUrl}/trpc/${procedure}?input=${encodeURIComponent(JSON.stringify(input))}`, { headers: { authorization: `Bearer ${dev.token}` } });
  const { result } = (await answer.json()) as { result?: { data: Record<string, unknown> } };
  if (!result) throw new Error(`${procedure} answered ${answer.status}`);
  return result.data;
}

/** Runs the printed line in a shell; where there is no curl, the same request by fetch. */
async function runPrinted(command: string): Promise<string> {
  try {
    return execFileSync("/bin/sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if ((error as { status?: number }).status !== 127) throw error;
  }
  const [, url = ""] = /(http\S+)/.exec(command) ?? [];
  const headers = [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name = "", value = ""]) => [name, value] as [string, string]);
  const [, body = ""] = /-d '([^']+)'/.exec(command) ?? [];
  return (await fetch(url, { method: "POST", headers, body })).text();
}

/** The process and all below it, as Linux sees them; empty elsewhere. */
function familyOf(pid: number): number[] {
  if (!existsSync("/proc/self/stat")) return [];
  const parents = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(name)] as const);
  const family = [pid];
  for (const one of family) family.push(...parents.filter(([, parent]) => parent === one).map(([child]) => child));
  return family;
}
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
async function allGone(family: number[]): Promise<number[]> {
  const until = Date.now() + 5_000;
  let left = family;
  while (left.length > 0 && Date.now() < until) {
    left = family.filter((pid) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(statusOf(pid)));
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return left;
}
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "State: Z";
  }
}

const keyFile = (): string => path.join(folder, "root.key");

describe("npm start", { timeout: 120_000 }, () => {
  let first: DevFile;
  let counted: unknown;

  test("prints what is true: every address answers, and the one command streams an answer that is counted to the token", async () => {
    const run = npmStart();
    first = await run.ready();
    expect(run.said()).not.toMatch(/warn/i);
    expect(run.said()).toContain(`\n${first.proxyCommand}\n`);
    expect(first.proxyCommand).toMatch(/^curl /);

    const addresses = run.said().match(/http:\/\/[^\s'")]+/g) ?? [];
    expect(addresses).toEqual(expect.arrayContaining([first.consoleUrl]));
    for (const address of addresses) expect({ address, answers: (await fetch(address)).status < 500 }).toEqual({ address, answers: true });

    const streamed = await runPrinted(first.proxyCommand);
    expect(streamed.match(/^data: \{/gm)?.length).toBeGreaterThan(2);
    expect(streamed).toMatch(/data: \[DONE\]\s*$/);

    const { items } = (await trpc(first, "keys.list", { userId: "demo" })) as { items: { id: string; alias: string }[] };
    expect(items).toHaveLength(1);
    const stats = await trpc(first, "usage.stats", { keyId: items[0]?.id });
    const ledger = (await (await fetch(`${first.sandboxUrl}/_sandbox/ledger?path=/v1/chat/completions`)).json()) as { totals: Record<string, number> };
    counted = { requests: stats["requests"], inputTokens: stats["inputTokens"], outputTokens: stats["outputTokens"] };
    expect(counted).toEqual(ledger.totals);
    expect(stats["tokens"]).toBeGreaterThan(0);

    for (const name of ["root.key", "dev.json", "demo.json", "byok.log"]) expect({ name, mode: lstatSync(path.join(folder, name)).mode & 0o777 }).toEqual({ name, mode: 0o600 });
    expect(lstatSync(folder).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o711 : 0o700);
    expect(readFileSync(path.join(folder, "byok.log"), "utf8")).not.toContain(first.sandboxKey);

    // A second one beside it says where the first is, and leaves it alone.
    const second = npmStart({ PORT: String(await freePort()) });
    expect(await second.ended).toBe(1);
    expect(second.said()).toContain(first.apiUrl);
    expect((await fetch(`${first.apiUrl}/readyz`)).status).toBe(200);

    const family = familyOf(run.child.pid ?? 0);
    expect(await ctrlC(run)).toBe(0);
    expect(await allGone(family)).toEqual([]);
    expect(existsSync(path.join(folder, "dev.json"))).toBe(false);
  });

  test("a second start has kept everything: the key, its usage and the tokens", async () => {
    const run = npmStart();
    const again = await run.ready();
    expect(again).toMatchObject({ token: first.token, sandboxKey: first.sandboxKey, proxyCommand: first.proxyCommand });
    const { items } = (await trpc(again, "keys.list", { userId: "demo" })) as { items: { id: string }[] };
    expect(items).toHaveLength(1);
    expect(await trpc(again, "usage.stats", { keyId: items[0]?.id })).toMatchObject(counted as object);

    // Killed without a word, it leaves nothing that a next start stumbles over.
    const family = familyOf(run.child.pid ?? 0);
    run.child.kill("SIGKILL");
    await run.ended;
    const next = npmStart();
    await next.ready();
    expect(await allGone(family)).toEqual([]);
    process.kill(next.child.pid ?? 0, "SIGTERM");
    expect(await next.ended).toBe(0);
  });

  test("S-18 another root key stops the start, both are named, and nothing is written", async () => {
    const key = readFileSync(keyFile(), "utf8");
    writeFileSync(keyFile(), `base64:${Buffer.from(Uint8Array.from({ length: 32 }, (_, at) => (at * 37) ^ 0xa5)).toString("base64")}\n`);
    const run = npmStart();
    expect(await run.ended).not.toBe(0);
    expect(run.said()).toMatch(/root_[0-9a-f]{16}.*root_[0-9a-f]{16}/s);
    writeFileSync(keyFile(), key);
    const again = npmStart();
    await again.ready();
    expect(await ctrlC(again)).toBe(0);
  });

  test("S-85 a root key that others may read, and a dev.json that is a link, stop the start", async () => {
    chmodSync(keyFile(), 0o644);
    const open = npmStart();
    expect(await open.ended).not.toBe(0);
    expect(open.said()).toMatch(/root\.key is open to others.*chmod 600/);
    chmodSync(keyFile(), 0o600);
  });

  test("a port that is taken and a database that is away are said by the name of the setting", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const taken = npmStart({ PORT: String((other.address() as AddressInfo).port) });
    expect(await taken.ended).not.toBe(0);
    expect(taken.said()).toMatch(/PORT=/);
    other.close();

    const away = npmStart({ DATABASE_URL: "postgres://byok:canary@127.0.0.1:1/byok" });
    expect(await away.ended).not.toBe(0);
    expect(away.said()).toMatch(/set DATABASE_URL/);
    expect(away.said()).not.toContain("canary");
  });
});

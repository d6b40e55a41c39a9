import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { BYOKManager } from "@stack-2025/byok-core";
import { coreOf, createServiceToken } from "@stack-2025/byok-core/internal";
import { createTestDatabase, type TestDatabase } from "@stack-2025/byok-db/testing";
import { startSandbox } from "@stack-2025/byok-sandbox";

const rootKey = "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";

const entry = fileURLToPath(new URL("byok.ts", import.meta.url));
let database: TestDatabase;
let place: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  place = mkdtempSync(path.join(tmpdir(), "byok-serve-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await database.drop();
  rmSync(place, { recursive: true, force: true });
});

function start(command: "serve" | "worker", env: Record<string, string> = {}): { child: ChildProcess; line: (message: string) => Promise<Record<string, unknown>>; ended: Promise<{ code: number | null; out: string; err: string }> } {
  const child = spawn(process.execPath, ["--conditions=byok-source", entry, command], {
    cwd: place,
    env: { PATH: process.env["PATH"], DATABASE_URL: database.connectionString, BYOK_ENCRYPTION_KEY: rootKey, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let err = "";
  const lines: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const reader = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, out: lines.join("\n"), err }));
  const line = async (message: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = lines.map((one) => JSON.parse(one) as Record<string, unknown>).find((one) => one["msg"] === message);
      if (found) return found;
      await Promise.race([once(reader, "line"), ended.then(() => Promise.reject(new Error(`it ended: ${err}${lines.join("\n")}`)))]);
    }
  };
  return { child, line, ended };
}

test("F-27 serve listens, logs JSON lines without a secret, and ends cleanly on SIGTERM", async () => {
  const { child, line, ended } = start("serve");
  const { address } = await line("listening");
  expect(await (await fetch(`${String(address)}/healthz`)).json()).toEqual({ status: "ok" });
  expect((await fetch(`${String(address)}/readyz`)).status).toBe(200);
  child.kill("SIGTERM");
  const { code, out, err } = await ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).not.toMatch(/3q2|BYOK_ENCRYPTION_KEY/);
  expect(out).toMatch(/"outcome":"clean"/);
});

test("F-27 an answer that is under way when the stop comes is finished, and counted", async () => {
  await using sandbox = await startSandbox();
  await using manager = new BYOKManager({ encryptionKey: rootKey, database: database.connectionString, providers: { openai: { baseUrl: sandbox.baseUrl("openai") } } });
  const apiKey = "sk-of-the-stop-0001-long-enough";
  const { id } = await manager.addKey({ userId: "u_1", provider: "openai", keyData: { apiKey } });
  const { token } = await createServiceToken(await coreOf(manager), "test", { name: "x", scopes: ["keys:use"], owner: { userId: "u_1" } });
  sandbox.script(apiKey, { kind: "slow", betweenChunksMs: 150 });

  const { child, line, ended } = start("serve", { BYOK_PROVIDER_URL_OPENAI: sandbox.baseUrl("openai") });
  const { address } = await line("listening");
  const answer = await fetch(`${String(address)}/proxy/openai/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "Say hello." }] }),
  });
  child.kill("SIGTERM");
  await line("stopping");
  expect(await answer.text()).toMatch(/data: \[DONE\]\s*$/);
  expect(await ended).toMatchObject({ code: 0, err: "" });
  const { requests, inputTokens, outputTokens } = await manager.getUsageStats(id);
  expect({ requests, inputTokens, outputTokens }).toEqual(sandbox.ledger.totals({ path: "/v1/chat/completions" }));
});

test("S-81 the signal that opens Node's inspector does not open it", async () => {
  const { child, line, ended } = start("serve");
  await line("listening");
  child.kill("SIGUSR1");
  expect(await line("ignored: the inspector is off")).toMatchObject({ signal: "SIGUSR1" });
  child.kill("SIGTERM");
  expect((await ended).err).not.toMatch(/debugger/i);
});

test("a port that is taken is said by the name of its setting", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { code, err } = await start("serve", { PORT: String((other.address() as AddressInfo).port) }).ended;
  other.close();
  expect(err).toMatch(/set PORT/);
  expect(code).toBe(3);
});

test("worker takes jobs until it is told to stop", async () => {
  const { child, line, ended } = start("worker");
  await line("working");
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ code: 0, err: "" });
});

test("production does not start without a root key", async () => {
  const { code, err } = await start("serve", { BYOK_ENCRYPTION_KEY: "" }).ended;
  expect(err).toMatch(/BYOK_ENCRYPTION_KEY: not set, and production needs it/);
  expect(code).toBe(3);
});

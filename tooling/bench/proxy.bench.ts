// What the proxy costs: the same requests through a bare undici pipe and through byok, to the same vendor, each in a process of its
// own, taken in turns. byok resolves, counts and writes the usage durably; the pipe does nothing of that.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { Pool } from "undici";
import { startTemporaryPostgres } from "@stack-2025/byok-db/testing";
import { compare, table, type Contestant } from "./measure.ts";
import type { Bench } from "./run.ts";

const pipe = "undici pipe";
const request = (stream: boolean): string =>
  JSON.stringify({ model: "gpt-4o-mini", stream, ...(stream && { stream_options: { include_usage: true } }), messages: [{ role: "user", content: "words ".repeat(50) }] });

export const bench: Bench = {
  title: "the proxy",
  async run({ quick }) {
    const server = await startTemporaryPostgres({ durable: true });
    const children: ChildProcess[] = [];
    const pools: Pool[] = [];
    const start = async (part: string, ...args: string[]): Promise<{ port: number; token?: string }> => {
      const child = fork(path.join(import.meta.dirname, "parts", `${part}.ts`), args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      children.push(child);
      return new Promise((resolve, reject) => {
        child.once("message", (message) => resolve(message as { port: number; token?: string }));
        child.once("exit", (code) => reject(new Error(`${part} ended with ${code} before it was ready`)));
      });
    };
    const ask = (port: number, target: string, token: string, body: string): Contestant["run"] => {
      const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64, pipelining: 1 });
      pools.push(pool);
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      return async () => {
        const { statusCode, body: answer } = await pool.request({ method: "POST", path: target, headers, body });
        const bytes = await answer.arrayBuffer();
        if (statusCode !== 200) throw new Error(`${target} answered ${statusCode}: ${Buffer.from(bytes).toString("utf8", 0, 200)}`);
      };
    };
    try {
      const upstream = await start("upstream");
      const origin = `http://127.0.0.1:${upstream.port}`;
      const bare = await start("pipe", origin);
      const service = await start("service", server.connectionString, origin);
      process.stdout.write("load generator, vendor, pipe, byok and PostgreSQL share this machine; usage is written with fsync\n\n");
      for (const stream of [false, true]) {
        const body = request(stream);
        const contestants = [
          { name: pipe, run: ask(bare.port, "/v1/chat/completions", "any", body) },
          { name: "byok", run: ask(service.port, "/proxy/openai/v1/chat/completions", service.token ?? "", body) },
        ];
        for (const concurrency of quick ? [16] : [1, 16, 64]) {
          const samples = await compare(contestants, { seconds: quick ? 2 : 10, rounds: quick ? 2 : 5, concurrency });
          process.stdout.write(`${stream ? "SSE, 60 events" : "JSON"}, ${concurrency} at a time\n${table(samples, pipe)}\n\n`);
        }
      }
    } finally {
      await Promise.all(pools.map((pool) => pool.close()));
      for (const child of children.toReversed()) {
        child.kill("SIGTERM");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      }
      await server.stop();
    }
  },
};

// For tests: a command as the shell runs it, with its world handed down.
import { PassThrough, Readable } from "node:stream";
import { run } from "./program.ts";

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export async function runCommand(args: readonly string[], env: Record<string, string>, stdin?: string): Promise<Ran> {
  const said = { out: "", err: "" };
  const capture = (name: "out" | "err"): PassThrough => new PassThrough().on("data", (chunk: Buffer) => (said[name] += chunk.toString()));
  const io = { env, stdin: Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]), stdout: capture("out"), stderr: capture("err"), exitCode: 0 };
  return { code: await run(args, io), ...said };
}

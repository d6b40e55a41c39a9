/** S-84: a secret comes from a prompt that shows nothing, or from standard input. Nothing is stored when either breaks off. */
import type { Readable, Writable } from "node:stream";
import { isCancel, password } from "@clack/prompts";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { Io } from "./io.ts";

/** A service account's JSON takes 32 KiB at most; what is longer is no secret. */
const mostBytes = 65_536;

/**
 * The text of a secret: typed at the terminal, or one line or JSON from standard input.
 *
 * @throws InvalidInputError nothing came, too much came, it is no text, or the prompt was left
 */
export async function readSecret(what: string, { stdin, stderr }: Pick<Io, "stdin" | "stderr">): Promise<string> {
  const text = stdin.isTTY ? await askFor(what, stdin, stderr) : await readAll(stdin);
  if (text.trim() === "") throw unusable(`${what} is empty. Give it on standard input, or type it at the prompt.`);
  return text;
}

async function askFor(what: string, stdin: Readable, stderr: Writable): Promise<string> {
  const left = new AbortController();
  const leave = (): void => left.abort();
  // A terminal that closes ends its input and hangs up; neither answers the prompt.
  const signals = ["SIGHUP", "SIGTERM"] as const;
  stdin.once("end", leave);
  for (const signal of signals) process.once(signal, leave);
  try {
    // The prompt stands on standard error, so that `--json` alone is on standard output.
    const answer = await password({ message: what, signal: left.signal, input: stdin, output: stderr });
    if (isCancel(answer) || answer === undefined) throw unusable("The prompt was left. Nothing was stored.");
    return answer;
  } finally {
    stdin.removeListener("end", leave);
    for (const signal of signals) process.removeListener(signal, leave);
  }
}

async function readAll(stdin: Readable): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stdin as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBytes) throw unusable(`Standard input holds more than ${mostBytes / 1024} KiB, which is no secret. Nothing was stored.`);
    parts.push(part);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(Buffer.concat(parts));
    if (!text.includes("\0")) return text;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  throw unusable("Standard input is binary, not text. Give the secret on one line, or JSON. Nothing was stored.");
}

const unusable = (message: string) => new InvalidInputError(message, { issues: [{ path: "standard input", message }] });

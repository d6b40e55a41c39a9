import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { readSecret } from "./read-secret.ts";

/** A terminal: raw mode can be switched, and what is typed arrives as it is. */
function terminal(): { stdin: PassThrough & { isTTY: true; isRaw: boolean; setRawMode(raw: boolean): void }; stderr: PassThrough; shown: () => string } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true as const, isRaw: false, setRawMode: (raw: boolean) => void (stdin.isRaw = raw) });
  const stderr = new PassThrough();
  let text = "";
  stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { stdin, stderr, shown: () => text };
}

const input = (...chunks: (string | Buffer)[]) => ({ stdin: Readable.from(chunks.map((chunk) => Buffer.from(chunk))), stderr: new PassThrough() });

describe("S-84 at a terminal the secret is typed and not shown", () => {
  test("the prompt takes a line and gives the terminal back", async () => {
    const { stdin, stderr, shown } = terminal();
    const read = readSecret("The openai secret", { stdin, stderr });
    stdin.write("sk-canary");
    stdin.write("\r");
    await expect(read).resolves.toBe("sk-canary");
    expect(shown()).toContain("The openai secret");
    expect(shown()).not.toContain("canary");
    expect(stdin.isRaw).toBe(false);
  });

  test.each([
    ["Ctrl-C", (stdin: PassThrough) => void stdin.write("\u0003")],
    ["the end of the terminal", (stdin: PassThrough) => void stdin.end()],
  ])("B-61 %s leaves the prompt: nothing is taken, the terminal is restored", async (_, leave) => {
    const { stdin, stderr } = terminal();
    const read = readSecret("The openai secret", { stdin, stderr });
    stdin.write("sk-can");
    leave(stdin);
    await expect(read).rejects.toThrow(InvalidInputError);
    expect(stdin.isRaw).toBe(false);
  });
});

describe("standard input", () => {
  test("is read whole, in whatever pieces it comes", async () => {
    await expect(readSecret("x", input("sk-", "abc\n"))).resolves.toBe("sk-abc\n");
    await expect(readSecret("x", input(Buffer.from([0xef, 0xbb, 0xbf]), "sk-abc"))).resolves.toBe("sk-abc");
  });

  test.each([
    ["empty", input()],
    ["blank", input(" \n")],
    ["no UTF-8", input(Buffer.from([0x73, 0x6b, 0xff, 0xfe]))],
    ["holding a NUL", input("sk-canary\0")],
    ["endless", input("canary".repeat(20_000))],
  ])("B-61 %s: refused, and not repeated", async (_, io) => {
    const failure = await readSecret("The secret", io).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect(String(failure)).not.toContain("canary");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scrubbedStream } from "./scrubbed.ts";

const secret = "sk-proj-0123456789abcdef";

async function pass(text: string, cuts: readonly number[]): Promise<string> {
  const bytes = Buffer.from(text, "utf8");
  const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (const [index, from] of [0, ...points].entries()) yield bytes.subarray(from, points[index] ?? bytes.length);
  }
  const out: Uint8Array[] = [];
  for await (const chunk of scrubbedStream(chunks(), [secret])) out.push(Buffer.from(chunk));
  return Buffer.concat(out).toString("utf8");
}

describe("S-70 scrubbedStream", () => {
  it("overwrites every copy of the secret, wherever the chunks are cut, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) => !text.includes("sk-")), { maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 10 }), async (parts, cuts) => {
        expect(await pass(parts.join(secret), cuts)).toBe(parts.join("*".repeat(secret.length)));
      }),
    );
  });
});

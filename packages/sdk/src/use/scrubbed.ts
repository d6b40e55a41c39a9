import { scrub } from "@stack-2025/byok-providers";

/** Exact copies of a secret in bytes are overwritten with as many asterisks: lengths stay what the headers say. */
export function scrubbed(bytes: Buffer, secrets: readonly string[]): Buffer {
  const text = bytes.toString("latin1");
  const clean = scrub(text, secrets.map((secret) => Buffer.from(secret, "utf8").toString("latin1")));
  return clean === text ? bytes : Buffer.from(clean, "latin1");
}

/**
 * `scrubbed` for a stream, also where a secret is split between two chunks: the last bytes of each wait for the next.
 * For answers in which a vendor tells of the credential itself; whoever may use a key need not be one who may read it.
 */
export async function* scrubbedStream(body: AsyncIterable<Uint8Array>, secrets: readonly string[]): AsyncGenerator<Uint8Array> {
  const kept = Math.max(0, ...secrets.map((secret) => Buffer.byteLength(secret))) - 1;
  let carry: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    const bytes = scrubbed(Buffer.concat([carry, chunk]), secrets);
    const end = Math.max(0, bytes.length - kept);
    carry = bytes.subarray(end);
    if (end > 0) yield bytes.subarray(0, end);
  }
  if (carry.length > 0) yield carry;
}

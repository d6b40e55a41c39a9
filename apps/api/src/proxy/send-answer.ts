/** The provider's answer on its way out: back-pressure holds, and chunks that come together leave together. */
import type { ServerResponse } from "node:http";
import type { DoorAnswer } from "@stack-2025/byok-core/internal";

/**
 * On every answer of the proxy: a provider's page must do nothing at our origin. Drawing it is refused by the sandbox, and
 * its type is not guessed.
 */
export const proxyHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
} as const;

/** Held for one write at most; then whoever reads slowly slows the provider. */
const mostHeld = 65_536;

/** Resolves when the answer is out or the caller has left; the provider's stream is ended either way. Rejects when that stream fails. */
export async function sendAnswer(answer: DoorAnswer, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, {
    ...answer.headers,
    ...proxyHeaders,
    "byok-key-id": answer.keyId,
    "byok-source": answer.source,
    "byok-attempts": String(answer.attempts),
    "byok-request-id": answer.requestId,
  });
  // A stream's reader sees at once that it was accepted; elsewhere the head travels with the first bytes.
  if (String(answer.headers["content-type"] ?? "").startsWith("text/event-stream")) response.flushHeaders();

  let held: Uint8Array[] = [];
  let size = 0;
  let scheduled = false;
  const write = (): void => {
    scheduled = false;
    if (size > 0 && !response.destroyed) response.write(held.length === 1 ? held[0] : Buffer.concat(held, size));
    held = [];
    size = 0;
  };

  const body = answer.body[Symbol.asyncIterator]();
  try {
    for (let next = await body.next(); !next.done; next = await body.next()) {
      if (response.destroyed) return;
      held.push(next.value);
      size += next.value.length;
      if (!scheduled) process.nextTick(write);
      scheduled = true;
      if (size < mostHeld && !response.writableNeedDrain) continue;
      write();
      if (response.writableNeedDrain) await drained(response);
    }
    write();
    response.end();
  } finally {
    await body.return?.();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

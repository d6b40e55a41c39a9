import type { Readable } from "node:stream";
import type { MeteredCall, MeteredUsage, Provider } from "@stack-2025/byok-providers";
import { SseSplitter } from "./sse-splitter.ts";

/** Told once, when the answer has ended, was cut, or was left by the caller. Resolves when the usage may be taken as kept. */
export type OnEnd = (end: { usage: MeteredUsage | null; outcome: "ok" | "error" }) => Promise<void>;

/** The provider's bytes, and how to end them early. */
export interface AnswerBytes {
  chunks: AsyncIterable<Uint8Array>;
  destroy(): void;
}

/** A JSON answer longer than this passes unread; its usage is unknown. */
const largestJson = 32 * 1_048_576;

export type BodyKind = "stream" | "json" | "bytes";

export function bodyKind(contentType: string | undefined, encoded: boolean): BodyKind {
  if (encoded || contentType === undefined) return "bytes";
  if (contentType.startsWith("text/event-stream")) return "stream";
  return /^application\/(?:[\w.+-]+\+)?json/.test(contentType) ? "json" : "bytes";
}

/**
 * The answer's bytes on their way to the caller, read as they pass. Nothing is held back but what closes the format: that
 * waits until `onEnd` resolves. Leaving the iteration early destroys the provider's stream; `onEnd` is told then too.
 */
export function answerBody(body: AnswerBytes, kind: BodyKind, provider: Provider, call: MeteredCall | null, onEnd: OnEnd): AsyncIterableIterator<Uint8Array> {
  let told = false;
  const end: End = async (usage, outcome) => {
    if (told) return;
    told = true;
    await onEnd({ usage, outcome });
  };
  const passing = pass(body, kind, provider, call, end);
  return {
    next: () => passing.next(),
    // A generator that was never begun runs no `finally`: an answer that nobody read is ended here.
    return: async () => {
      const done = await passing.return(undefined);
      await end(null, "error");
      body.destroy();
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

type End = (usage: MeteredUsage | null, outcome: "ok" | "error") => Promise<void>;

async function* pass(body: AnswerBytes, kind: BodyKind, provider: Provider, call: MeteredCall | null, end: End): AsyncGenerator<Uint8Array, undefined> {
  const meter = call && kind === "stream" ? provider.meter.stream(call) : null;
  try {
    if (meter) {
      const splitter = new SseSplitter();
      let closed = false;
      for await (const chunk of body.chunks) {
        const passing: Uint8Array[] = [];
        for (const { bytes, event } of splitter.push(chunk)) {
          const what = event === null || closed ? "pass" : meter.on(event);
          if (what === "drop") continue;
          if (what === "close") {
            closed = true;
            if (passing.length > 0) yield Buffer.concat(passing.splice(0));
            await end(meter.usage(), meter.failed() ? "error" : "ok");
          }
          passing.push(bytes);
        }
        if (passing.length === 1) yield passing[0]!;
        else if (passing.length > 1) yield Buffer.concat(passing);
      }
      for (const { bytes, event } of splitter.end()) {
        if (event !== null && !closed && meter.on(event) === "close") closed = true;
        await end(meter.usage(), closed && !meter.failed() ? "ok" : "error");
        yield bytes;
      }
      await end(meter.usage(), closed && !meter.failed() ? "ok" : "error");
      return undefined;
    }

    // The last chunk closes a body of any other kind: each one waits for its successor.
    const read: Uint8Array[] = [];
    let size = 0;
    let held: Uint8Array | undefined;
    for await (const chunk of body.chunks) {
      if (held) yield held;
      held = chunk;
      size += held.length;
      if (kind === "json" && call && size <= largestJson) read.push(held);
    }
    await end(call ? usageOf(kind, size <= largestJson ? read : null, provider, call) : null, "ok");
    if (held) yield held;
    return undefined;
  } finally {
    // Left early, cut, or failed: what was told so far is what was used.
    await end(meter?.usage() ?? null, "error");
    body.destroy();
  }
}

/** An answer that is no JSON carries no usage; what it was asked for may still be counted (characters that were spoken). */
function usageOf(kind: BodyKind, read: readonly Uint8Array[] | null, provider: Provider, call: MeteredCall): MeteredUsage | null {
  if (kind !== "json") return provider.meter.json(undefined, call);
  if (read === null) return null;
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.concat(read).toString("utf8"));
  } catch {
    return null; // Not the JSON that its header promised: it passes as it is, its usage is unknown.
  }
  return provider.meter.json(answer, call);
}

/** Reads a refusal whole, up to `limit` bytes, and lets the rest go. */
export async function readSome(body: Readable, limit: number): Promise<Buffer> {
  const read: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      read.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size >= limit) break;
    }
  } finally {
    body.destroy();
  }
  return Buffer.concat(read).subarray(0, limit);
}

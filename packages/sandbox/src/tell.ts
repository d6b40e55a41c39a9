// Puts an answer on the wire, and makes the faults that no vendor words: slowness, cuts, silence, resets. It writes an event at a
// time, waits for slow readers, stops when the reader leaves, and notes in the ledger only what really went out.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Answer, PlainAnswer, StreamAnswer, StreamEvent } from "./dialect.ts";
import type { Fault } from "./fault.ts";
import type { LedgerEntry } from "./ledger.ts";

/** Between the pieces of a body that is to arrive in several, long enough that no network joins them again. */
const splitPauseMs = 20;

/** The reader left, or the sandbox closed, while an answer was under way. */
export class ReaderGone extends Error {}

/** One answer on its way. */
export interface Telling {
  readonly response: ServerResponse;
  readonly entry: LedgerEntry;
  readonly fault: Fault;
  /** Aborts when the connection is gone. */
  readonly gone: AbortSignal;
}

/** @throws ReaderGone */
export async function tell(telling: Telling, answer: Answer): Promise<void> {
  const { fault, gone, entry } = telling;
  if (fault.kind === "slow") await pause(fault.beforeHeadersMs ?? 0, gone);
  entry.stream = "events" in answer;
  if (answer.model !== undefined) entry.model = answer.model;
  if ("events" in answer) await tellStream(telling, answer);
  else await tellWhole(telling, answer);
}

/** Reads and never answers. @throws ReaderGone in the end */
export async function hang(gone: AbortSignal): Promise<never> {
  if (!gone.aborted) await once(gone, "abort");
  throw new ReaderGone();
}

async function tellWhole(telling: Telling, answer: PlainAnswer): Promise<void> {
  const { response, entry, fault, gone } = telling;
  const told = fault.kind === "stream_error" ? (answer.failure ?? answer.body) : answer.body;
  const body = Buffer.isBuffer(told) ? told : Buffer.from(told);
  begin(telling, answer, { "content-length": String(body.length) });
  if (fault.kind === "cut_stream") {
    await write(response, body.subarray(0, Math.floor(body.length / 2)), gone);
    response.destroy();
    return;
  }
  let from = 0;
  for (const at of answer.splitAt ?? []) {
    await write(response, body.subarray(from, at), gone);
    await pause(splitPauseMs, gone);
    from = at;
  }
  if (from < body.length) await write(response, body.subarray(from), gone);
  if (answer.usage !== undefined && told === answer.body) entry.usage = { ...answer.usage };
  await finish(telling);
}

async function tellStream(telling: Telling, answer: StreamAnswer): Promise<void> {
  const { response, fault, gone } = telling;
  const endsAfter = fault.kind === "cut_stream" || fault.kind === "stream_error" ? fault.afterEvents : Number.POSITIVE_INFINITY;
  begin(telling, answer, {});
  response.flushHeaders();
  let sent = 0;
  for (const event of answer.events) {
    if (sent >= endsAfter) break;
    if (fault.kind === "slow" && sent > 0) await pause(fault.betweenChunksMs ?? 0, gone);
    await tellEvent(telling, event);
    sent += 1;
  }
  if (fault.kind === "cut_stream") {
    response.destroy();
    return;
  }
  if (fault.kind === "stream_error") await tellEvent(telling, answer.failure);
  await finish(telling);
}

async function tellEvent({ response, entry, gone }: Telling, event: StreamEvent): Promise<void> {
  if (event.text.length > 0) await write(response, event.text, gone);
  if (event.usage !== undefined) entry.usage = { ...event.usage };
  // A turn of the loop between two events: else a reader's leaving would not be noticed before the last one.
  await nextTurn();
}

function begin({ response, entry }: Telling, answer: Answer, more: Record<string, string>): void {
  entry.status = answer.status;
  if (answer.headerUsage !== undefined) entry.usage = { ...answer.headerUsage };
  response.writeHead(answer.status, { date: entry.at.toUTCString(), ...answer.headers, ...more });
}

async function finish({ response, entry, gone }: Telling): Promise<void> {
  const flushed = new Promise<boolean>((resolve) => {
    response.once("finish", () => resolve(true));
    response.once("close", () => resolve(false));
  });
  response.end();
  if (!(await flushed) || (gone.aborted && !response.writableFinished)) throw new ReaderGone();
  entry.finished = true;
}

/** Resolves when the chunk has left this process: a reader who does not read is waited for. */
async function write(response: ServerResponse, chunk: string | Buffer, gone: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const leave = (): void => reject(new ReaderGone());
    if (gone.aborted) return leave();
    gone.addEventListener("abort", leave, { once: true });
    response.write(chunk, (error) => {
      gone.removeEventListener("abort", leave);
      if (error) leave();
      else resolve();
    });
  });
}

/** @throws ReaderGone */
export async function pause(durationMs: number, gone: AbortSignal): Promise<void> {
  if (durationMs === 0) return;
  await sleep(durationMs, undefined, { signal: gone }).catch(() => {
    throw new ReaderGone();
  });
}

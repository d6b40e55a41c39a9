// The story of one WebSocket to a vendor: the handshake with its refusals, then a conversation whose rules are the vendor's and
// whose faults are the wire's, until somebody closes it. Its entry in the ledger has the turns that told usage.
import { once } from "node:events";
import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import type { Answer, Call, Dialect, Session, SocketEvent } from "./dialect.ts";
import type { Fault } from "./fault.ts";
import { addUsage, type LedgerEntry } from "./ledger.ts";
import { arrive, type Asked, isNobody, ledgerBodyBytes, type Memory, openEntry, refusalOf } from "./serve-call.ts";
import { hang, pause, ReaderGone, tell } from "./tell.ts";

const mostMessageBytes = 32 * 1024 * 1024;

/** Answers one request to upgrade, and holds the conversation that may come of it. */
export async function serveSocket(memory: Memory, asked: Asked, socket: Socket, head: Buffer): Promise<void> {
  const entry = openEntry(memory, asked);
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  try {
    const route = asked.dialect.sockets?.find((each) => each.path.test(entry.path));
    const call = arrive(memory, asked, entry, Buffer.alloc(0), route === undefined ? null : { path: route.path, paid: true });
    if (call.fault.kind === "hang") await hang(gone.signal);
    if (call.fault.kind === "reset") {
      socket.resetAndDestroy();
      return;
    }
    const opened = isNobody(call)
      ? asked.dialect.missingKey(call)
      : (refused(asked.dialect, call) ?? route?.open(call) ?? asked.dialect.notFound(call));
    if ("status" in opened) {
      await refuseHandshake(asked, socket, entry, call.fault, gone.signal, opened);
      return;
    }
    const webSocket = await shakeHands(asked, socket, head, entry, call.fault, gone.signal, opened);
    await converse(webSocket, entry, call.fault, opened).finally(() => opened.closed?.(memory.now()));
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
    entry.aborted = !entry.finished;
  } finally {
    entry.endedAt = memory.now();
    memory.ledger.settle();
  }
}

/** What the fault makes of the handshake, or of the conversation where the refusal is to come there; null for nothing. */
function refused(dialect: Dialect, call: Call): Answer | Session | null {
  const { fault } = call;
  if (
    (fault.kind === "invalid" || fault.kind === "revoked") &&
    fault.afterHandshake === true &&
    dialect.refuseInside !== undefined
  ) {
    const inside = dialect.refuseInside(call);
    return { headers: {}, open: () => inside, hear: () => [], failure: {} };
  }
  return refusalOf(dialect, call);
}

async function refuseHandshake(
  asked: Asked,
  socket: Socket,
  entry: LedgerEntry,
  fault: Fault,
  gone: AbortSignal,
  answer: Answer,
): Promise<void> {
  const response = new ServerResponse(asked.request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  await tell({ response, entry, fault, gone }, answer);
  socket.end();
}

async function shakeHands(
  asked: Asked,
  socket: Socket,
  head: Buffer,
  entry: LedgerEntry,
  fault: Fault,
  gone: AbortSignal,
  session: Session,
): Promise<WebSocket> {
  if (fault.kind === "slow") await pause(fault.beforeHeadersMs ?? 0, gone);
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: mostMessageBytes,
    handleProtocols: () => session.protocol ?? false,
  });
  server.on("headers", (lines: string[]) =>
    lines.push(...Object.entries(session.headers).map(([name, value]) => `${name}: ${value}`)),
  );
  return await new Promise<WebSocket>((resolve, reject) => {
    server.on("wsClientError", () => {
      entry.status = 400;
      entry.finished = true;
      socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
    gone.addEventListener("abort", () => reject(new ReaderGone()), { once: true });
    server.handleUpgrade(asked.request, socket, head, (webSocket) => {
      entry.status = 101;
      entry.stream = true;
      entry.model = session.model ?? entry.model;
      resolve(webSocket);
    });
  });
}

/** Sends what the session says, one message after the other, until the connection is closed. */
async function converse(webSocket: WebSocket, entry: LedgerEntry, fault: Fault, session: Session): Promise<void> {
  const gone = new AbortController();
  const toSay: ToSay = { atOnce: [...session.open()], inTurn: [] };
  const mistakes: unknown[] = [];
  let wake: (() => void) | undefined;
  webSocket.on("message", (data: Buffer, binary) => {
    if (!binary) noteText(entry, data);
    try {
      const events = session.hear(data, binary);
      if (Array.isArray(events)) toSay.atOnce.push(...events);
      else toSay.inTurn.push(events[Symbol.iterator]());
    } catch (error) {
      mistakes.push(error);
    }
    wake?.();
  });
  // A frame that breaks the protocol closes the connection; so does a dropped one.
  webSocket.on("error", () => webSocket.terminate());
  webSocket.on("close", (code) => {
    entry.finished = code !== 1006;
    gone.abort();
    wake?.();
  });
  const endsAfter = fault.kind === "cut_stream" || fault.kind === "stream_error" ? fault.afterEvents : Number.POSITIVE_INFINITY;
  for (let sent = 0; !gone.signal.aborted;) {
    if (sent >= endsAfter) return await breakOff(webSocket, fault, session);
    const event = nextEvent(toSay);
    if (mistakes.length > 0) throw mistakes[0];
    if (event === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    if (fault.kind === "slow" && sent > 0) await pause(fault.betweenChunksMs ?? 0, gone.signal);
    await say(webSocket, entry, event);
    sent += 1;
    // A turn of the loop between two events, so that a message or a leaving is noticed before the last one.
    await nextTurn();
  }
  if (!entry.finished) throw new ReaderGone();
}

async function breakOff(webSocket: WebSocket, fault: Fault, session: Session): Promise<void> {
  const closed = once(webSocket, "close");
  const { data, close } = session.failure;
  if (fault.kind === "stream_error") {
    if (data !== undefined) webSocket.send(data);
    webSocket.close(close?.code ?? 1011, close?.reason ?? "");
  } else webSocket.terminate();
  await closed;
}

async function say(webSocket: WebSocket, entry: LedgerEntry, event: SocketEvent): Promise<void> {
  const { data, turn, close } = event;
  if (data !== undefined) {
    await new Promise<void>((resolve) => {
      // Whoever left is noticed by the closing.
      webSocket.send(data, () => resolve());
    });
  }
  if (turn !== undefined) {
    entry.turns.push({ ...turn, usage: { ...turn.usage } });
    entry.usage = entry.usage === null ? { ...turn.usage } : addUsage(entry.usage, turn.usage);
  }
  if (event.model !== undefined) entry.model = event.model;
  if (close === undefined) return;
  const closed = once(webSocket, "close");
  webSocket.close(close.code, close.reason);
  if (webSocket.readyState !== WebSocket.CLOSED) await closed;
}

/** What there is to say: lists go between the events of what is being told, the rest after it. */
interface ToSay {
  readonly atOnce: SocketEvent[];
  readonly inTurn: Iterator<SocketEvent>[];
}

function nextEvent({ atOnce, inTurn }: ToSay): SocketEvent | undefined {
  if (atOnce.length > 0) return atOnce.shift();
  for (let first = inTurn[0]; first !== undefined; first = inTurn[0]) {
    const next = first.next();
    if (next.done !== true) return next.value;
    inTurn.shift();
  }
  return undefined;
}

function noteText(entry: LedgerEntry, data: Buffer): void {
  if (entry.requestBody.length < ledgerBodyBytes)
    entry.requestBody += `${data.toString("utf8")}\n`.slice(0, ledgerBodyBytes - entry.requestBody.length);
}

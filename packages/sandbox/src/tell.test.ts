import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { LedgerBook, type LedgerEntry } from "./ledger.ts";
import { startSandbox } from "./sandbox.ts";
import { tell } from "./tell.ts";

function blankEntry(): LedgerEntry {
  return {
    id: "call_1", provider: "openai", key: "", presented: "", keyHint: "", method: "GET", path: "/", query: "", model: null, at: new Date(0), status: 0, stream: false,
    finished: false, requestHeaders: {}, requestBody: "", usage: null, turns: [], endedAt: null, aborted: false, vendorRequestId: "",
  };
}

it("a reader who does not read is waited for: nothing piles up", async () => {
  const total = 256;
  let made = 0;
  const entry = blankEntry();
  const text = "x".repeat(1024 * 1024);
  function* events() {
    for (; made < total; made += 1) yield { text };
  }
  const server = createServer((_request, response) => {
    const answer = { status: 200, headers: {}, events: events(), failure: { text: "" } };
    void tell({ response, entry, fault: { kind: "ok" }, gone: new AbortController().signal }, answer);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server listens, but not on a port.");
  const socket = connect(address.port, "127.0.0.1");
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");

  let before = -1;
  for (let still = 0; still < 200; still += 1) {
    if (made !== before) still = 0;
    before = made;
    await nextTurn();
  }
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(total / 2);
  expect(entry.finished).toBe(false);

  socket.resume();
  while (!entry.finished) await nextTurn();
  expect(made).toBe(total);
  socket.destroy();
  server.close();
});

it("each event of a stream arrives by itself", async () => {
  await using sandbox = await startSandbox();
  const key = "sk-test-openai-0000000000001";
  const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "words: 40" }] });
  const response = await fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body });
  const chunks: string[] = [];
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) chunks.push(chunk);
  // A role, forty words, a finish reason and [DONE]; a busy machine may join some.
  expect(chunks.join("").split("\n\n").filter((event) => event !== "")).toHaveLength(43);
  expect(chunks.length).toBeGreaterThan(5);
});

it("an echoed key arrives in two pieces, in the body and in a header", async () => {
  await using sandbox = await startSandbox();
  const key = "sk-test-openai-0000000000001";
  sandbox.script(key, { kind: "echo_key" });
  const response = await fetch(`${sandbox.baseUrl("openai")}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(response.status).toBe(401);
  expect(response.headers.get("x-received-key")).toBe(key);
  const pieces: string[] = [];
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) pieces.push(piece);
  expect(pieces).toHaveLength(2);
  expect(pieces.some((piece) => piece.includes(key))).toBe(false);
  expect(pieces.join("")).toContain(key);
});

it("an answer that is no stream is cut half way", async () => {
  await using sandbox = await startSandbox();
  const key = "sk-test-openai-0000000000001";
  sandbox.script(key, { kind: "cut_stream", afterEvents: 0 });
  const response = await fetch(`${sandbox.baseUrl("openai")}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow("terminated");
  await sandbox.ledger.whenSettled();
  expect(sandbox.ledger.entries()[0]).toMatchObject({ status: 200, finished: false, aborted: false });
});

it("a slow answer waits before its headers and between its events", async () => {
  await using sandbox = await startSandbox();
  const key = "sk-test-openai-0000000000001";
  sandbox.script(key, { kind: "slow", beforeHeadersMs: 60, betweenChunksMs: 20 });
  const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "words: 2" }] });
  const began = performance.now();
  const response = await fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body });
  expect(performance.now() - began).toBeGreaterThan(55);
  await response.text();
  expect(performance.now() - began).toBeGreaterThan(55 + 4 * 18);
});

it("a redirect names where, and nothing more", async () => {
  await using sandbox = await startSandbox();
  const key = "sk-test-openai-0000000000001";
  sandbox.script(key, { kind: "redirect", location: "http://127.0.0.1:9/elsewhere" });
  const response = await fetch(`${sandbox.baseUrl("openai")}/v1/models`, { headers: { authorization: `Bearer ${key}` }, redirect: "manual" });
  expect(response.status).toBe(307);
  expect(response.headers.get("location")).toBe("http://127.0.0.1:9/elsewhere");
});

it("a ledger is settled only when every call under way is over", async () => {
  const ledger = new LedgerBook();
  ledger.open(blankEntry());
  ledger.open(blankEntry());
  let settled = false;
  const settling = ledger.whenSettled().then(() => (settled = true));
  ledger.settle();
  await nextTurn();
  expect(settled).toBe(false);
  ledger.settle();
  await settling;
  await ledger.whenSettled();
});

import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startSandbox } from "./sandbox.ts";

const sandbox = await startSandbox();
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const key = "sk-test-openai-0000000000001";

function listModels(apiKey: string): Promise<Response> {
  return fetch(`${sandbox.baseUrl("openai")}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } });
}

function chat(apiKey: string): Promise<Response> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] });
  return fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, { method: "POST", headers, body });
}

async function statuses(calls: number, call: () => Promise<Response>): Promise<number[]> {
  const all: number[] = [];
  for (let at = 0; at < calls; at += 1) {
    const response = await call();
    await response.arrayBuffer();
    all.push(response.status);
  }
  return all;
}

function control(path: string, body?: unknown): Promise<Response> {
  return fetch(`${sandbox.url}/_sandbox/${path}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
}

describe("scripts", () => {
  it("are met call by call, and the last fault stays", async () => {
    sandbox.script(key, { kind: "ok" }, { kind: "server_error" }, { kind: "revoked" });
    expect(await statuses(4, () => listModels(key))).toEqual([200, 500, 401, 401]);
    sandbox.script(key, { kind: "server_error", status: 503 });
    expect(await statuses(1, () => listModels(key))).toEqual([503]);
    sandbox.script(key);
    expect(await statuses(1, () => listModels(key))).toEqual([200]);
  });

  it("touch no other key", async () => {
    sandbox.script(key, { kind: "revoked" });
    expect(await statuses(1, () => listModels("sk-test-openai-0000000000002"))).toEqual([200]);
  });
});

describe("keys that carry their script", () => {
  it.each([
    { word: "-invalid-", lists: 401, chats: [401, 401] },
    { word: "-revoked-", lists: 401, chats: [401, 401] },
    { word: "-scoped-", lists: 403, chats: [200, 200] },
    { word: "-noquota-", lists: 200, chats: [429, 429] },
    { word: "-dies-", lists: 200, chats: [200, 401, 401] },
    { word: "-ratelimit-", lists: 200, chats: [429, 200, 200] },
    { word: "-500-", lists: 200, chats: [500, 500] },
    { word: "-503-", lists: 200, chats: [503, 503] },
    { word: "-echo-", lists: 200, chats: [401, 401] },
    { word: "-RateLimit-", lists: 200, chats: [429, 200] },
    { word: "-invalidated-", lists: 200, chats: [200] },
    { word: "-none-", lists: 200, chats: [200] },
  ])("$word: listing models answers $lists, chatting $chats", async ({ word, lists, chats }) => {
    const worded = `sk-test${word}000000000001`;
    expect(await statuses(2, () => listModels(worded))).toEqual([lists, lists]);
    expect(await statuses(chats.length, () => chat(worded))).toEqual(chats);
  });

  it.each(["cut", "reset"])("-%s- breaks the connection", async (word) => {
    await expect(chat(`sk-test-${word}-000000000001`).then((response) => response.text())).rejects.toThrow(/terminated|fetch failed/);
  });

  it("-hang- never answers, and -slow- answers in the end", async () => {
    const leaving = AbortSignal.timeout(50);
    const body = JSON.stringify({ model: "m", messages: [{ role: "user" }] });
    const post = { method: "POST", body, signal: leaving, headers: { authorization: "Bearer sk-test-hang-000000000001" } };
    await expect(fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, post)).rejects.toThrow("timeout");
    expect(await statuses(1, () => chat("sk-test-slow-000000000001"))).toEqual([200]);
  });

  it("a script written for such a key goes before its text", async () => {
    sandbox.script("sk-test-revoked-000000000001", { kind: "ok" });
    expect(await statuses(1, () => chat("sk-test-revoked-000000000001"))).toEqual([200]);
  });

  it("a key that the vendor could never have issued is refused", async () => {
    expect(await statuses(1, () => listModels("sk-short"))).toEqual([401]);
    expect(await statuses(1, () => listModels("sk-ant-api03-0000000000000001"))).toEqual([401]);
    expect(await statuses(1, () => listModels("sk-admin-000000000000000001"))).toEqual([401]);
  });
});

describe("other processes", () => {
  it("script a key, read the ledger, and start over", async () => {
    expect((await control("script", { key, faults: [{ kind: "revoked" }] })).status).toBe(200);
    expect(await statuses(1, () => chat(key))).toEqual([401]);
    expect((await control("script", { key, faults: [] })).status).toBe(200);
    expect(await statuses(1, () => chat(key))).toEqual([200]);
    const ledger: unknown = await (await control(`ledger?key=${key}&provider=openai`)).json();
    expect(ledger).toMatchObject({
      totals: { requests: 2, inputTokens: 1, outputTokens: 10 },
      entries: [{ status: 401, usage: null }, { status: 200, keyHint: "sk-…0001", usage: { inputTokens: 1, outputTokens: 10 } }],
    });
    expect((await control("reset", {})).status).toBe(200);
    expect(sandbox.ledger.calls()).toBe(0);
  });

  it("never read a key, wherever the request had it", async () => {
    const pair = `AC${"0".repeat(32)}:0123456789abcdef0123456789abcdef`;
    await fetch(`${sandbox.baseUrl("twilio")}/x/${pair}?t=${pair}`, { headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } });
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: `my key is ${key}` }] });
    await fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions?key=${key}`, {
      method: "POST", body, headers: { authorization: `Bearer ${key}`, "x-copy": key, cookie: `session=${key}` },
    });
    const ledger = await (await control("ledger")).text();
    expect(ledger).toContain("my key is sk-…0001");
    expect(ledger).not.toContain(key);
    expect(ledger).not.toContain("0123456789abcdef0123456789abcdef");
    expect(ledger).not.toContain(Buffer.from(pair).toString("base64"));
    expect(sandbox.ledger.entries({ provider: "openai" })[0]?.requestHeaders["authorization"]).toBe(`Bearer ${key}`);
  });

  it("get a service account that may sign in here", async () => {
    const file: unknown = await (await control("service-account", { name: "a-test-account", projectId: "other" })).json();
    expect(file).toMatchObject({ type: "service_account", client_email: "a-test-account@other.iam.gserviceaccount.com", token_uri: `${sandbox.url}/vertex/token` });
    expect((await control("service-account", {})).status).toBe(200);
  });

  it("are told what they did wrong", async () => {
    expect(await (await control("script", { key, faults: [{ kind: "gremlins" }] })).json()).toMatchObject({ error: expect.stringContaining("faults[0].kind") as unknown });
    expect((await control("script", { faults: [] })).status).toBe(400);
    expect((await control("nothing", {})).status).toBe(404);
  });
});

describe("the ledger", () => {
  it("filters by provider, key and path, and adds up", async () => {
    await statuses(2, () => chat(key));
    await statuses(1, () => listModels(key));
    await statuses(1, () => chat("sk-test-openai-0000000000002"));
    expect(sandbox.ledger.calls()).toBe(4);
    expect(sandbox.ledger.calls(key)).toBe(3);
    expect(sandbox.ledger.entries({ key, path: "/v1/models" })).toHaveLength(1);
    expect(sandbox.ledger.entries({ provider: "anthropic" })).toEqual([]);
    expect(sandbox.ledger.totals({ key })).toEqual({ requests: 3, inputTokens: 2, outputTokens: 20 });
  });

  it("hands out copies", async () => {
    await statuses(1, () => chat(key));
    const [entry] = sandbox.ledger.entries();
    Object.assign(entry ?? {}, { status: 999 });
    expect(sandbox.ledger.entries()[0]?.status).toBe(200);
  });

  it("keeps the first 64 KiB of a body", async () => {
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "a ".repeat(100_000) }] });
    const response = await fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, { method: "POST", body, headers: { authorization: `Bearer ${key}` } });
    expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 100_000 } });
    expect(sandbox.ledger.entries()[0]?.requestBody).toHaveLength(64 * 1024);
  });

  it("counts ids from one again after a reset", async () => {
    const first = (await listModels(key)).headers.get("x-request-id");
    expect((await listModels(key)).headers.get("x-request-id")).not.toBe(first);
    sandbox.reset();
    expect((await listModels(key)).headers.get("x-request-id")).toBe(first);
  });
});

describe("the server", () => {
  it("says at its root what it is, and knows no other vendors", async () => {
    const root = await fetch(sandbox.url);
    expect(root.status).toBe(200);
    expect(await root.text()).toContain("/openai, /anthropic, ");
    expect((await fetch(`${sandbox.url}/constructor/v1/models`)).status).toBe(404);
  });

  it("a call without a key is refused in the vendor's words", async () => {
    const response = await fetch(`${sandbox.baseUrl("openai")}/v1/models`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", code: null } });
    expect(sandbox.ledger.entries()[0]).toMatchObject({ key: "", keyHint: "…", status: 401 });
  });

  it("a body above 32 MB is refused and not kept", async () => {
    const response = await fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, {
      method: "POST", body: new Uint8Array(32 * 1024 * 1024 + 1), headers: { authorization: `Bearer ${key}` },
    });
    expect(response.status).toBe(413);
    expect(sandbox.ledger.entries()[0]?.requestBody).toBe("");
  }, 30_000);

  it("closing drops calls that hang, and forgets", async () => {
    const closing = await startSandbox();
    closing.script(key, { kind: "hang" });
    const call = fetch(`${closing.baseUrl("openai")}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    const refused = call.then(
      () => "answered",
      (error: unknown) => String(error),
    );
    while (closing.ledger.calls() === 0) await new Promise((resolve) => setImmediate(resolve));
    await closing.close();
    expect(await refused).toContain("fetch failed");
    expect(closing.ledger.entries()).toEqual([]);
  });

  it("a taken port is named", async () => {
    const port = Number(new URL(sandbox.url).port);
    await expect(startSandbox({ port })).rejects.toThrow(`The sandbox cannot listen on 127.0.0.1:${port}, which is taken.`);
  });
});

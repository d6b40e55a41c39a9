// Deepgram's own SDK against the sandbox: recordings, voices, keys, live listening, the Voice Agent, and what each fault becomes.
import { DeepgramClient, DeepgramError } from "@deepgram/sdk";
import { WebSocket } from "ws";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../dialect.ts";
import type { Fault } from "../fault.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { talk } from "../talk.fixture.ts";

let now = new Date("2026-11-24T10:00:00Z");
const sandbox = await startSandbox({ now: () => now });
afterAll(() => sandbox.close());
beforeEach(() => {
  sandbox.reset();
  now = new Date("2026-11-24T10:00:00Z");
});

const key = "0123456789abcdef0123456789abcdef01234567";
const otherKey = "1123456789abcdef0123456789abcdef01234567";
const base = sandbox.baseUrl("deepgram");
const socketBase = base.replace("http", "ws");

function client(credential: { apiKey: string } | { accessToken: string } = { apiKey: key }): DeepgramClient {
  const environment = { base, production: socketBase, agent: socketBase, agentRest: base };
  return new DeepgramClient({ ...credential, environment, maxRetries: 0, reconnect: false });
}

function transcribe(of = client(), seconds = 2) {
  return of.listen.v1.media.transcribeFile(Buffer.alloc(seconds * 16_000), { model: "nova-3", tag: "byok:key_1" });
}

async function projectId(of = client()): Promise<string> {
  return (await of.manage.v1.projects.list()).projects?.[0]?.project_id ?? "";
}

function raw(
  path: string,
  headers: Record<string, string> = { authorization: `Token ${key}` },
  init: RequestInit = {},
): Promise<Response> {
  return fetch(`${base}${path}`, { ...init, headers });
}

const entry = () => sandbox.ledger.entries().at(-1);

describe("recordings", () => {
  it("are transcribed, and the metadata tells how long they are", async () => {
    const answer = await transcribe();
    expect(answer).toMatchObject({
      metadata: { duration: 2, channels: 1 },
      results: { channels: [{ alternatives: [{ transcript: "yeah as much as it is worth celebrating" }] }] },
    });
    expect(entry()).toMatchObject({
      provider: "deepgram",
      key,
      model: "nova-3",
      path: "/v1/listen",
      query: "?tag=byok%3Akey_1&model=nova-3",
      usage: { audioSeconds: 2, inputTokens: 0 },
    });
  });

  it("by address last ten seconds, on two channels where they are asked for; with a callback there is nothing to count yet", async () => {
    const answer = await client().listen.v1.media.transcribeUrl({ url: "https://example.com/a.wav", multichannel: true });
    expect(answer).toMatchObject({ metadata: { duration: 10, channels: 2 }, results: { channels: [{}, {}] } });
    expect(
      await client().listen.v1.media.transcribeUrl({ url: "https://example.com/a.wav", callback: "https://example.com/cb" }),
    ).toEqual({ request_id: expect.any(String) as unknown });
    expect(entry()?.usage).toBeNull();
  });

  it("that are none are refused in the older and the newer shape", async () => {
    expect(await (await raw("/v1/listen", undefined, { method: "POST" })).json()).toMatchObject({
      err_code: "Bad Request",
      request_id: entry()?.vendorRequestId,
    });
    const headers = { authorization: `Token ${key}`, "content-type": "application/json" };
    expect(await (await raw("/v1/listen", headers, { method: "POST", body: "{}" })).json()).toMatchObject({
      category: "INVALID_JSON",
      message: "Invalid JSON submitted.",
    });
  });
});

describe("voices", () => {
  it("speak, and tell the characters before any sound", async () => {
    const answer = await client()
      .speak.v1.audio.generate({ text: "Grüße from the sandbox 🌍", model: "aura-2-thalia-en" })
      .withRawResponse();
    expect(Object.fromEntries(answer.rawResponse.headers)).toMatchObject({
      "dg-char-count": "24",
      "dg-model-name": "aura-2-thalia-en",
      "content-type": "audio/mpeg",
    });
    expect((await answer.data.arrayBuffer()).byteLength).toBe(24 * 64);
    await sandbox.ledger.whenSettled();
    expect(entry()).toMatchObject({ model: "aura-2-thalia-en", finished: true, usage: { characters: 24 } });
  });

  it("are counted when the sound breaks off, and say no more than 2000 characters", async () => {
    sandbox.script(key, { kind: "cut_stream", afterEvents: 0 }, { kind: "ok" });
    const headers = { authorization: `Token ${key}`, "content-type": "application/json" };
    await raw("/v1/speak", headers, { method: "POST", body: '{"text":"Hello"}' })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
    expect(entry()).toMatchObject({ finished: false, usage: { characters: 5 } });
    expect((await raw("/v1/speak", headers, { method: "POST", body: JSON.stringify({ text: "x".repeat(2001) }) })).status).toBe(
      413,
    );
  });
});

describe("projects", () => {
  it("have a balance, which is empty where the script says so", async () => {
    const id = await projectId();
    expect(await client().manage.v1.projects.billing.balances.list(id)).toMatchObject({
      balances: [{ amount: 187.42, units: "USD" }],
    });
    sandbox.script(key, { kind: "no_quota" });
    expect(await client().manage.v1.projects.billing.balances.list(id)).toMatchObject({ balances: [{ amount: 0 }] });
  });

  it("make keys that work in the same project until they are deleted", async () => {
    const id = await projectId();
    const made = await client().manage.v1.projects.keys.create(id, {
      comment: "rotation",
      scopes: ["usage:write"],
      tags: ["byok"],
    });
    const successor = client({ apiKey: made.key ?? "" });
    expect(await projectId(successor)).toBe(id);
    expect((await client().manage.v1.projects.keys.list(id)).api_keys).toHaveLength(2);
    await successor.manage.v1.projects.keys.delete(
      id,
      (await client().manage.v1.projects.keys.list(id)).api_keys?.[0]?.api_key?.api_key_id ?? "",
    );
    expect(await refusalOf(transcribe())).toMatchObject({ statusCode: 401, body: { err_code: "INVALID_AUTH" } });
    expect(await transcribe(successor)).toMatchObject({ metadata: { duration: 2 } });
  });

  it("of others are not there, and what is no id is refused in plain text", async () => {
    const id = await projectId();
    expect(await refusalOf(client({ apiKey: otherKey }).manage.v1.projects.get(id))).toMatchObject({
      statusCode: 404,
      body: { err_code: "PROJECT_NOT_FOUND" },
    });
    const response = await raw("/v1/projects/my-project/balances");
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      404,
      "text/plain",
      expect.stringContaining("UUID parsing failed: invalid character") as unknown,
    ]);
  });

  it("tell afterwards what a key and a tag used", async () => {
    const id = await projectId();
    await transcribe(client(), 36);
    await client().speak.v1.audio.generate({ text: "Hello" });
    const usage = client().manage.v1.projects.usage.breakdown;
    expect(await usage.get(id, {})).toMatchObject({ results: [{ total_hours: 0.01, tts_characters: 5, requests: 2 }] });
    expect(await usage.get(id, { tag: "byok:key_1" })).toMatchObject({
      results: [{ total_hours: 0.01, tts_characters: 0, requests: 1 }],
    });
    expect(await usage.get(id, { accessor: "00000000-0000-4000-8000-000000000000" })).toMatchObject({ results: [] });
    expect(await client().manage.v1.projects.billing.breakdown.list(id)).toMatchObject({ results: [{ dollars: 0.002742 }] });
  });

  it("models are for everybody", async () => {
    expect((await raw("/v1/models", {})).status).toBe(200);
    expect((await client().manage.v1.models.list()).tts?.map((voice) => voice.canonical_name)).toContain("aura-asteria-en");
  });
});

describe("temporary tokens", () => {
  it("open the voice APIs for a while on behalf of their key, and manage nothing", async () => {
    const { access_token: token, expires_in: lasting } = await client().auth.v1.tokens.grant({ ttl_seconds: 60 });
    expect(token.split(".")).toHaveLength(3);
    expect(lasting).toBe(60);
    await transcribe(client({ accessToken: token }));
    expect(entry()).toMatchObject({ key, presented: token, status: 200 });
    expect(await refusalOf(client({ accessToken: token }).manage.v1.projects.list())).toMatchObject({
      statusCode: 401,
      body: { err_code: "INSUFFICIENT_PERMISSIONS" },
    });
    now = new Date("2026-11-24T10:01:01Z");
    expect(await refusalOf(transcribe(client({ accessToken: token })))).toMatchObject({
      statusCode: 401,
      body: { err_code: "INVALID_AUTH" },
    });
  });
});

describe("faults", () => {
  const rows: { fault: Fault; statusCode: number; code: string }[] = [
    { fault: { kind: "invalid" }, statusCode: 401, code: "INVALID_AUTH" },
    { fault: { kind: "no_quota" }, statusCode: 402, code: "ASR_PAYMENT_REQUIRED" },
    { fault: { kind: "rate_limited" }, statusCode: 429, code: "TOO_MANY_REQUESTS" },
    { fault: { kind: "server_error", status: 503 }, statusCode: 503, code: "SERVICE_UNAVAILABLE" },
    { fault: { kind: "echo_key" }, statusCode: 401, code: "INVALID_AUTH" },
  ];
  it.each(rows)("$fault.kind is $statusCode $code", async ({ fault, statusCode, code }) => {
    sandbox.script(key, fault);
    const refused = await refusalOf(transcribe());
    expect(refused).toBeInstanceOf(DeepgramError);
    expect(refused).toMatchObject({ statusCode, body: { err_code: code } });
  });

  it("a key with few rights may not manage, and transcribes; a missing and a malformed one are unknown", async () => {
    sandbox.script(key, { kind: "scoped" });
    expect(await refusalOf(client().manage.v1.projects.list())).toMatchObject({
      statusCode: 401,
      body: { err_code: "INSUFFICIENT_PERMISSIONS" },
    });
    expect((await raw("/v1/auth/token")).status).toBe(200);
    expect(await transcribe()).toMatchObject({ metadata: { duration: 2 } });
    expect((await raw("/v1/projects", {})).status).toBe(401);
    expect((await raw("/v1/projects", { authorization: "Token short" })).status).toBe(401);
    expect((await raw("/v1/projects", { authorization: `Bearer ${key}` })).status).toBe(401);
  });
});

const byKey = { headers: { authorization: `Token ${key}` } };

function closeStream(socket: WebSocket): void {
  socket.send('{"type":"CloseStream"}');
}

function sendAudio(socket: WebSocket, heard: JsonObject): void {
  if (heard["type"] === "open") socket.send(Buffer.alloc(160_000));
}

describe("live listening", () => {
  it("hears with the SDK, a word a second, and tells at the end how long it was", async () => {
    const socket = await client().listen.v1.connect({
      model: "nova-3",
      encoding: "linear16",
      sample_rate: 8000,
      Authorization: `Token ${key}`,
    });
    const messages: { type: string; duration?: number }[] = [];
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("message", (message) => messages.push(message));
    socket.connect();
    await socket.waitForOpen();
    socket.sendMedia(Buffer.alloc(2 * 16_000 + 4000));
    socket.sendKeepAlive({ type: "KeepAlive" });
    socket.sendCloseStream({ type: "CloseStream" });
    await closed;
    expect(messages).toMatchObject([
      { type: "Results", start: 0, duration: 1 },
      { type: "Results", start: 1, duration: 1 },
      { type: "Results", start: 2, duration: 0.25 },
      { type: "Metadata", duration: 2.25, channels: 1 },
    ]);
    await sandbox.ledger.whenSettled();
    expect(entry()).toMatchObject({
      status: 101,
      key,
      model: "nova-3",
      finished: true,
      usage: { audioSeconds: 2.25 },
      turns: [{ kind: "stream" }],
    });
    expect(entry()?.requestBody).toBe('{"type":"KeepAlive"}\n{"type":"CloseStream"}\n');
  });

  it("takes its key as a subprotocol, and a temporary token, too", async () => {
    expect(await talk(`${socketBase}/v1/listen`, { protocols: ["token", key] }, closeStream)).toMatchObject({
      protocol: "token",
      code: 1000,
      texts: [{ type: "Metadata", duration: 0 }],
    });
    expect(entry()).toMatchObject({ key, presented: "" });
    const { access_token: token } = await client().auth.v1.tokens.grant();
    expect(await talk(`${socketBase}/v1/listen`, { protocols: ["bearer", token] }, closeStream)).toMatchObject({
      protocol: "bearer",
      code: 1000,
    });
    expect(entry()).toMatchObject({ key, presented: token });
    const ledger = await (await fetch(`${sandbox.url}/_sandbox/ledger`)).text();
    expect([ledger.includes(key), ledger.includes(token)]).toEqual([false, false]);
  });

  it("a listener that only drops the line has been told nothing, and is noted as gone", async () => {
    await talk(`${socketBase}/v1/listen`, byKey, (socket, heard) => {
      if (heard["type"] === "open") socket.send(Buffer.alloc(16_000));
      else socket.terminate();
    });
    await sandbox.ledger.whenSettled();
    expect(entry()).toMatchObject({ aborted: true, finished: false, usage: null });
  });

  it.each([
    { fault: { kind: "revoked" }, status: 401, code: "INVALID_AUTH" },
    { fault: { kind: "no_quota" }, status: 402, code: "ASR_PAYMENT_REQUIRED" },
    { fault: { kind: "rate_limited" }, status: 429, code: "TOO_MANY_REQUESTS" },
  ] as const)("$fault.kind refuses the handshake with $status, and the body in a header", async ({ fault, status, code }) => {
    sandbox.script(key, fault);
    const refused = await refusalOf(talk(`${socketBase}/v1/listen`, byKey, () => undefined));
    expect(refused).toMatchObject({
      message: `refused ${status}`,
      headers: {
        "dg-error": expect.stringContaining(code) as unknown,
        "dg-request-id": entry()?.vendorRequestId,
        "content-length": "0",
      },
    });
    expect(entry()).toMatchObject({ status, finished: true, usage: null });
  });

  it("breaks off, fails inside, or never answers, as scripted", async () => {
    sandbox.script(key, { kind: "cut_stream", afterEvents: 2 });
    expect(await talk(`${socketBase}/v1/listen`, byKey, sendAudio)).toMatchObject({
      code: 1006,
      texts: [{ type: "Results" }, { type: "Results" }],
    });
    sandbox.script(key, { kind: "stream_error", afterEvents: 1 });
    expect(await talk(`${socketBase}/v1/listen`, byKey, sendAudio)).toMatchObject({
      code: 1011,
      texts: [{ type: "Results" }, { type: "Error" }],
    });
    sandbox.script(key, { kind: "reset" });
    expect(await refusalOf(talk(`${socketBase}/v1/listen`, byKey, sendAudio))).toMatchObject({ code: "ECONNRESET" });
    await using closing = await startSandbox();
    closing.script(key, { kind: "hang" });
    const hanging = new WebSocket(`${closing.baseUrl("deepgram").replace("http", "ws")}/v1/listen`, byKey);
    const failed = new Promise((resolve) => hanging.on("error", resolve));
    while (closing.ledger.calls() === 0) await new Promise((resolve) => setImmediate(resolve));
    await closing.close();
    expect(String(await failed)).toContain("socket hang up");
  });
});

describe("the Voice Agent", () => {
  const settings = JSON.stringify({
    type: "Settings",
    audio: { input: { encoding: "linear16", sample_rate: 16_000 } },
    agent: { think: { provider: { type: "open_ai", model: "gpt-4o-mini" } }, greeting: "Hello there" },
  });

  it("greets, hears, answers by voice, and tells no usage: the connection's length is what counts", async () => {
    const told = await talk(`${socketBase}/v1/agent/converse`, byKey, (socket, heard) => {
      if (heard["type"] === "Welcome") socket.send(settings);
      if (heard["type"] === "SettingsApplied") socket.send(Buffer.alloc(3 * 32_000));
      if (heard["content"] === "Hello there") socket.send('{"type":"InjectUserMessage","content":"words: 2"}');
      if (heard["content"] === "word1 word2") socket.send('{"type":"UpdatePrompt","prompt":"Be brief."}');
      if (heard["type"] !== "PromptUpdated") return;
      now = new Date("2026-11-24T10:01:30Z");
      socket.close(1000);
    });
    expect(told.texts.filter((text) => text["type"] === "ConversationText").map((text) => text["content"])).toEqual([
      "Hello there",
      "yeah as much as it is worth celebrating",
      expect.stringContaining("This is gpt-4o-mini in the byok sandbox.") as unknown,
      "words: 2",
      "word1 word2",
    ]);
    expect(told.texts.map((text) => text["type"])).toContain("UserStartedSpeaking");
    expect(told.sounds).toBeGreaterThan(4);
    await sandbox.ledger.whenSettled();
    const { at, endedAt, usage, model } = entry() ?? {};
    expect([Number(endedAt) - Number(at), usage, model]).toEqual([90_000, null, "gpt-4o-mini"]);
    const id = await projectId();
    expect(await client().manage.v1.projects.usage.breakdown.get(id, {})).toMatchObject({ results: [{ agent_hours: 0.025 }] });
  });

  it("says what is wrong in the conversation, and fails to think when it is scripted so", async () => {
    const told = await talk(`${socketBase}/v1/agent/converse`, byKey, (socket, heard) => {
      if (heard["type"] === "Welcome") socket.send("hello");
      if (heard["code"] === "UNPARSABLE_CLIENT_MESSAGE") socket.send('{"type":"InjectUserMessage","content":"x"}');
      if (heard["code"] === "SETTINGS_REQUIRED") socket.close();
    });
    expect(told.texts).toHaveLength(3);
    sandbox.script(key, { kind: "stream_error", afterEvents: 1 });
    expect(await talk(`${socketBase}/v1/agent/converse`, byKey, () => undefined)).toMatchObject({
      texts: [{ type: "Welcome" }, { type: "Error", code: "FAILED_TO_THINK" }],
    });
  });
});

// The Realtime API against the sandbox: OpenAI's own client, keys in headers and subprotocols, what each turn tells, and faults.
import { connect } from "node:net";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import type { JsonObject } from "../dialect.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { talk } from "../talk.fixture.ts";

let now = new Date("2026-11-24T12:00:00Z");
const sandbox = await startSandbox({ now: () => now });
afterAll(() => sandbox.close());
beforeEach(() => {
  sandbox.reset();
  now = new Date("2026-11-24T12:00:00Z");
});

const key = "sk-test-openai-0000000000001";
const model = "gpt-realtime-2.1";
const address = `${sandbox.baseUrl("openai").replace("http", "ws")}/v1/realtime`;
const headers = { authorization: `Bearer ${key}` };

function send(socket: WebSocket, ...events: object[]): void {
  for (const event of events) socket.send(JSON.stringify(event));
}

function userSays(text: string): object {
  return { type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } };
}

/** Says all of it at the start, and closes after so many responses. */
function conversation(events: object[], responses = 1): (socket: WebSocket, heard: JsonObject) => void {
  let done = 0;
  return (socket, heard) => {
    if (heard["type"] === "session.created") send(socket, ...events);
    if (heard["type"] === "response.done") done += 1;
    if (done === responses) socket.close(1000);
  };
}

async function lastEntry() {
  await sandbox.ledger.whenSettled();
  return sandbox.ledger.entries().at(-1);
}

const textOnly = {
  type: "session.update",
  session: { type: "realtime", output_modalities: ["text"], instructions: "cache: one two" },
};

describe("a conversation", () => {
  it("with OpenAI's own client is answered in text, and its usage is told and kept", async () => {
    // The client speaks TLS only: its socket is given one that goes to the sandbox as it is.
    const options = { createConnection: () => connect(Number(new URL(sandbox.url).port), "127.0.0.1") };
    const client = new OpenAI({
      apiKey: key,
      baseURL: `${sandbox.baseUrl("openai").replace("http:", "https:")}/v1`,
      organization: null,
      project: null,
    });
    const realtime = new OpenAIRealtimeWS({ model, options }, client);
    const response = await new Promise((resolve, reject) => {
      realtime.on("session.created", () => {
        realtime.send({ type: "session.update", session: { type: "realtime", output_modalities: ["text"] } });
        realtime.send({
          type: "conversation.item.create",
          item: { type: "message", role: "user", content: [{ type: "input_text", text: "words: 3" }] },
        });
        realtime.send({ type: "response.create" });
      });
      realtime.on("response.done", (event) => resolve(event.response));
      realtime.on("error", reject);
    });
    realtime.close();
    expect(response).toMatchObject({
      status: "completed",
      output: [{ content: [{ type: "output_text", text: "word1 word2 word3" }] }],
      usage: { input_tokens: 2, output_tokens: 3, total_tokens: 5 },
    });
    expect(await lastEntry()).toMatchObject({
      provider: "openai",
      key,
      model,
      path: "/v1/realtime",
      status: 101,
      finished: true,
      usage: { inputTokens: 2, outputTokens: 3 },
    });
  });

  it("has one response at a time", async () => {
    const { texts } = await talk(
      `${address}?model=${model}`,
      { headers },
      conversation([textOnly, userSays("words: 9"), { type: "response.create" }, { type: "response.create" }]),
    );
    expect(texts.find((text) => text["type"] === "error")).toMatchObject({
      error: { code: "conversation_already_has_active_response" },
    });
    expect(texts.at(-1)).toMatchObject({ type: "response.done", response: { status: "completed" } });
  });

  it("counts everything anew in each response, and the ledger has every turn", async () => {
    const { texts } = await talk(`${address}?model=${model}`, { headers }, (socket, heard) => {
      if (heard["type"] === "session.created") send(socket, textOnly, userSays("words: 2"), { type: "response.create" });
      if (heard["type"] !== "response.done") return;
      if (JSON.stringify(heard).includes("word3")) socket.close(1000);
      else send(socket, userSays("words: 3"), { type: "response.create" });
    });
    const usages = texts.filter((text) => text["type"] === "response.done").map((text) => text["response"]);
    expect(usages).toMatchObject([
      {
        usage: { input_tokens: 5, output_tokens: 2, input_token_details: { text_tokens: 5, audio_tokens: 0, cached_tokens: 3 } },
      },
      { usage: { input_tokens: 9, output_tokens: 3 } },
    ]);
    const entry = await lastEntry();
    expect(entry?.turns.map(({ kind, usage }) => [kind, usage.inputTokens, usage.outputTokens, usage.cachedInputTokens])).toEqual(
      [
        ["response", 5, 2, 3],
        ["response", 9, 3, 3],
      ],
    );
    expect(entry?.usage).toMatchObject({ inputTokens: 14, outputTokens: 5, cachedInputTokens: 6 });
  });

  it("by voice counts audio, and bills what it transcribes beside", async () => {
    const session = { type: "realtime", audio: { input: { transcription: { model: "gpt-4o-mini-transcribe" } } } };
    const audio = Buffer.alloc(2 * 48_000).toString("base64");
    const { texts } = await talk(
      `${address}?model=${model}`,
      { headers },
      conversation([
        { type: "session.update", session },
        { type: "input_audio_buffer.append", audio },
        { type: "input_audio_buffer.commit" },
        { type: "response.create" },
      ]),
    );
    expect(texts.find((text) => text["type"] === "conversation.item.input_audio_transcription.completed")).toMatchObject({
      transcript: "Hello there from the byok sandbox.",
      usage: { type: "tokens", input_tokens: 20, input_token_details: { audio_tokens: 20 }, output_tokens: 6 },
    });
    expect(texts.at(-1)).toMatchObject({
      response: {
        usage: {
          input_tokens: 20,
          output_tokens: 35,
          input_token_details: { audio_tokens: 20 },
          output_token_details: { text_tokens: 7, audio_tokens: 28 },
        },
      },
    });
    const entry = await lastEntry();
    expect(entry?.turns).toMatchObject([
      {
        kind: "transcription",
        model: "gpt-4o-mini-transcribe",
        usage: { inputTokens: 20, outputTokens: 6, audioInputTokens: 20 },
      },
      { kind: "response", usage: { inputTokens: 20, outputTokens: 35, audioInputTokens: 20, audioOutputTokens: 28 } },
    ]);
  });

  it("that only transcribes is billed by duration where the model is", async () => {
    const session = { type: "transcription", audio: { input: { transcription: { model: "whisper-1" } } } };
    const { texts } = await talk(`${address}?intent=transcription`, { headers }, (socket, heard) => {
      if (heard["type"] === "session.created")
        send(
          socket,
          { type: "session.update", session },
          { type: "input_audio_buffer.append", audio: Buffer.alloc(48_000).toString("base64") },
          { type: "input_audio_buffer.commit" },
        );
      if (heard["type"] === "conversation.item.input_audio_transcription.completed") socket.close();
    });
    expect(texts.at(-1)).toMatchObject({ usage: { type: "duration", seconds: 1 } });
    expect((await lastEntry())?.usage).toMatchObject({ audioSeconds: 1, inputTokens: 0 });
  });

  it("is counted as far as it was told when a response is cancelled", async () => {
    sandbox.script(key, { kind: "slow", betweenChunksMs: 5 });
    const { texts } = await talk(`${address}?model=${model}`, { headers }, (socket, heard) => {
      if (heard["type"] === "session.created") send(socket, textOnly, userSays("words: 1000"), { type: "response.create" });
      if (heard["delta"] === " word3") send(socket, { type: "response.cancel" });
      if (heard["type"] === "response.done") socket.close();
    });
    expect(texts.at(-1)).toMatchObject({ response: { status: "cancelled", status_details: { reason: "client_cancelled" } } });
    const { outputTokens = 0 } = (await lastEntry())?.usage ?? {};
    expect(outputTokens).toBeGreaterThanOrEqual(3);
    expect(outputTokens).toBeLessThan(100);
    expect(texts.at(-1)).toMatchObject({ response: { usage: { output_tokens: outputTokens } } });
  });

  it("goes on after what it cannot do", async () => {
    const { texts } = await talk(`${address}?model=${model}`, { headers }, (socket, heard) => {
      if (heard["type"] === "session.created")
        send(socket, { type: "input_audio_buffer.commit", event_id: "mine" }, { type: "response.cancel" }, { type: "nonsense" });
      if (JSON.stringify(heard).includes("nonsense")) socket.close();
    });
    expect(texts.slice(1)).toMatchObject([
      { type: "error", error: { code: "input_audio_buffer_commit_empty", event_id: "mine" } },
      { error: { code: "response_cancel_not_active" } },
      { error: { code: "invalid_value" } },
    ]);
  });
});

describe("keys", () => {
  it("come as a subprotocol from browsers, and so does a client secret, which opens nothing else", async () => {
    expect(
      await talk(`${address}?model=${model}`, { protocols: ["realtime", `openai-insecure-api-key.${key}`] }, conversation([], 0)),
    ).toMatchObject({ protocol: "realtime", code: 1000 });
    expect(sandbox.ledger.entries().at(-1)).toMatchObject({ key, presented: "" });
    const client = new OpenAI({
      apiKey: key,
      baseURL: `${sandbox.baseUrl("openai")}/v1`,
      organization: null,
      project: null,
      maxRetries: 0,
    });
    const secret = await client.realtime.clientSecrets.create({
      expires_after: { anchor: "created_at", seconds: 60 },
      session: { type: "realtime", model },
    });
    expect(secret).toMatchObject({
      value: expect.stringMatching(/^ek_/) as unknown,
      expires_at: now.getTime() / 1000 + 60,
      session: { model },
    });
    expect(
      await talk(address, { protocols: ["realtime", `openai-insecure-api-key.${secret.value}`] }, conversation([], 0)),
    ).toMatchObject({ protocol: "realtime", code: 1000 });
    expect(sandbox.ledger.entries().at(-1)).toMatchObject({ key, presented: secret.value, model });
    const browser = new OpenAI({
      apiKey: secret.value,
      baseURL: `${sandbox.baseUrl("openai")}/v1`,
      organization: null,
      project: null,
      maxRetries: 0,
    });
    expect(await refusalOf(browser.models.list())).toMatchObject({ status: 401 });
    now = new Date("2026-11-24T12:01:01Z");
    expect(
      await refusalOf(talk(address, { headers: { authorization: `Bearer ${secret.value}` } }, conversation([], 0))),
    ).toMatchObject({ message: "refused 401" });
    const ledger = await (await fetch(`${sandbox.url}/_sandbox/ledger`)).text();
    expect([ledger.includes(key), ledger.includes(secret.value)]).toEqual([false, false]);
  });

  it("that are bad are refused at the handshake, or inside when it is scripted so", async () => {
    expect(await refusalOf(talk(`${address}?model=${model}`, {}, conversation([], 0)))).toMatchObject({ message: "refused 401" });
    expect(
      await refusalOf(talk(`${address}?model=${model}`, { headers: { authorization: "Bearer sk-short" } }, conversation([], 0))),
    ).toMatchObject({ message: "refused 401" });
    sandbox.script(key, { kind: "revoked" });
    const refused = await refusalOf(talk(`${address}?model=${model}`, { headers }, conversation([], 0)));
    expect(refused).toMatchObject({ message: "refused 401", body: expect.stringContaining("invalid_api_key") as unknown });
    expect(await lastEntry()).toMatchObject({ status: 401, finished: true });
    sandbox.script(key, { kind: "revoked", afterHandshake: true });
    expect(await talk(`${address}?model=${model}`, { headers }, conversation([], 0))).toMatchObject({
      code: 3000,
      reason: "invalid_request_error.invalid_api_key",
      texts: [{ type: "error", error: { code: "invalid_api_key" } }],
    });
  });
});

function ask(): ReturnType<typeof conversation> {
  return conversation([textOnly, userSays("words: 5"), { type: "response.create" }]);
}

describe("faults", () => {
  it("an account without money opens, and its responses fail", async () => {
    sandbox.script(key, { kind: "no_quota" });
    const { texts } = await talk(`${address}?model=${model}`, { headers }, ask());
    expect(texts.at(-1)).toMatchObject({
      response: { status: "failed", status_details: { error: { type: "insufficient_quota" } }, usage: null },
    });
    expect(await lastEntry()).toMatchObject({ status: 101, usage: null });
  });

  it.each([
    { fault: { kind: "rate_limited" }, status: 429 },
    { fault: { kind: "server_error", status: 503 }, status: 503 },
    { fault: { kind: "redirect", location: "https://elsewhere.example/" }, status: 307 },
    { fault: { kind: "answer", status: 403, body: '{"error":{}}' }, status: 403 },
  ] as const)("$fault.kind refuses the handshake with $status", async ({ fault, status }) => {
    sandbox.script(key, fault);
    expect(await refusalOf(talk(`${address}?model=${model}`, { headers }, ask()))).toMatchObject({
      message: `refused ${status}`,
    });
  });

  it("a model that is not there, and none at all", async () => {
    expect(await talk(`${address}?model=gpt-does-not-exist`, { headers }, ask())).toMatchObject({
      code: 3000,
      texts: [{ error: { code: "model_not_found" } }],
    });
    expect(await refusalOf(talk(address, { headers }, ask()))).toMatchObject({ message: "refused 400" });
    expect(
      await refusalOf(talk(`${sandbox.baseUrl("openai").replace("http", "ws")}/v1/elsewhere`, { headers }, ask())),
    ).toMatchObject({ message: "refused 404" });
    expect(await refusalOf(talk(`${sandbox.url.replace("http", "ws")}/nobody/v1`, { headers }, ask()))).toMatchObject({
      message: "refused 404",
    });
  });

  it("breaks off or fails inside after so many events", async () => {
    sandbox.script(key, { kind: "cut_stream", afterEvents: 3 });
    const cut = await talk(`${address}?model=${model}`, { headers }, ask());
    expect([cut.code, cut.texts.length]).toEqual([1006, 3]);
    expect(await lastEntry()).toMatchObject({ finished: false, aborted: false, usage: null });
    sandbox.script(key, { kind: "stream_error", afterEvents: 1 });
    expect(await talk(`${address}?model=${model}`, { headers }, ask())).toMatchObject({
      code: 1011,
      texts: [{ type: "session.created" }, { type: "error", error: { type: "server_error" } }],
    });
  });

  it("a handshake that is none is refused and noted", async () => {
    const response = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
      let text = "";
      socket.on("data", (data) => {
        text += data.toString("utf8");
      });
      socket.on("close", () => resolve(text));
      socket.write(
        `GET /openai/v1/realtime?model=${model} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nauthorization: Bearer ${key}\r\n\r\n`,
      );
    });
    expect(response).toMatch(/^HTTP\/1\.1 400/);
    expect(await lastEntry()).toMatchObject({ status: 400, finished: true, aborted: false });
  });

  it("another protocol to upgrade to is not looked at", async () => {
    const response = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
      socket.once("data", (data) => {
        socket.destroy();
        resolve(data.toString("utf8"));
      });
      socket.write(
        `GET /openai/v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\nauthorization: Bearer ${key}\r\n\r\n`,
      );
    });
    expect(response).toMatch(/^HTTP\/1\.1 200/);
  });

  it("a client that closes while it is made to wait has closed, and not left", async () => {
    sandbox.script(key, { kind: "slow", betweenChunksMs: 10_000 });
    const told = await talk(`${address}?model=${model}`, { headers }, (socket, heard) => {
      if (heard["type"] !== "session.created") return;
      send(socket, textOnly);
      setImmediate(() => socket.close(1000));
    });
    expect(told.code).toBe(1000);
    expect(await lastEntry()).toMatchObject({ finished: true, aborted: false });
  });
});

// Anthropic's own SDK against the sandbox: what it accepts, and which of its errors each fault becomes.
import Anthropic, {
  APIConnectionError, APIError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, PermissionDeniedError, RateLimitError, toFile,
} from "@anthropic-ai/sdk";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../fault.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { allOf } from "../stream.fixture.ts";

const sandbox = await startSandbox({ now: () => new Date("2026-11-24T12:00:00Z") });
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const key = "sk-ant-api03-test-0000000000001";
const model = "claude-opus-5-5";
const messages = [{ role: "user" as const, content: "How are you today?" }];
const said = "This is claude-opus-5-5 in the byok sandbox. You said: How are you today?";

function client(apiKey = key, maxRetries = 0): Anthropic {
  return new Anthropic({ apiKey, baseURL: sandbox.baseUrl("anthropic"), maxRetries });
}

function ask(apiKey = key, maxRetries = 0) {
  return client(apiKey, maxRetries).messages.create({ model, max_tokens: 100, messages });
}

function askForStream(words: number) {
  return client().messages.create({ model, max_tokens: 200_000, stream: true, messages: [{ role: "user", content: `words: ${words}` }] });
}

async function lastEntry() {
  await sandbox.ledger.whenSettled();
  return sandbox.ledger.entries().at(-1);
}

describe("messages", () => {
  it("a call is answered, and the ledger says what the SDK was told", async () => {
    const { data: answer, request_id: requestId, response } = await client().messages.create({ model, max_tokens: 100, messages }).withResponse();
    expect(answer.content).toEqual([{ type: "text", text: said }]);
    expect(answer).toMatchObject({ stop_reason: "end_turn", usage: { input_tokens: 4, output_tokens: 13 } });
    expect(response.headers.get("anthropic-ratelimit-input-tokens-reset")).toBe("2026-11-24T12:00:02Z");
    expect(await lastEntry()).toMatchObject({
      provider: "anthropic", key, path: "/v1/messages", model, status: 200, stream: false, finished: true, vendorRequestId: requestId,
      usage: { inputTokens: 4, outputTokens: 13, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    });
  });

  it("a stream tells its input at the start, and everything at the end", async () => {
    const types: string[] = [];
    const told: unknown[] = [];
    let text = "";
    for await (const event of await client().messages.create({ model, max_tokens: 100, messages, stream: true })) {
      types.push(event.type);
      if (event.type === "message_start") told.push(event.message.usage);
      if (event.type === "message_delta") told.push(event.usage);
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
    }
    expect(text).toBe(said);
    expect(types.filter((type) => type === "content_block_delta")).toHaveLength(13);
    expect(types.filter((type) => type !== "content_block_delta")).toEqual([
      "message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop",
    ]);
    expect(told).toMatchObject([{ input_tokens: 4, output_tokens: 1 }, { input_tokens: 4, output_tokens: 13 }]);
    expect(await lastEntry()).toMatchObject({ stream: true, finished: true, usage: { inputTokens: 4, outputTokens: 13 } });
  });

  it("the SDK's stream helper puts the same message together", async () => {
    const message = await client().messages.stream({ model, max_tokens: 100, messages }).finalMessage();
    expect(message.content).toEqual([{ type: "text", text: said }]);
    expect(message.usage).toMatchObject({ input_tokens: 4, output_tokens: 13 });
  });

  it("cached and written prompts are told beside the input and counted inside it; thinking is inside output", async () => {
    const request = {
      model, max_tokens: 2000, thinking: { type: "enabled" as const, budget_tokens: 1024 }, messages,
      system: [{ type: "text" as const, text: "cache: one two three" }, { type: "text" as const, text: "cache-write: one two" }],
    };
    const inclusive = { inputTokens: 11, outputTokens: 21, cachedInputTokens: 4, cacheWriteTokens: 3, reasoningTokens: 8 };
    const answer = await client().messages.create(request);
    expect(answer.content.map((block) => block.type)).toEqual(["thinking", "text"]);
    expect(answer.usage).toMatchObject({
      input_tokens: 4, cache_read_input_tokens: 4, cache_creation_input_tokens: 3, output_tokens: 21, output_tokens_details: { thinking_tokens: 8 },
    });
    expect((await lastEntry())?.usage).toEqual(inclusive);
    const streamed = await client().messages.stream(request).finalMessage();
    expect(streamed.content).toEqual(answer.content);
    expect((await lastEntry())?.usage).toEqual(inclusive);
  });

  it("max_tokens bounds the answer", async () => {
    const answer = await client().messages.create({ model, max_tokens: 2, messages });
    expect(answer).toMatchObject({ content: [{ text: "This is" }], stop_reason: "max_tokens", usage: { output_tokens: 2 } });
  });

  it("tokens are counted as messages count them, and counting is no usage", async () => {
    const counted = await client().messages.countTokens({ model, messages, system: "Be brief." });
    expect(counted.input_tokens).toBe(6);
    expect(await lastEntry()).toMatchObject({ path: "/v1/messages/count_tokens", usage: null });
  });

  it("the key is taken as x-api-key too", async () => {
    const headers = { "x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json" };
    const body = JSON.stringify({ model, max_tokens: 5, messages, temperature: 0.5 });
    const response = await fetch(`${sandbox.baseUrl("anthropic")}/v1/messages`, { method: "POST", headers, body });
    expect(response.status).toBe(200);
    expect(await lastEntry()).toMatchObject({ key, status: 200 });
  });

  it("what the newest version dropped, an unknown model, no messages and a missing version are refused in Anthropic's words", async () => {
    expect(await refusalOf(client().post("/v1/messages", { body: { model, max_tokens: 5, messages, temperature: 0.5 } }))).toMatchObject({
      status: 400, type: "invalid_request_error", message: expect.stringContaining("temperature: Extra inputs are not permitted") as unknown,
    });
    expect(await refusalOf(client().messages.create({ model: "claude-does-not-exist", max_tokens: 5, messages }))).toBeInstanceOf(NotFoundError);
    expect(await refusalOf(client().messages.create({ model, max_tokens: 5, messages: [] }))).toBeInstanceOf(BadRequestError);
    const response = await fetch(`${sandbox.baseUrl("anthropic")}/v1/messages`, { method: "POST", headers: { "x-api-key": key }, body: "{}" });
    expect(await response.json()).toMatchObject({ error: { message: "anthropic-version: header is required" } });
  });
});

describe("models", () => {
  it("are listed page by page, and read by name", async () => {
    const first = await client().models.list({ limit: 1 });
    expect(first).toMatchObject({ data: [{ id: "claude-opus-5-5" }], has_more: true, last_id: "claude-opus-5-5" });
    const all: string[] = [];
    for await (const each of client().models.list({ limit: 1 })) all.push(each.id);
    expect(all).toEqual(["claude-opus-5-5", "claude-sonnet-5", "claude-haiku-5"]);
    expect(await client().models.retrieve("claude-haiku-5")).toMatchObject({ display_name: "Claude Haiku 5" });
    expect(await refusalOf(client().models.retrieve("claude-9"))).toBeInstanceOf(NotFoundError);
  });
});

describe("faults", () => {
  const rows: { fault: Fault; error: abstract new (...args: never) => unknown; status: number; type: string }[] = [
    { fault: { kind: "invalid" }, error: AuthenticationError, status: 401, type: "authentication_error" },
    { fault: { kind: "revoked" }, error: AuthenticationError, status: 401, type: "authentication_error" },
    { fault: { kind: "echo_key" }, error: AuthenticationError, status: 401, type: "authentication_error" },
    { fault: { kind: "no_quota" }, error: BadRequestError, status: 400, type: "invalid_request_error" },
    { fault: { kind: "rate_limited" }, error: RateLimitError, status: 429, type: "rate_limit_error" },
    { fault: { kind: "server_error" }, error: InternalServerError, status: 500, type: "api_error" },
    { fault: { kind: "server_error", status: 504 }, error: InternalServerError, status: 504, type: "timeout_error" },
    { fault: { kind: "server_error", status: 529 }, error: InternalServerError, status: 529, type: "overloaded_error" },
  ];
  it.each(rows)("$fault.kind reaches the SDK as $status $type", async ({ fault, error, status, type }) => {
    sandbox.script(key, fault);
    const refusal = await refusalOf(ask());
    expect(refusal).toBeInstanceOf(error);
    expect(refusal).toMatchObject({ status, type, requestID: "req_sandbox00000000000000001" });
  });

  it("a refused key is named by the header that brought it", async () => {
    sandbox.script(key, { kind: "invalid" });
    expect(await refusalOf(ask())).toHaveProperty("message", expect.stringContaining("Invalid bearer token"));
    const response = await fetch(`${sandbox.baseUrl("anthropic")}/v1/models`, { headers: { "x-api-key": key } });
    expect(await response.json()).toMatchObject({ type: "error", error: { message: "invalid x-api-key" }, request_id: "req_sandbox00000000000000002" });
  });

  it("an account without credit says so when tokens are counted, too, and still lists its models", async () => {
    sandbox.script(key, { kind: "no_quota" });
    const refusal = await refusalOf(client().messages.countTokens({ model, messages }));
    expect(refusal).toHaveProperty("message", expect.stringContaining("Your credit balance is too low"));
    expect((await client().models.list()).data).not.toHaveLength(0);
  });

  it("a scoped key may not list models and may call them", async () => {
    sandbox.script(key, { kind: "scoped" });
    expect(await refusalOf(client().models.list())).toBeInstanceOf(PermissionDeniedError);
    expect((await ask()).stop_reason).toBe("end_turn");
  });

  it("a cut stream told its input and one token, and the ledger says so", async () => {
    sandbox.script(key, { kind: "cut_stream", afterEvents: 5 });
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const event of await askForStream(100)) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") pieces.push(event.delta.text);
      }
    })();
    expect(await refusalOf(reading)).toBeInstanceOf(Error);
    expect(pieces).toEqual(["word1", " word2"]);
    expect(await lastEntry()).toMatchObject({ finished: false, aborted: false, usage: { inputTokens: 2, outputTokens: 1 } });
  });

  it("an error inside a stream is thrown by the SDK", async () => {
    sandbox.script(key, { kind: "stream_error", afterEvents: 4 });
    const reading = (async () => {
      for await (const event of await askForStream(100)) expect(event.type).not.toBe("message_stop");
    })();
    const refusal = await refusalOf(reading);
    expect(refusal).toBeInstanceOf(APIError);
    expect(refusal).toHaveProperty("type", "overloaded_error");
  });

  it("a reader who leaves mid-stream is noticed, and the ledger keeps what was told until then", async () => {
    for await (const event of await askForStream(100_000)) if (event.type === "content_block_delta") break;
    expect(await lastEntry()).toMatchObject({ status: 200, finished: false, aborted: true, usage: { inputTokens: 2, outputTokens: 1 } });
  });

  it("a reset connection gives no answer at all", async () => {
    sandbox.script(key, { kind: "reset" });
    expect(await refusalOf(ask())).toBeInstanceOf(APIConnectionError);
  });

  it("an unknown route, another method and a missing key are refused in Anthropic's shape", async () => {
    expect(await refusalOf(client().get("/v1/no/such/thing"))).toMatchObject({ status: 404, type: "not_found_error" });
    expect(await refusalOf(client().get("/v1/messages"))).toMatchObject({ status: 405, type: "invalid_request_error" });
    const response = await fetch(`${sandbox.baseUrl("anthropic")}/v1/models`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ type: "error", error: { type: "authentication_error", message: "x-api-key header is required" } });
  });
});

describe("what an account keeps", () => {
  const otherKey = "sk-ant-api03-test-0000000000002";

  it("batches of messages are its own, and answered one by one", async () => {
    const params = { model, max_tokens: 20, messages: [{ role: "user" as const, content: "words: 2" }] };
    const batch = await client().messages.batches.create({ requests: [{ custom_id: "one", params }, { custom_id: "two", params: { ...params, model: "claude-does-not-exist" } }] });
    expect(batch).toMatchObject({ processing_status: "in_progress", results_url: null, request_counts: { processing: 2 } });
    expect(await client().messages.batches.retrieve(batch.id)).toMatchObject({ processing_status: "ended", request_counts: { succeeded: 1, errored: 1 } });
    expect(await allOf(await client().messages.batches.results(batch.id))).toMatchObject([
      { custom_id: "one", result: { type: "succeeded", message: { usage: { input_tokens: 2, output_tokens: 2 } } } },
      { custom_id: "two", result: { type: "errored", error: { error: { type: "not_found_error" } } } },
    ]);
    expect(await refusalOf(client(otherKey).messages.batches.retrieve(batch.id))).toBeInstanceOf(NotFoundError);
    expect((await client(otherKey).messages.batches.list()).data).toEqual([]);
    expect(await refusalOf(client().messages.batches.cancel(batch.id))).toBeInstanceOf(BadRequestError);
    expect(await client().messages.batches.delete(batch.id)).toMatchObject({ type: "message_batch_deleted" });
    expect((await client().messages.batches.list()).data).toEqual([]);
  });

  it("files are its own, and are not downloaded", async () => {
    const file = await client().beta.files.upload({ file: await toFile(Buffer.from("hello"), "greeting.txt", { type: "text/plain" }) });
    expect(file).toMatchObject({ filename: "greeting.txt", mime_type: "text/plain", size_bytes: 5, downloadable: false });
    expect((await client().beta.files.list()).data.map((each) => each.id)).toEqual([file.id]);
    expect(await refusalOf(client(otherKey).beta.files.retrieveMetadata(file.id))).toBeInstanceOf(NotFoundError);
    expect((await client(otherKey).beta.files.list()).data).toEqual([]);
    expect(await refusalOf(client().beta.files.download(file.id))).toBeInstanceOf(BadRequestError);
    expect(await client().beta.files.delete(file.id)).toMatchObject({ type: "file_deleted" });
  });
});

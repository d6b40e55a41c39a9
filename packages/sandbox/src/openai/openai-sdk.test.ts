// OpenAI's own SDK against the sandbox: what it accepts, and which of its errors each fault becomes.
import OpenAI, {
  APIConnectionError, APIError, APIUserAbortError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError,
  PermissionDeniedError, RateLimitError, toFile,
} from "openai";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../fault.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";

const sandbox = await startSandbox({ now: () => new Date("2026-11-24T12:00:00Z") });
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const key = "sk-test-openai-0000000000001";
const otherKey = "sk-test-openai-0000000000002";
const messages = [{ role: "system" as const, content: "Be brief." }, { role: "user" as const, content: "How are you today?" }];
const said = "This is gpt-4o-mini in the byok sandbox. You said: How are you today?";

function client(apiKey = key, maxRetries = 0): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${sandbox.baseUrl("openai")}/v1`, organization: null, project: null, maxRetries });
}

function ask(apiKey = key, maxRetries = 0) {
  return client(apiKey, maxRetries).chat.completions.create({ model: "gpt-4o-mini", messages });
}

function askForStream(words: number, includeUsage = true) {
  return client().chat.completions.create({
    model: "gpt-4o-mini", messages: [{ role: "user", content: `words: ${words}` }], stream: true, stream_options: { include_usage: includeUsage },
  });
}

async function post(body: string): Promise<object> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const response = await fetch(`${sandbox.baseUrl("openai")}/v1/chat/completions`, { method: "POST", headers, body });
  return { status: response.status, body: await response.json() };
}

async function lastEntry() {
  await sandbox.ledger.whenSettled();
  return sandbox.ledger.entries().at(-1);
}

describe("chat completions", () => {
  it("a call is answered, and the ledger says what the SDK was told", async () => {
    const { data: answer, request_id: requestId, response } = await client().chat.completions.create({ model: "gpt-4o-mini", messages }).withResponse();
    expect(answer.choices[0]?.message.content).toBe(said);
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(answer.created).toBe(Date.parse("2026-11-24T12:00:00Z") / 1000);
    expect(answer.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 13, total_tokens: 19 });
    expect(response.headers.get("x-ratelimit-remaining-requests")).toBe("4999");
    expect(response.headers.get("date")).toBe("Tue, 24 Nov 2026 12:00:00 GMT");
    expect(await lastEntry()).toMatchObject({
      provider: "openai", key, method: "POST", path: "/v1/chat/completions", model: "gpt-4o-mini", status: 200, stream: false,
      finished: true, aborted: false, vendorRequestId: requestId, at: new Date("2026-11-24T12:00:00Z"),
      usage: { inputTokens: 6, outputTokens: 13, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    });
  });

  it("a stream comes word by word and tells usage in a last chunk of its own, when asked", async () => {
    const stream = await client().chat.completions.create({ model: "gpt-4o-mini", messages, stream: true, stream_options: { include_usage: true } });
    const pieces: string[] = [];
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      pieces.push(...chunk.choices.map((choice) => choice.delta.content ?? ""));
      usages.push(chunk.usage);
      expect(chunk.choices.length === 0).toBe(chunk.usage !== null);
    }
    expect(pieces.join("")).toBe(said);
    expect(pieces.filter((piece) => piece !== "")).toHaveLength(13);
    expect(usages.at(-1)).toMatchObject({ prompt_tokens: 6, completion_tokens: 13, total_tokens: 19 });
    expect(await lastEntry()).toMatchObject({ stream: true, finished: true, usage: { inputTokens: 6, outputTokens: 13 } });
  });

  it("a stream that was not asked for usage tells none, and the ledger says none was told", async () => {
    for await (const chunk of await askForStream(3, false)) expect(chunk).not.toHaveProperty("usage");
    expect(await lastEntry()).toMatchObject({ finished: true, usage: null });
    expect(sandbox.ledger.totals()).toEqual({ requests: 1, inputTokens: 0, outputTokens: 0 });
  });

  it("cached and written prompts, thinking, and the bound on output are counted as documented", async () => {
    const answer = await client().chat.completions.create({
      model: "gpt-5-mini",
      max_completion_tokens: 10,
      messages: [
        { role: "system", content: "cache: one two three" }, { role: "developer", content: "cache-write: one two" },
        { role: "user", content: [{ type: "text", text: "words: 50" }] },
      ],
    });
    expect(answer.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "word1 word2" } });
    expect(answer.usage).toMatchObject({
      prompt_tokens: 9, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
      completion_tokens_details: { reasoning_tokens: 8 },
    });
    expect((await lastEntry())?.usage).toEqual({
      inputTokens: 9, outputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 3, reasoningTokens: 8,
    });
  });

  it("an odd role, a missing model, missing messages, no JSON and an unknown model are refused in OpenAI's words", async () => {
    expect(await post('{"model":"m","messages":[{"role":"usr"}]}')).toMatchObject({ status: 400, body: { error: { param: "messages[0].role", code: "invalid_value" } } });
    expect(await post('{"messages":[]}')).toMatchObject({ status: 400, body: { error: { message: "you must provide a model parameter" } } });
    expect(await post('{"model":"m"}')).toMatchObject({ status: 400, body: { error: { param: "messages", code: "missing_required_parameter" } } });
    expect(await post("{")).toMatchObject({ status: 400, body: { error: { type: "invalid_request_error", code: null } } });
    expect(await post('{"model":"gpt-does-not-exist","messages":[{"role":"user"}]}')).toMatchObject({ status: 404, body: { error: { code: "model_not_found" } } });
  });
});

describe("faults", () => {
  const rows: { fault: Fault; error: abstract new (...args: never) => unknown; status: number; code: string | null }[] = [
    { fault: { kind: "invalid" }, error: AuthenticationError, status: 401, code: "invalid_api_key" },
    { fault: { kind: "revoked" }, error: AuthenticationError, status: 401, code: "invalid_api_key" },
    { fault: { kind: "echo_key" }, error: AuthenticationError, status: 401, code: "invalid_api_key" },
    { fault: { kind: "no_quota" }, error: RateLimitError, status: 429, code: "insufficient_quota" },
    { fault: { kind: "rate_limited" }, error: RateLimitError, status: 429, code: "rate_limit_exceeded" },
    { fault: { kind: "server_error" }, error: InternalServerError, status: 500, code: null },
    { fault: { kind: "server_error", status: 503 }, error: InternalServerError, status: 503, code: "server_is_overloaded" },
  ];
  it.each(rows)("$fault.kind reaches the SDK as $status $code", async ({ fault, error, status, code }) => {
    sandbox.script(key, fault);
    const refusal = await refusalOf(ask());
    expect(refusal).toBeInstanceOf(error);
    expect(refusal).toMatchObject({ status, code, requestID: "req_sandbox0000000000000000000000001" });
    expect(await lastEntry()).toMatchObject({ status, finished: true, usage: null });
  });

  it("a refused key is shown masked", async () => {
    sandbox.script(key, { kind: "invalid" });
    const refusal = await refusalOf(ask());
    expect(refusal).toHaveProperty("message", expect.stringContaining("sk-test-****************0001."));
    expect(String(refusal)).not.toContain(key);
  });

  it("502 is the CDN's page", async () => {
    sandbox.script(key, { kind: "server_error", status: 502 });
    expect(await refusalOf(ask())).toBeInstanceOf(InternalServerError);
    expect(await refusalOf(ask())).toMatchObject({ status: 502, message: expect.stringContaining("cloudflare") as unknown });
  });

  it("an account without money still lists its models, and doing so uses no step of the script up", async () => {
    sandbox.script(key, { kind: "no_quota" }, { kind: "ok" });
    expect((await client().models.list()).data).not.toHaveLength(0);
    expect(await refusalOf(ask())).toBeInstanceOf(RateLimitError);
    expect((await ask()).choices).toHaveLength(1);
  });

  it("a scoped key may not list models and may call them", async () => {
    sandbox.script(key, { kind: "scoped" });
    expect(await refusalOf(client().models.list())).toBeInstanceOf(PermissionDeniedError);
    expect((await ask()).choices).toHaveLength(1);
  });

  it("429 once, then fine: the SDK's own retry gets the answer", async () => {
    sandbox.script(key, { kind: "rate_limited", retryAfterS: 0.001 }, { kind: "ok" });
    expect((await ask(key, 1)).choices[0]?.message.content).toBe(said);
    expect(sandbox.ledger.entries().map((entry) => entry.status)).toEqual([429, 200]);
  });

  it("a cut stream breaks off after the events asked for, and nothing was told of usage", async () => {
    sandbox.script(key, { kind: "cut_stream", afterEvents: 3 });
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const chunk of await askForStream(100)) pieces.push(chunk.choices[0]?.delta.content ?? "");
    })();
    expect(await refusalOf(reading)).toBeInstanceOf(Error);
    expect(pieces).toEqual(["", "word1", " word2"]);
    expect(await lastEntry()).toMatchObject({ status: 200, stream: true, finished: false, aborted: false, usage: null });
  });

  it("an error inside a stream is thrown by the SDK", async () => {
    sandbox.script(key, { kind: "stream_error", afterEvents: 2 });
    const reading = (async () => {
      for await (const chunk of await askForStream(100)) expect(chunk.choices).toHaveLength(1);
    })();
    expect(await refusalOf(reading)).toBeInstanceOf(APIError);
    expect(await lastEntry()).toMatchObject({ status: 200, finished: true, usage: null });
  });

  it.each(["hang", "reset"] as const)("%s gives no answer at all", async (kind) => {
    sandbox.script(key, { kind });
    const timeout = kind === "hang" ? 50 : 10_000;
    const call = client().chat.completions.create({ model: "gpt-4o-mini", messages }, { timeout });
    expect(await refusalOf(call)).toBeInstanceOf(APIConnectionError);
    expect(await lastEntry()).toMatchObject({ status: 0, finished: false, aborted: kind === "hang" });
  });

  it("a reader who leaves mid-stream is noticed, and the rest is not told", async () => {
    const stream = await askForStream(100_000);
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content === " word3") break;
    }
    expect(await lastEntry()).toMatchObject({ status: 200, stream: true, finished: false, aborted: true, usage: null });
  });

  it("an abort before the answer is noticed", async () => {
    sandbox.script(key, { kind: "hang" });
    const leaving = new AbortController();
    const call = refusalOf(client().chat.completions.create({ model: "gpt-4o-mini", messages }, { signal: leaving.signal }));
    while (sandbox.ledger.calls(key) === 0) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    expect(await call).toBeInstanceOf(APIUserAbortError);
    expect(await lastEntry()).toMatchObject({ status: 0, aborted: true });
  });
});

describe("other routes", () => {
  it("responses are answered and stored, and their stream ends with the usage that the ledger holds", async () => {
    const answer = await client().responses.create({ model: "gpt-6-luna", instructions: "Be brief.", input: "Hello there" });
    expect(answer.output_text).toBe("This is gpt-6-luna in the byok sandbox. You said: Hello there");
    expect(answer.usage).toMatchObject({ input_tokens: 4, output_tokens: 19, output_tokens_details: { reasoning_tokens: 8 }, total_tokens: 23 });
    expect(await client().responses.retrieve(answer.id)).toMatchObject({ id: answer.id, output_text: answer.output_text });
    expect(await refusalOf(client(otherKey).responses.retrieve(answer.id))).toBeInstanceOf(NotFoundError);

    const types: string[] = [];
    let text = "";
    let usage: unknown;
    for await (const event of await client().responses.create({ model: "gpt-4o", input: "Hello there", stream: true })) {
      types.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
      if (event.type === "response.completed") usage = event.response.usage;
    }
    expect(text).toBe("This is gpt-4o in the byok sandbox. You said: Hello there");
    expect(types.at(0)).toBe("response.created");
    expect(types.at(-1)).toBe("response.completed");
    expect(usage).toMatchObject({ input_tokens: 2, output_tokens: 11 });
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 2, outputTokens: 11, reasoningTokens: 0 });
  });

  it("a response that meets its bound is incomplete and still tells usage", async () => {
    const answer = await client().responses.create({ model: "gpt-4o", input: "words: 100", max_output_tokens: 16 });
    expect(answer).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, usage: { output_tokens: 16 } });
  });

  it("the input of a response is counted without being answered", async () => {
    const counted = await client().responses.inputTokens.count({ model: "gpt-4o", input: "one two three" });
    expect(counted.input_tokens).toBe(3);
  });

  it("embeddings are the same for the same text, of length one, in both encodings", async () => {
    const input = ["one two", "one two", "three"];
    const packed = await client().embeddings.create({ model: "text-embedding-3-small", input, dimensions: 8 });
    const plain = await client().embeddings.create({ model: "text-embedding-3-small", input, dimensions: 8, encoding_format: "float" });
    const [first, second, third] = plain.data.map((each) => each.embedding);
    expect(first).toEqual(second);
    expect(first).not.toEqual(third);
    expect(Math.hypot(...(first ?? []))).toBeCloseTo(1, 5);
    expect(packed.data[2]?.embedding).toEqual(third);
    expect(packed.usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 5, outputTokens: 0 });
  });

  it("transcriptions tell tokens or a duration, by model", async () => {
    const file = await toFile(Buffer.alloc(20_000), "call.wav");
    const byTokens = await client().audio.transcriptions.create({ file, model: "gpt-4o-transcribe" });
    expect(byTokens).toMatchObject({ text: "Hello there from the byok sandbox.", usage: { type: "tokens", input_tokens: 20, output_tokens: 6 } });
    expect(await lastEntry()).toMatchObject({ model: "gpt-4o-transcribe", usage: { inputTokens: 20, outputTokens: 6 } });
    const byDuration = await client().audio.transcriptions.create({ file, model: "whisper-1" });
    expect(byDuration).toMatchObject({ usage: { type: "duration", seconds: 2 } });
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 0, audioSeconds: 2 });
    const stream = await client().audio.transcriptions.create({ file, model: "gpt-4o-transcribe", stream: true });
    let text = "";
    for await (const event of stream) if (event.type === "transcript.text.delta") text += event.delta;
    expect(text).toBe("Hello there from the byok sandbox.");
  });

  it("speech is told its characters by nobody, so the ledger counts them; newer models tell tokens in events only", async () => {
    const sound = await client().audio.speech.create({ model: "tts-1", voice: "alloy", input: "Grüße, 🌍!" });
    expect([sound.headers.get("content-type"), (await sound.arrayBuffer()).byteLength]).toEqual(["audio/mpeg", 64 * 8]);
    expect(await lastEntry()).toMatchObject({ model: "tts-1", finished: true, usage: { characters: 9, inputTokens: 0 } });
    const newer = { model: "gpt-4o-mini-tts", voice: "alloy", input: "one two three" } as const;
    await (await client().audio.speech.create(newer)).arrayBuffer();
    expect(await lastEntry()).toMatchObject({ finished: true, usage: null });
    const events = await (await client().audio.speech.create({ ...newer, stream_format: "sse" })).text();
    expect(events).toContain('{"type":"speech.audio.done","usage":{"input_tokens":3,"output_tokens":12,"total_tokens":15}}');
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 3, outputTokens: 12, audioOutputTokens: 12 });
    expect(await refusalOf(client().audio.speech.create({ ...newer, model: "tts-1", stream_format: "sse" }))).toMatchObject({ status: 400, code: "unsupported_value" });
    expect(await refusalOf(client().audio.speech.create({ ...newer, input: "x".repeat(4097) }))).toMatchObject({ code: "string_above_max_length" });
    expect(await refusalOf(client().audio.speech.create({ ...newer, input: "" }))).toMatchObject({ code: "missing_required_parameter", param: "input" });
  });

  it("batches answer a file of requests, and belong to the account that asked", async () => {
    const line = { custom_id: "one", method: "POST", url: "/v1/chat/completions", body: { model: "gpt-4o-mini", messages: [{ role: "user", content: "words: 3" }] } };
    const file = await client().files.create({ file: await toFile(Buffer.from(`${JSON.stringify(line)}\n`), "in.jsonl"), purpose: "batch" });
    const batch = await client().batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
    expect(batch).toMatchObject({ status: "validating", output_file_id: null });
    const done = await client().batches.retrieve(batch.id);
    expect(done).toMatchObject({ status: "completed", request_counts: { total: 1, completed: 1 }, usage: { input_tokens: 2, output_tokens: 3 } });
    expect(JSON.parse(await (await client().files.content(done.output_file_id ?? "")).text())).toMatchObject({ custom_id: "one", response: { status_code: 200, body: { usage: { total_tokens: 5 } } } });
    expect((await client().batches.list()).data.map((each) => each.id)).toEqual([batch.id]);
    expect((await client(otherKey).batches.list()).data).toEqual([]);
    expect(await refusalOf(client(otherKey).batches.retrieve(batch.id))).toBeInstanceOf(NotFoundError);
    expect(await refusalOf(client(otherKey).batches.create({ input_file_id: file.id, endpoint: "/v1/responses", completion_window: "24h" }))).toMatchObject({ status: 400, param: "input_file_id" });
    expect(await refusalOf(client().batches.cancel(batch.id))).toMatchObject({ status: 409 });
  });

  it("files belong to the account that put them there", async () => {
    const file = await client().files.create({ file: await toFile(Buffer.from("{}\n"), "batch.jsonl"), purpose: "batch" });
    expect(file).toMatchObject({ bytes: 3, filename: "batch.jsonl", purpose: "batch" });
    expect((await client().files.list()).data.map((each) => each.id)).toEqual([file.id]);
    expect(await (await client().files.content(file.id)).text()).toBe("{}\n");
    expect((await client(otherKey).files.list()).data).toEqual([]);
    expect(await refusalOf(client(otherKey).files.retrieve(file.id))).toBeInstanceOf(NotFoundError);
    expect(await refusalOf(client(otherKey).files.delete(file.id))).toBeInstanceOf(NotFoundError);
    expect(await client().files.delete(file.id)).toMatchObject({ deleted: true });
    expect((await client().files.list()).data).toEqual([]);
  });

  it("keys that name the same account share it", async () => {
    const [one, two] = ["sk-test-acct7-0000000000001", "sk-test-acct7-0000000000002"];
    const file = await client(one).files.create({ file: await toFile(Buffer.from("x"), "x"), purpose: "user_data" });
    expect((await client(two).files.list()).data.map((each) => each.id)).toEqual([file.id]);
  });

  it("a model is there or is not", async () => {
    expect(await client().models.retrieve("gpt-4o")).toMatchObject({ id: "gpt-4o", object: "model" });
    expect(await refusalOf(client().models.retrieve("gpt-9"))).toBeInstanceOf(NotFoundError);
  });

  it("an unknown route, another method and a body that is no form are refused in OpenAI's words", async () => {
    expect(await refusalOf(client().get("/no/such/thing"))).toMatchObject({ status: 404, message: expect.stringContaining("Invalid URL (GET /v1/no/such/thing)") as unknown });
    expect(await refusalOf(client().get("/chat/completions"))).toMatchObject({ status: 405, code: "method_not_supported" });
    expect(await refusalOf(client().post("/files", { body: { purpose: "batch" } }))).toBeInstanceOf(BadRequestError);
  });
});

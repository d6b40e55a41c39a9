// OpenRouter's own SDK against the sandbox: calls and streams with what they cost, and which of its errors each fault becomes.
import { HTTPClient, OpenRouter } from "@openrouter/sdk";
import {
  BadRequestResponseError,
  ForbiddenResponseError,
  InternalServerResponseError,
  PaymentRequiredResponseError,
  ResponseValidationError,
  ServiceUnavailableResponseError,
  TooManyRequestsResponseError,
  UnauthorizedResponseError,
} from "@openrouter/sdk/models/errors";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../fault.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { allOf } from "../stream.fixture.ts";

const sandbox = await startSandbox({ now: () => new Date("2026-11-24T12:00:00Z") });
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const key = "sk-or-v1-test-0000000000000001";
const base = `${sandbox.baseUrl("openrouter")}/api/v1`;
const model = "openai/gpt-6-luna";
const messages = [
  { role: "system" as const, content: "cache: one two" },
  { role: "user" as const, content: "words: 3" },
];
/** 5 tokens in at a millionth of a dollar, 3 and 8 of thinking out at four. */
const usage = {
  inputTokens: 5,
  outputTokens: 11,
  cachedInputTokens: 3,
  cacheWriteTokens: 0,
  reasoningTokens: 8,
  cost: "0.000049",
  currency: "USD",
};

function client(apiKey = key): OpenRouter {
  return new OpenRouter({ apiKey, serverURL: base, retryConfig: { strategy: "none" }, httpClient: new HTTPClient() });
}

async function ask(apiKey = key, asked = model) {
  const answer = await client(apiKey).chat.send({ chatRequest: { model: asked, messages, stream: false } });
  if (!("choices" in answer)) throw new Error("The answer is a stream.");
  return answer;
}

async function chunksOf() {
  const stream = await client().chat.send({ chatRequest: { model, messages, stream: true } });
  if ("choices" in stream) throw new Error("The answer is no stream.");
  return allOf(stream);
}

function raw(path: string, apiKey: string | null = key, body?: object): Promise<Response> {
  const headers = { ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }), "content-type": "application/json" };
  return fetch(`${base}${path}`, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
}

async function lastEntry() {
  await sandbox.ledger.whenSettled();
  return sandbox.ledger.entries().at(-1);
}

describe("chat completions", () => {
  it("are answered with their cost", async () => {
    const answer = await ask();
    expect(answer.choices[0]?.message.content).toBe("word1 word2 word3");
    expect(answer.usage).toMatchObject({
      promptTokens: 5,
      completionTokens: 11,
      cost: 0.000049,
      isByok: false,
      promptTokensDetails: { cachedTokens: 3 },
    });
    expect(await lastEntry()).toMatchObject({ provider: "openrouter", key, model, path: "/api/v1/chat/completions", usage });
  });

  it("stream after a comment, with usage in the last chunk though nobody asked", async () => {
    const chunks = await chunksOf();
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content).join("")).toBe("word1 word2 word3");
    expect(chunks.map((chunk) => chunk.usage?.cost)).toEqual([undefined, undefined, undefined, undefined, undefined, 0.000049]);
    expect(await lastEntry()).toMatchObject({ stream: true, finished: true, usage });
    const text = await (await raw("/chat/completions", key, { model, messages, stream: true })).text();
    expect(text.startsWith(": OPENROUTER PROCESSING\n\ndata: {")).toBe(true);
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it("cost nothing with free models, and a twentieth on a vendor's own key, which charges beside", async () => {
    expect((await ask(key, "meta-llama/llama-4-scout:free")).usage?.cost).toBe(0);
    const own = await ask("sk-or-v1-test-ownkey-000000000001");
    expect(own.usage).toMatchObject({ cost: 0.00000245, isByok: true, costDetails: { upstreamInferenceCost: 0.000049 } });
    expect((await lastEntry())?.usage).toMatchObject({ cost: "0.00000245", upstreamCost: "0.000049" });
  });

  it("are remembered for their own account", async () => {
    const { id } = await ask();
    expect((await client().generations.getGeneration({ id })).data).toMatchObject({
      id,
      model,
      totalCost: 0.000049,
      nativeTokensPrompt: 5,
      isByok: false,
    });
    expect((await raw(`/generation?id=${id}`, "sk-or-v1-test-0000000000000002")).status).toBe(404);
  });
});

describe("keys", () => {
  it("are described without a word on the account's credits, which management keys alone may read", async () => {
    expect((await client().apiKeys.getCurrentKeyMetadata()).data).toMatchObject({
      label: "sk-or-v1-tes...001",
      limitRemaining: 74.5,
      isManagementKey: false,
    });
    expect((await raw("/credits")).status).toBe(403);
    const management = client("sk-or-v1-test-mgmt-0000000000001");
    expect((await management.apiKeys.getCurrentKeyMetadata()).data).toMatchObject({ isManagementKey: true, limit: null });
    expect((await management.credits.getCredits()).data.totalCredits).toBe(100.5);
    expect(await refusalOf(ask("sk-or-v1-test-mgmt-0000000000001"))).toBeInstanceOf(ForbiddenResponseError);
  });

  it("models are for everybody, and a code becomes a key", async () => {
    expect((await raw("/models", null)).status).toBe(200);
    expect((await client().models.list({})).result.data.map((each) => each.id)).toContain(model);
    expect(
      await (await raw("/auth/keys", null, { code: "abc", code_verifier: "xyz", code_challenge_method: "S256" })).json(),
    ).toMatchObject({ key: expect.stringMatching(/^sk-or-v1-[0-9a-f]{64}$/) as unknown });
    expect((await raw("/key", null)).status).toBe(401);
    expect(await (await raw("/key", "sk-0000000000000000000000")).json()).toEqual({
      error: { code: 401, message: "User not found." },
    });
  });
});

describe("faults", () => {
  const rows: {
    fault: Fault;
    error: abstract new (...args: never) => unknown;
    metadata?: object;
    headers?: Record<string, string>;
  }[] = [
    { fault: { kind: "invalid" }, error: UnauthorizedResponseError },
    {
      fault: { kind: "no_quota" },
      error: PaymentRequiredResponseError,
      metadata: { error_type: "payment_required", limit_source: "openrouter_credits" },
    },
    { fault: { kind: "rate_limited", retryAfterS: 40 }, error: TooManyRequestsResponseError, headers: { "retry-after": "40" } },
    { fault: { kind: "server_error" }, error: InternalServerResponseError, metadata: { error_type: "server" } },
    { fault: { kind: "server_error", status: 503 }, error: ServiceUnavailableResponseError, headers: { "retry-after": "12" } },
    { fault: { kind: "scoped" }, error: ForbiddenResponseError },
    { fault: { kind: "echo_key" }, error: UnauthorizedResponseError, headers: { "x-received-key": key } },
  ];
  it.each(rows)("$fault.kind reaches the SDK as its own error", async ({ fault, error, metadata, headers = {} }) => {
    sandbox.script(key, fault);
    const refused = await refusalOf(ask());
    expect(refused).toBeInstanceOf(error);
    if (!(refused instanceof Error && "headers" in refused && refused.headers instanceof Headers))
      throw new Error("The SDK's error has no headers.");
    expect(Object.fromEntries(refused.headers)).toMatchObject(headers);
    expect(refused).toMatchObject(metadata === undefined ? {} : { error: { metadata } });
  });

  it("a free model's limit is told as the platform's, with the time in milliseconds", async () => {
    sandbox.script(key, { kind: "rate_limited", retryAfterS: 60 });
    const response = await raw("/chat/completions", key, { model: "meta-llama/llama-4-scout:free", messages });
    expect([response.status, response.headers.get("x-ratelimit-reset"), response.headers.get("retry-after")]).toEqual([
      429,
      String(Date.parse("2026-11-24T12:01:00Z")),
      null,
    ]);
  });

  it("a model that is not there is a 400 that says so", async () => {
    expect(await refusalOf(ask(key, "acme/does-not-exist"))).toBeInstanceOf(BadRequestResponseError);
    expect(await (await raw("/chat/completions", key, { model: "acme/does-not-exist", messages })).json()).toMatchObject({
      error: {
        code: 400,
        availability: { code: "model_not_found", retryable: false, requested_models: ["acme/does-not-exist"] },
      },
    });
  });

  it("an error stands inside a 200, in a stream's chunk and in a whole answer", async () => {
    sandbox.script(key, { kind: "stream_error", afterEvents: 3 });
    const chunks = await chunksOf();
    expect(chunks.at(-1)).toMatchObject({
      choices: [{ finishReason: "error" }],
      error: { code: 502, metadata: { errorType: "provider_unavailable" } },
    });
    expect((await lastEntry())?.usage).toBeNull();
    const whole = await raw("/chat/completions", key, { model, messages });
    expect([whole.status, await whole.json()]).toMatchObject([200, { choices: [], error: { code: 502 } }]);
    expect(await refusalOf(ask())).toBeInstanceOf(ResponseValidationError);
    expect((await lastEntry())?.usage).toBeNull();
  });

  it("any recorded answer can be played back", async () => {
    const body = JSON.stringify({
      error: { code: 402, message: "Key limit exceeded.", metadata: { limit_source: "openrouter_key_limit" } },
    });
    sandbox.script(key, { kind: "answer", status: 402, headers: { "Retry-After": "8" }, body });
    expect(await refusalOf(ask())).toMatchObject({ error: { metadata: { limit_source: "openrouter_key_limit" } } });
    expect((await lastEntry())?.status).toBe(402);
  });
});

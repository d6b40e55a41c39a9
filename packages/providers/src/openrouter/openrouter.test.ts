import { OpenRouter } from "@openrouter/sdk";
import { HTTPClient } from "@openrouter/sdk/lib/http.js";
import * as errors from "@openrouter/sdk/models/errors";
import { fromWire, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { play } from "../probe-script.ts";
import { recordingFetch } from "../recording.ts";
import { feed, sampleAnswer } from "../sample.ts";
import { openrouter } from "./index.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Answers } from "../probe-script.ts";
import type { MeteredCall, Route } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");
const keyData = { apiKey: "sk-or-v1-test-customers" };

function callOf(path: string): MeteredCall {
  const route = openrouter.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return { route, path, body: undefined, askedByUs: false };
}

const classify = (status: number, error: object, headers: Record<string, string> = {}) => openrouter.classify({ status, headers, body: JSON.stringify({ error }) }, now);

const event = (data: object) => ({ event: undefined, data: JSON.stringify(data) });

describe("usage", () => {
  const chat = callOf("/api/v1/chat/completions");

  test.each([
    [{ cost: 1e-7 }, "0.0000001"],
    [{ cost: 0 }, "0"],
    [{ cost: 0.1, is_byok: true, cost_details: { upstream_inference_cost: 0.2 } }, "0.3"],
    [{ cost: 0.1, is_byok: false, cost_details: { upstream_inference_cost: 0.2 } }, "0.1"],
    [{ cost: 0.1, is_byok: true, cost_details: null }, "0.1"],
  ])("what was charged is exact: %o is %s", (usage, costUsd) => {
    expect(openrouter.meter.json({ model: "m", usage: { prompt_tokens: 1, ...usage } }, chat)).toEqual({ model: "m", inputTokens: 1, costUsd });
  });

  test.each([{ cost: null }, { cost: "1" + "0".repeat(99) }, { cost: -1 }, { cost: "free" }])("a cost that is none is not told: %o", (usage) => {
    expect(openrouter.meter.json({ usage: { prompt_tokens: 1, ...usage } }, chat)).toEqual({ inputTokens: 1 });
  });

  test("content that speaks of a cost is not taken for one", () => {
    const meter = openrouter.meter.stream(chat);
    feed(meter, [event({ choices: [{ delta: { content: '{"usage":{"cost":99}}' } }] }), event({ choices: [], usage: { prompt_tokens: 1, cost: 0.5 } })]);
    expect(meter.usage()).toEqual({ inputTokens: 1, costUsd: "0.5" });
  });

  test("responses and messages tell their cost in their own places", () => {
    const responses = openrouter.meter.stream(callOf("/api/v1/responses"));
    feed(responses, [event({ type: "response.completed", response: { model: "m", usage: { input_tokens: 5, output_tokens: 2, cost: 0.25 } } })]);
    expect(responses.usage()).toEqual({ model: "m", inputTokens: 5, outputTokens: 2, costUsd: "0.25" });

    const messages = openrouter.meter.stream(callOf("/api/v1/messages"));
    feed(messages, [event({ type: "message_start", message: { model: "m", usage: { input_tokens: 5 } } }), event({ type: "message_delta", usage: { output_tokens: 2, cost: 0.25 } }), event({ type: "message_stop" })]);
    expect(messages.usage()).toEqual({ model: "m", inputTokens: 5, outputTokens: 2, costUsd: "0.25" });
    expect(messages.failed()).toBe(false);
  });

  test.each([
    ["/api/v1/audio/transcriptions", { usage: { seconds: 9.2, cost: 0.001 } }, { audioSeconds: 9.2, costUsd: "0.001" }],
    ["/api/v1/rerank", { model: "m", usage: { search_units: 1, total_tokens: 100, cost: 0.002 } }, { model: "m", units: { searchUnits: 1 }, costUsd: "0.002" }],
    ["/api/v1/images", { usage: { prompt_tokens: 10, completion_tokens: 100, completion_tokens_details: { image_tokens: 90 }, cost: 0.04 } }, { inputTokens: 10, outputTokens: 100, units: { imageOutputTokens: 90 }, costUsd: "0.04" }],
  ])("%s has counts of its own", (path, answer, usage) => {
    expect(openrouter.meter.json(answer, callOf(path))).toEqual(usage);
  });
});

describe("stored state", () => {
  const route: Route = callOf("/api/v1/chat/completions").route;
  test.each([
    [{ model: "@preset/mine" }, true],
    [{ model: "openai/gpt-6-luna@preset/mine" }, true],
    [{ models: ["openai/gpt-6-luna", "@preset/mine"] }, true],
    [{ preset: "mine" }, true],
    [{ messages: [{ content: [{ type: "file", file: { file_id: "file-1" } }] }] }, true],
    [{ model: "openai/gpt-6-luna", messages: [{ content: "@preset/mine" }] }, false],
    [undefined, false],
  ])("a chat with %o reads it: %s", (body, expected) => {
    expect(openrouter.readsStored(route, body)).toBe(expected);
  });
});

const resetIn = (ms: number) => ({ "x-ratelimit-reset": String(now.getTime() + ms) });

describe("refusals beyond the samples", () => {
  test("a minute's limit is a wait, a day's is an allowance that is used up", () => {
    expect(classify(429, { code: 429 }, resetIn(20_000))).toMatchObject({ verdict: "rate_limited", retryAfterMs: 20_000 });
    expect(classify(429, { code: 429 }, resetIn(7_200_000))).toMatchObject({ verdict: "exhausted", until: new Date("2026-11-24T12:00:00Z"), scope: "model" });
    for (const value of ["soon", "-1", "9".repeat(30)]) expect(classify(429, { code: 429 }, { "x-ratelimit-reset": value })).toMatchObject({ verdict: "rate_limited" });
  });

  test("401 in words that are not OpenRouter's is not certain", () => {
    expect(classify(401, { code: 401, message: "Unauthorized" })).toMatchObject({ verdict: "invalid", certain: false });
  });

  test("older answers say what a request could cost in words alone", () => {
    expect(classify(402, { code: 402, message: "You requested up to 65536 tokens, but can only afford 100." })).toMatchObject({ verdict: "caller", failover: true });
  });

  test.each([524, 529])("%i is trouble, not a refusal", (status) => {
    expect(classify(status, { code: status })).toMatchObject({ verdict: "transient" });
  });
});

const answer = (status: number, body: unknown): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const key = (more: object): VendorAnswer => answer(200, { data: { is_management_key: false, limit_remaining: null, ...more } });
const at = { key: "GET /api/v1/key", models: "GET /api/v1/models/user" };
const probe = (answers: Answers, when = now) => play(openrouter, keyData, answers, when);

describe("the probe", () => {
  test("a key that is described is alive, asked once", async () => {
    const { outcome, asked } = await probe({ [at.key]: sampleAnswer("openrouter", "200-key.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null });
    expect(asked).toEqual(["GET /api/v1/key"]);
  });

  test("a management key, an expired one and one at its limit are told by their description", async () => {
    await expect(probe({ [at.key]: sampleAnswer("openrouter", "200-key-management.json", 200) })).resolves.toMatchObject({ outcome: { failure: { verdict: "forbidden", scope: "configuration" } } });
    await expect(probe({ [at.key]: sampleAnswer("openrouter", "200-key-exhausted.json", 200) })).resolves.toMatchObject({ outcome: { failure: { verdict: "exhausted", until: new Date("2026-12-01T00:00:00Z") } } });
    await expect(probe({ [at.key]: key({ expires_at: "2026-11-24T09:59:59Z" }) })).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } } });
  });

  test.each([
    ["daily", "2026-11-24T10:00:00Z", "2026-11-25T00:00:00Z"],
    ["weekly", "2026-11-24T10:00:00Z", "2026-11-30T00:00:00Z"],
    ["weekly", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"],
    ["weekly", "2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z"],
    ["monthly", "2026-12-31T10:00:00Z", "2027-01-01T00:00:00Z"],
    [null, "2026-11-24T10:00:00Z", null],
  ])("a %s limit that is used up at %s comes back at %s", async (limit_reset, when, until) => {
    const { outcome } = await probe({ [at.key]: key({ limit_remaining: 0, limit_reset }) }, new Date(when));
    expect(outcome).toMatchObject({ failure: { verdict: "exhausted", until: until === null ? null : new Date(until) } });
  });

  test.each([
    ["401-user-not-found.json", 401, "invalid"],
    ["429-upstream.json", 429, "rate_limited"],
    ["500-server.json", 500, "transient"],
  ])("%s is reported as it is classified", async (name, status, verdict) => {
    const { outcome } = await probe({ [at.key]: sampleAnswer("openrouter", name, status) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict, certain: true } });
  });

  test("a 401 without a reason is decided by a second endpoint", async () => {
    const dead = await probe({ [at.key]: answer(401, {}), [at.models]: answer(401, {}) });
    expect(dead.outcome).toMatchObject({ failure: { verdict: "invalid", certain: true } });
    const live = await probe({ [at.key]: answer(401, {}), [at.models]: answer(200, { data: [] }) });
    expect(live.outcome).toMatchObject({ outcome: "alive" });
    const unwell = await probe({ [at.key]: answer(401, {}), [at.models]: answer(503, {}) });
    expect(unwell.outcome).toMatchObject({ failure: { verdict: "transient" } });
  });

  test("F-20: a page in the place of the description is no proof, and no refusal", async () => {
    await expect(probe({ [at.key]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

const client = (fetcher: typeof globalThis.fetch, baseUrl?: string) =>
  new OpenRouter({ ...openrouter.config(keyData, baseUrl), httpClient: new HTTPClient({ fetcher: (input, init) => fetcher(input, init) }) });

describe("the official SDK", () => {
  beforeEach(() => {
    vi.stubEnv("OPENROUTER_API_KEY", "sk-or-hosts-own");
    vi.stubEnv("OPENROUTER_BASE_URL", "http://hostile.test/api/v1");
    vi.stubEnv("OPENROUTER_HTTP_REFERER", "https://hosts-own.test");
    vi.stubEnv("OPENROUTER_APP_TITLE", "hosts-own");
    vi.stubEnv("OPENROUTER_APP_CATEGORIES", "hosts-own");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const request = { chatRequest: { model: "openai/gpt-6-luna", messages: [{ role: "user" as const, content: "Hello" }] } };

  test("with our configuration the key goes to the vendor, and nothing of the host's", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("openrouter", "200-chat.json", 200).body);
    await client(fetch).chat.send(request);
    expect(seen.map(({ url }) => url.href)).toEqual(["https://openrouter.ai/api/v1/chat/completions"]);
    expect(seen[0]?.headers.get("authorization")).toBe("Bearer sk-or-v1-test-customers");
    expect(JSON.stringify([...(seen[0]?.headers ?? [])])).not.toContain("hosts-own");
  });

  test("without our configuration the environment would have taken the key: the trap is there", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("openrouter", "200-chat.json", 200).body);
    await new OpenRouter({ ...keyData, httpClient: new HTTPClient({ fetcher: (input, init) => fetch(input, init) }) }).chat.send(request);
    expect(seen.map(({ url }) => url.host)).toEqual(["hostile.test"]);
    expect(seen[0]?.headers.get("http-referer")).toBe("https://hosts-own.test");
  });

  test("an operator's base URL is the origin, and the SDK's version segment is added", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("openrouter", "200-chat.json", 200).body);
    await client(fetch, "http://127.0.0.1:9/proxy/openrouter/").chat.send(request);
    expect(seen.map(({ url }) => url.href)).toEqual(["http://127.0.0.1:9/proxy/openrouter/api/v1/chat/completions"]);
  });

  test("a call that failed is not sent again behind the back of who fails over", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("openrouter", "500-server.json", 500).body, 500);
    await expect(client(fetch).chat.send(request)).rejects.toBeInstanceOf(errors.InternalServerResponseError);
    expect(seen).toHaveLength(1);
  });

  test("a stream comes through as the SDK reads it", async () => {
    const { fetch } = recordingFetch(sampleAnswer("openrouter", "stream-usage.sse", 200).body, 200, { "content-type": "text/event-stream" });
    const stream = await client(fetch).chat.send({ chatRequest: { ...request.chatRequest, stream: true } });
    let tokens: number | undefined;
    if (!(Symbol.asyncIterator in stream)) throw new Error("the SDK reads no stream");
    for await (const chunk of stream) tokens = chunk.usage?.totalTokens ?? tokens;
    expect(tokens).toBe(254);
  });

  test.each([
    ["UNAUTHENTICATED", errors.UnauthorizedResponseError],
    ["PERMISSION_DENIED", errors.ForbiddenResponseError],
    ["KEY_NOT_FOUND", errors.NotFoundResponseError],
    ["KEY_VALIDATION", errors.UnprocessableEntityResponseError],
    ["INVALID_INPUT", errors.BadRequestResponseError],
    ["QUOTA_EXCEEDED", errors.TooManyRequestsResponseError],
    ["PROVIDER_UNAVAILABLE", errors.ServiceUnavailableResponseError],
    ["ENCRYPTION", errors.InternalServerResponseError],
  ] as const)("our refusal %s raises what its users know", async (code, raised) => {
    const error = fromWire({ code, message: "No key of this owner is usable." });
    if (!error) throw new Error(`no error for ${code}`);
    const { status, headers, body } = openrouter.refusal(error);
    const { fetch } = recordingFetch(body, status, headers);
    const call = client(fetch).chat.send(request);
    await expect(call).rejects.toBeInstanceOf(raised);
    await expect(call).rejects.toMatchObject({ error: { code: status, message: "No key of this owner is usable." } });
  });
});

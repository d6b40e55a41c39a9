import { describe, expect, test } from "vitest";
import { feed } from "../sample.ts";
import { openai } from "./index.ts";
import type { MeteredCall, Route } from "../provider.ts";

const now = new Date("2026-12-24T10:00:00Z");

function routeOf(path: string): Route {
  const route = openai.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return route;
}

const callOf = (path: string, more: Partial<MeteredCall> = {}): MeteredCall => ({ route: routeOf(path), path, body: undefined, askedByUs: false, ...more });
const chat = "/v1/chat/completions";

const chunk = (more: object) => ({ event: undefined, data: JSON.stringify({ model: "m", choices: [{ delta: {} }], ...more }) });

const classify = (status: number, error: object | string, headers: Record<string, string> = {}) =>
  openai.classify({ status, headers, body: JSON.stringify({ error }) }, now);

describe("asking for usage", () => {
  test("a chat stream that does not ask is made to, and keeps its other options", () => {
    const body = { model: "m", stream: true, stream_options: { include_obfuscation: false } };
    expect(openai.meter.ask(routeOf(chat), body)).toEqual({ model: "m", stream: true, stream_options: { include_obfuscation: false, include_usage: true } });
    expect(body.stream_options).toEqual({ include_obfuscation: false });
  });

  test.each([{ stream: true }, { stream: true, stream_options: null }, { stream: true, stream_options: { include_usage: false } }])("%o is asked for", (body) => {
    expect(openai.meter.ask(routeOf(chat), body)).toMatchObject({ stream_options: { include_usage: true } });
  });

  test.each([
    [chat, {}],
    [chat, { stream: false }],
    [chat, { stream: "true" }],
    [chat, { stream: true, stream_options: { include_usage: true } }],
    [chat, { stream: true, stream_options: "wrong" }],
    ["/v1/responses", { stream: true }],
    ["/v1/embeddings", { stream: true }],
  ])("%s %o is sent as the caller wrote it", (path, body) => {
    expect(openai.meter.ask(routeOf(path), body)).toBeUndefined();
  });
});

describe("streams", () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2 };

  test("only the chunk that we asked for is dropped: one with choices, or asked for by the caller, passes", () => {
    const events = [chunk({ usage: null }), chunk({ usage }), chunk({ choices: [], usage })];
    expect(feed(openai.meter.stream(callOf(chat, { askedByUs: true })), events)).toEqual(["pass", "pass", "drop"]);
    expect(feed(openai.meter.stream(callOf(chat)), events)).toEqual(["pass", "pass", "pass"]);
  });

  test("content that speaks of usage or errors is not taken for one", () => {
    const meter = openai.meter.stream(callOf(chat, { askedByUs: true }));
    const content = '{"usage":{"prompt_tokens":999},"error":{"message":"x"}}';
    expect(feed(meter, [chunk({ choices: [{ delta: { content } }] }), { event: undefined, data: "[DONE]" }])).toEqual(["pass", "close"]);
    expect(meter.usage()).toBeNull();
    expect(meter.failed()).toBe(false);
  });

  test.each(["", "not json", "{", "[]", "null", '"[DONE]"'])("data %o passes", (data) => {
    for (const path of [chat, "/v1/responses"]) expect(openai.meter.stream(callOf(path)).on({ event: undefined, data })).toBe("pass");
  });

  test("an error ends in failure even where the format is closed after it", () => {
    const meter = openai.meter.stream(callOf(chat));
    feed(meter, [{ event: undefined, data: '{"error":{"message":"x"}}' }, { event: undefined, data: "[DONE]" }]);
    expect(meter.failed()).toBe(true);
  });

  test("image streams close with their usage", () => {
    const meter = openai.meter.stream(callOf("/v1/images/generations"));
    const done = { type: "image_generation.completed", usage: { input_tokens: 10, output_tokens: 200, input_tokens_details: { text_tokens: 10, image_tokens: 0 } } };
    expect(feed(meter, [{ event: "image_generation.completed", data: JSON.stringify(done) }])).toEqual(["close"]);
    expect(meter.usage()).toEqual({ inputTokens: 10, outputTokens: 200, units: { imageInputTokens: 0 } });
  });
});

describe("whole answers", () => {
  test("embeddings have input alone", () => {
    expect(openai.meter.json({ model: "e", usage: { prompt_tokens: 8, total_tokens: 8 } }, callOf("/v1/embeddings"))).toEqual({ model: "e", inputTokens: 8 });
  });

  test("speech is counted in code points of what was sent, since its bytes tell nothing", () => {
    const call = callOf("/v1/audio/speech", { body: { model: "tts-1", input: "Grüße 👋🏽" } });
    expect(openai.meter.json(undefined, call)).toEqual({ model: "tts-1", characters: 8 });
  });
});

describe("stored state", () => {
  const responses = routeOf("/v1/responses");
  test.each([
    [{ previous_response_id: "resp_1" }, true],
    [{ conversation: "conv_1" }, true],
    [{ conversation: { id: "conv_1" } }, true],
    [{ prompt: { id: "pmpt_1" } }, true],
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, true],
    [{ input: [{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }] }, true],
    [{ tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }] }, true],
    [{ tools: [{ type: "code_interpreter", container: "cntr_1" }] }, true],
    [{ tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["file-1"] } }] }, true],
    [{ input: "file_id previous_response_id" }, false],
    [{ previous_response_id: null, conversation: null }, false],
    [{ tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: [] } }] }, false],
    [{ tools: [{ type: "function", parameters: { properties: { file_id: { type: "string" } }, required: ["file_id"] } }] }, false],
    [undefined, false],
  ])("a response with %o reads stored state: %s", (body, expected) => {
    expect(openai.readsStored(responses, body)).toBe(expected);
  });

  test("chat reads files and earlier audio; a route that is stateful always does", () => {
    expect(openai.readsStored(routeOf(chat), { messages: [{ content: [{ type: "file", file: { file_id: "file-1" } }] }] })).toBe(true);
    expect(openai.readsStored(routeOf(chat), { messages: [{ role: "assistant", audio: { id: "audio_1" } }] })).toBe(true);
    expect(openai.readsStored(routeOf(chat), { audio: { voice: "alloy", format: "wav" } })).toBe(false);
    expect(openai.readsStored(routeOf("/v1/files"), undefined)).toBe(true);
  });

  test("a body that nests too deep to tell is taken to read it", () => {
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 10_000; depth += 1) deep = { deep };
    expect(openai.readsStored(responses, deep)).toBe(true);
  });
});

describe("the model of a call", () => {
  test.each([
    ["/v1/chat/completions", { model: "gpt-6-luna" }, "gpt-6-luna"],
    ["/v1/realtime?model=gpt-realtime-2.1", undefined, "gpt-realtime-2.1"],
    ["/v1/chat/completions", { model: 5 }, null],
    ["/v1/chat/completions", {}, null],
    ["/v1/files", undefined, null],
  ])("%s %o is %s", (path, body, model) => {
    expect(openai.model(path, body)).toBe(model);
  });
});

describe("refusals beyond the samples", () => {
  test("a code decides, not its wording", () => {
    expect(classify(401, { code: "invalid_api_key", message: "anything" })).toMatchObject({ verdict: "invalid", certain: true });
    expect(classify(429, { code: "credit_balance_exhausted", message: "" })).toMatchObject({ verdict: "exhausted", until: null, accountWide: true });
    expect(classify(400, { code: "invalid_api_key" })).toMatchObject({ verdict: "caller" });
    expect(classify(400, { code: "model_not_found" })).toMatchObject({ verdict: "caller" });
  });

  test("a monthly limit ends with the month, also in December; a project's leaves its siblings alone", () => {
    expect(classify(429, { code: "organization_spend_limit_exceeded" })).toMatchObject({ until: new Date("2027-01-01T00:00:00Z"), accountWide: true });
    expect(classify(429, { code: "project_spend_limit_exceeded" })).toMatchObject({ until: new Date("2027-01-01T00:00:00Z"), accountWide: false });
  });

  test("the region is read from the vendor's message, and only one of its own list is repeated", () => {
    expect(classify(401, { code: "incorrect_hostname", message: "Please make your request to eu.api.openai.com" }).reason).toContain('"eu"');
    expect(classify(401, { code: "incorrect_hostname", message: "Please make your request to evil.test" }).reason).not.toContain("evil");
  });

  test.each([
    [{ "retry-after-ms": "1500", "retry-after": "9" }, "", 1_500],
    [{ "retry-after": "9" }, "Please try again in 20s.", 9_000],
    [{}, "Rate limit reached. Please try again in 6m0s. Visit", 360_000],
    [{}, "Please try again in 174ms.", 174],
    [{}, "Please try again in 1h2m3s.", 3_600_000],
    [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12ms", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s" }, "", 360_000],
    [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12ms", "x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s" }, "", 12],
    [{ "x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "soon" }, "", null],
  ])("%o with %o waits %o ms", (headers, message, waited) => {
    expect(classify(429, { code: "rate_limit_exceeded", type: "requests", message }, headers)).toMatchObject({ verdict: "rate_limited", retryAfterMs: waited });
  });

  test("a restricted key is told by text where there is no code, and by string errors", () => {
    for (const status of [401, 403]) {
      expect(classify(status, "You have insufficient permissions. Missing scopes: model.request.")).toMatchObject({ verdict: "forbidden", scope: "endpoint" });
      expect(classify(status, { code: "missing_scope", message: "" })).toMatchObject({ verdict: "forbidden", scope: "endpoint" });
    }
  });
});

import { describe, expect, test } from "vitest";
import { feed } from "../sample.ts";
import { anthropic } from "./index.ts";
import type { MeteredCall, Route } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");

function routeOf(path: string): Route {
  const route = anthropic.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return route;
}

const call: MeteredCall = { route: routeOf("/v1/messages"), path: "/v1/messages", body: undefined, askedByUs: false };

const event = (type: string, more: object = {}) => ({ event: type, data: JSON.stringify({ type, ...more }) });

const classify = (status: number, error: object) => anthropic.classify({ status, headers: {}, body: JSON.stringify({ type: "error", error }) }, now);

describe("streams", () => {
  const start = event("message_start", { message: { model: "m", usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 } } });

  test("deltas are totals so far: the last one counts, and null keeps what the start told", () => {
    const meter = anthropic.meter.stream(call);
    feed(meter, [start, event("message_delta", { usage: { input_tokens: null, output_tokens: 20 } }), event("message_delta", { usage: { output_tokens: 35 } }), event("message_stop")]);
    expect(meter.usage()).toEqual({ model: "m", inputTokens: 8, outputTokens: 35, cachedInputTokens: 3 });
    expect(meter.failed()).toBe(false);
  });

  test("events without an event line are known by their type", () => {
    const meter = anthropic.meter.stream(call);
    expect(feed(meter, [start, event("message_stop")].map(({ data }) => ({ event: undefined, data })))).toEqual(["pass", "close"]);
    expect(meter.usage()).toMatchObject({ inputTokens: 8 });
  });

  test.each(["", "{", "null", "[]", '"message_stop"'])("data %o passes", (data) => {
    expect(anthropic.meter.stream(call).on({ event: undefined, data })).toBe("pass");
    expect(anthropic.meter.stream(call).on({ event: "message_start", data })).toBe("pass");
    expect(anthropic.meter.stream(call).on({ event: "message_delta", data })).toBe("pass");
  });
});

describe("stored state", () => {
  test.each([
    [{ messages: [{ content: [{ type: "document", source: { type: "file", file_id: "file_1" } }] }] }, true],
    [{ container: "container_1" }, true],
    [{ container: { id: "container_1" } }, true],
    [{ container: { skills: [{ type: "custom", skill_id: "skill_1" }] } }, true],
    [{ container: { skills: [{ type: "anthropic", skill_id: "pdf" }] } }, false],
    [{ container: null, messages: [{ content: "file_id" }] }, false],
    [undefined, false],
  ])("a message with %o reads it: %s", (body, expected) => {
    expect(anthropic.readsStored(call.route, body)).toBe(expected);
  });
});

test("the key goes where every version of the API and every gateway looks for it, the workspace beside it", () => {
  const request = { method: "POST", path: "/v1/messages", headers: { "anthropic-version": "2026-10-21" } };
  expect(anthropic.authorize(request, { apiKey: "sk-ant-test", workspaceId: "wrkspc_1" }).headers).toEqual({
    "anthropic-version": "2026-10-21",
    "x-api-key": "sk-ant-test",
    "anthropic-workspace-id": "wrkspc_1",
  });
});

describe("refusals beyond the samples", () => {
  test("a spend limit without a date ends with the month", () => {
    expect(classify(400, { type: "invalid_request_error", message: "You have reached your specified API usage limits." })).toMatchObject({
      verdict: "exhausted",
      until: new Date("2026-12-01T00:00:00Z"),
      accountWide: true,
    });
    expect(classify(400, { type: "invalid_request_error", message: "You have reached your specified workspace API usage limits. You will regain access on 2027-02-30 at 99:99 UTC." })).toMatchObject({
      until: new Date("2026-12-01T00:00:00Z"),
      accountWide: false,
    });
  });

  test("the caller's own words in a message decide nothing: only its beginning is Anthropic's", () => {
    expect(classify(400, { type: "invalid_request_error", message: 'messages.0.content: "Your credit balance is too low" is not allowed' })).toMatchObject({ verdict: "caller" });
  });

  test("a 404 of another thing than a model is the caller's", () => {
    expect(classify(404, { type: "not_found_error", message: "File not found: file_1" })).toMatchObject({ verdict: "caller" });
  });

  test("codes of encryption keys", () => {
    expect(classify(400, { type: "invalid_request_error", message: "", details: { error_code: "cmek_key_disabled" } })).toMatchObject({ verdict: "forbidden", scope: "configuration" });
    expect(classify(503, { type: "api_error", message: "", details: { error_code: "cmek_key_unreachable" } })).toMatchObject({ verdict: "transient" });
  });
});

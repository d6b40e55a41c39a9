import { GoogleGenAI } from "@google/genai";
import { fromWire, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { play } from "../probe-script.ts";
import { Recorder, recordingFetch } from "../recording.ts";
import { feed, sampleAnswer } from "../sample.ts";
import { gemini } from "./index.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Answers } from "../probe-script.ts";
import type { MeteredCall } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");
const keyData = { apiKey: "AIzaTest-customers-0123456789" };
const generate = "/v1beta/models/gemini-3.6-flash:generateContent";

function callOf(path: string, body?: Record<string, unknown>): MeteredCall {
  const route = gemini.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return { route, path, body, askedByUs: false };
}

const event = (data: object) => ({ event: undefined, data: JSON.stringify(data) });
const classify = (status: number, error: object) => gemini.classify({ status, headers: {}, body: JSON.stringify({ error }) }, now);
const reason = (word: string) => ({ details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: word }] });

describe("usage", () => {
  const usageMetadata = { promptTokenCount: 10, candidatesTokenCount: 5 };

  test("a stream's totals replace each other, and a chunk without any takes nothing away", () => {
    const meter = gemini.meter.stream(callOf(generate));
    feed(meter, [
      event({ modelVersion: "m", candidates: [{}], usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 2 } }),
      event({ modelVersion: "m", candidates: [{}], usageMetadata }),
      event({ modelVersion: "m", candidates: [{ finishReason: "STOP" }], usageMetadata: {} }),
    ]);
    expect(meter.usage()).toEqual({ model: "m", inputTokens: 10, outputTokens: 5 });
    expect(meter.failed()).toBe(false);
  });

  test("a stream of several candidates ends with the last of them, a blocked one at once", () => {
    const both = gemini.meter.stream(callOf(generate, { generationConfig: { candidateCount: 2 } }));
    expect(feed(both, [event({ candidates: [{ finishReason: "STOP" }] }), event({ candidates: [{ finishReason: "STOP" }] }), event({ candidates: [{ index: 1, finishReason: "STOP" }] })])).toEqual(["pass", "pass", "close"]);
    const blocked = gemini.meter.stream(callOf(generate));
    expect(feed(blocked, [event({ promptFeedback: { blockReason: "SAFETY" }, usageMetadata: { promptTokenCount: 9 } })])).toEqual(["close"]);
    expect(blocked.usage()).toEqual({ inputTokens: 9 });
  });

  test("a stream that is asked for without events comes as one array", () => {
    expect(gemini.meter.json([{ usageMetadata: { promptTokenCount: 10 } }, { modelVersion: "m", usageMetadata }, { candidates: [] }], callOf(generate))).toEqual({ model: "m", inputTokens: 10, outputTokens: 5 });
  });

  test("audio and images are told by their modality, cached audio for the price's sake", () => {
    const usage = {
      promptTokenCount: 50, cachedContentTokenCount: 20, candidatesTokenCount: 30,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 40 }, { modality: "TEXT", tokenCount: 10 }],
      cacheTokensDetails: [{ modality: "AUDIO", tokenCount: 15 }, { modality: "TEXT", tokenCount: 5 }],
      candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: 20 }, { modality: "IMAGE", tokenCount: 10 }],
    };
    expect(gemini.meter.json({ usageMetadata: usage }, callOf(generate))).toEqual({
      inputTokens: 50, outputTokens: 30, cachedInputTokens: 20, audioInputTokens: 40, audioOutputTokens: 20,
      units: { cachedAudioTokens: 15, imageOutputTokens: 10 },
    });
  });

  test("an interaction's stream tells its usage at its end", () => {
    const meter = gemini.meter.stream(callOf("/v1beta/interactions"));
    const completed = event({ event_type: "interaction.completed", interaction: { status: "completed", model: "m", usage: { total_input_tokens: 4, total_output_tokens: 6, total_thought_tokens: 1 } } });
    expect(feed(meter, [event({ event_type: "step.delta" }), completed])).toEqual(["pass", "close"]);
    expect(meter.usage()).toEqual({ model: "m", inputTokens: 4, outputTokens: 7, reasoningTokens: 1 });
  });

  test("endpoints of OpenAI's shape are counted as OpenAI's, and asked for usage", () => {
    const call = callOf("/v1beta/openai/chat/completions", { stream: true });
    expect(gemini.meter.ask(call.route, { stream: true })).toEqual({ stream: true, stream_options: { include_usage: true } });
    expect(gemini.meter.json({ model: "m", usage: { prompt_tokens: 3, completion_tokens: 2 } }, call)).toEqual({ model: "m", inputTokens: 3, outputTokens: 2 });
  });
});

const tokenOf = (path: string) => gemini.presentedToken({ method: "GET", path, headers: {} });

describe("requests", () => {
  test("the key goes where each surface documents it, and in one place alone", () => {
    const headersOf = (path: string) => gemini.authorize({ method: "POST", path, headers: {} }, keyData).headers;
    expect(headersOf(generate)).toEqual({ "x-goog-api-key": keyData.apiKey });
    expect(headersOf("/v1beta/openai/chat/completions")).toEqual({ authorization: `Bearer ${keyData.apiKey}` });
  });

  test.each([
    [generate, undefined, "gemini-3.6-flash"],
    ["/v1beta/models/gemini%2D3.6-flash:countTokens?alt=sse", undefined, "gemini-3.6-flash"],
    ["/v1beta/tunedModels/mine:generateContent", undefined, "tunedModels/mine"],
    ["/v1beta/interactions", { model: "models/gemini-3.6-flash" }, "gemini-3.6-flash"],
    ["/v1beta/openai/chat/completions", { model: "gemini-3.6-flash" }, "gemini-3.6-flash"],
    ["/v1beta/models/%zz:generateContent", undefined, "%zz"],
    ["/v1beta/models", undefined, null],
  ])("%s %o names %s", (path, body, model) => {
    expect(gemini.model(path, body)).toBe(model);
  });

  test("a token may stand in the query, where older clients and WebSockets put it", () => {
    expect(tokenOf("/v1beta/models?key=byok_token")).toBe("byok_token");
    expect(tokenOf("/v1beta/models?key=byok_token&access_token=another")).toBeNull();
    expect(tokenOf("/v1beta/models?keys=byok_token")).toBeNull();
  });

  test.each([
    [{ cachedContent: "cachedContents/1" }, true],
    [{ contents: [{ parts: [{ fileData: { fileUri: "https://generativelanguage.googleapis.com/v1beta/files/1" } }] }] }, true],
    [{ contents: [{ parts: [{ file_data: { file_uri: "gs://bucket/x" } }] }] }, true],
    [{ previous_interaction_id: "i1" }, true],
    [{ tools: [{ fileSearch: { fileSearchStoreNames: ["fileSearchStores/1"] } }] }, true],
    [{ contents: [{ parts: [{ fileData: { fileUri: "https://www.youtube.com/watch?v=1" } }] }] }, false],
    [{ contents: [{ parts: [{ text: "cachedContent" }] }] }, false],
    [undefined, false],
  ])("a call with %o reads what is stored: %s", (body, expected) => {
    expect(gemini.readsStored(callOf(generate).route, body)).toBe(expected);
  });
});

describe("refusals beyond the samples", () => {
  test.each(["API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED"])("403 %s is a restriction of the key", (word) => {
    expect(classify(403, { code: 403, status: "PERMISSION_DENIED", ...reason(word) })).toMatchObject({ verdict: "forbidden", scope: "configuration", code: word });
  });

  test("a 403 without a reason is about this call alone", () => {
    expect(classify(403, { code: 403, status: "PERMISSION_DENIED", message: "You do not have permission to access the File 1" })).toMatchObject({ verdict: "forbidden", scope: "endpoint" });
  });

  test.each([
    ["rate_limit_exceeded", "rate_limited"],
    ["invalid_request", "caller"],
    ["not_found", "caller"],
    ["internal_error", "transient"],
  ])("an interaction's %s is %s", (code, verdict) => {
    expect(gemini.classify({ status: 200, headers: {}, body: JSON.stringify({ error: { code, message: "" } }) }, now)).toMatchObject({ verdict });
  });

  test("the caller's words decide nothing: a file that is not found is no model", () => {
    expect(classify(404, { code: 404, status: "NOT_FOUND", message: "files/1 does not exist" })).toMatchObject({ verdict: "caller" });
  });
});

const at = { models: "GET /v1beta/models?pageSize=1", count: "POST /v1beta/models/gemini-3.6-flash:countTokens", some: "POST /v1beta/models/gemini-2.5-flash:countTokens" };
const answer = (status: number, body: unknown = {}): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const probe = (answers: Answers) => play(gemini, keyData, answers, now);
const list = sampleAnswer("gemini", "200-models.json", 200);

describe("the probe", () => {
  test("a list of models proves the key; counting with the first of them finds nothing against it", async () => {
    const { outcome, asked, requests } = await probe({ [at.models]: list, [at.count]: sampleAnswer("gemini", "200-count-tokens.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null });
    expect(asked).toEqual([at.models, at.count]);
    for (const { headers } of requests) expect(headers).toMatchObject({ "x-goog-api-key": keyData.apiKey });
  });

  test.each([
    ["402-prepay-depleted.json", 402, { outcome: "refused", failure: { verdict: "exhausted" } }],
    ["403-leaked-key.json", 403, { outcome: "refused", failure: { verdict: "invalid" } }],
    ["401-access-token-type-unsupported.json", 401, { outcome: "alive", note: expect.stringContaining("Vertex") }],
    ["429-per-day.json", 429, { outcome: "alive", note: null }],
    ["503-overloaded.json", 503, { outcome: "alive", note: null }],
  ])("%s at the count adds what is beyond doubt", async (name, status, expected) => {
    await expect(probe({ [at.models]: list, [at.count]: sampleAnswer("gemini", name, status) })).resolves.toMatchObject({ outcome: expected });
  });

  test.each([
    ["400-invalid-key.json", 400, "invalid"],
    ["400-expired-key.json", 400, "invalid"],
    ["403-service-disabled.json", 403, "forbidden"],
    ["400-location-unsupported.json", 400, "forbidden"],
    ["429-per-minute.json", 429, "rate_limited"],
    ["503-overloaded.json", 503, "transient"],
  ])("%s is reported as it is classified", async (name, status, verdict) => {
    const { outcome, asked } = await probe({ [at.models]: sampleAnswer("gemini", name, status) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict } });
    expect(asked).toEqual([at.models]);
  });

  test("a 401 without a reason is decided by a second endpoint", async () => {
    const dead = await probe({ [at.models]: answer(401), [at.some]: answer(401) });
    expect(dead.outcome).toMatchObject({ failure: { verdict: "invalid", certain: true } });
    const live = await probe({ [at.models]: answer(401), [at.some]: answer(404) });
    expect(live.outcome).toMatchObject({ outcome: "alive" });
  });

  test("F-20: a page in the place of the list is no proof, and no refusal", async () => {
    await expect(probe({ [at.models]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

const model = "gemini-3.6-flash";
function clientOf(fetch: typeof globalThis.fetch, baseUrl?: string) {
  const { httpOptions, ...config } = gemini.config(keyData, baseUrl);
  return new GoogleGenAI({ ...config, httpOptions: { ...httpOptions, fetch } });
}

describe("the official SDK", () => {
  const hostile = new Recorder();
  beforeEach(async () => {
    await hostile.listen();
    // The SDK remarks on the conflicts that this environment is made of.
    for (const method of ["warn", "debug"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
    const variables = {
      GOOGLE_API_KEY: "AIza-hosts-own", GEMINI_API_KEY: "AIza-hosts-own", GOOGLE_GENAI_API_KEY: "AIza-hosts-own", GOOGLE_GENAI_ACCESS_TOKEN: "hosts-own",
      GOOGLE_GENAI_USE_VERTEXAI: "true", GOOGLE_GENAI_USE_ENTERPRISE: "true", GOOGLE_CLOUD_PROJECT: "hosts-own", GOOGLE_CLOUD_LOCATION: "hosts-own",
      GOOGLE_GEMINI_BASE_URL: hostile.url, GOOGLE_VERTEX_BASE_URL: hostile.url, GOOGLE_GENAI_API_VERSION: "v0",
    };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await hostile.close();
    hostile.seen.length = 0;
  });

  test("with our configuration the key goes to the vendor, whatever the environment says", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("gemini", "200-generate.json", 200).body);
    const { usageMetadata } = await clientOf(fetch).models.generateContent({ model, contents: "Hello" });
    expect(usageMetadata?.promptTokenCount).toBe(100);
    expect(seen.map(({ url }) => url.href)).toEqual([`https://generativelanguage.googleapis.com${generate}`]);
    expect(seen[0]?.headers.get("x-goog-api-key")).toBe(keyData.apiKey);
    expect(JSON.stringify([...(seen[0]?.headers ?? [])])).not.toContain("hosts-own");
    expect(hostile.seen).toEqual([]);
  });

  test("without our configuration the environment would have taken the call: the trap is there", async () => {
    await new GoogleGenAI({ ...keyData, httpOptions: {} }).models.generateContent({ model, contents: "Hello" }).catch(() => undefined);
    expect(hostile.seen[0]?.headers["x-goog-api-key"]).toBe(keyData.apiKey);
  });

  test("an operator's base URL is the origin, and the SDK's version segment is added", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("gemini", "200-generate.json", 200).body);
    await clientOf(fetch, "http://127.0.0.1:9/proxy/gemini").models.generateContent({ model, contents: "Hello" });
    expect(seen.map(({ url }) => url.href)).toEqual([`http://127.0.0.1:9/proxy/gemini${generate}`]);
  });

  test("a stream and a refusal come through as the SDK reads them, sent once", async () => {
    const { fetch } = recordingFetch(sampleAnswer("gemini", "stream-usage.sse", 200).body, 200, { "content-type": "text/event-stream" });
    let total: number | undefined;
    for await (const chunk of await clientOf(fetch).models.generateContentStream({ model, contents: "Hello" })) total = chunk.usageMetadata?.totalTokenCount;
    expect(total).toBe(180);

    const failing = recordingFetch(sampleAnswer("gemini", "503-overloaded.json", 503).body, 503);
    await expect(clientOf(failing.fetch).models.generateContent({ model, contents: "Hello" })).rejects.toMatchObject({ status: 503 });
    expect(failing.seen).toHaveLength(1);

    const error = fromWire({ code: "QUOTA_EXCEEDED", message: "No key of this owner is usable." });
    if (!error) throw new Error("no error for QUOTA_EXCEEDED");
    const { status, headers, body } = gemini.refusal(error);
    const refused = recordingFetch(body, status, headers);
    await expect(clientOf(refused.fetch).models.generateContent({ model, contents: "Hello" })).rejects.toMatchObject({ status: 429, message: expect.stringContaining("QUOTA_EXCEEDED") });
  });
});

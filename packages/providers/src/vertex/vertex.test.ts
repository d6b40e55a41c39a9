import { GoogleGenAI } from "@google/genai";
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { play } from "../probe-script.ts";
import { Recorder, recordingFetch } from "../recording.ts";
import { sampleAccount, samplePrivateKey } from "../sample-service-account.ts";
import { sampleAnswer } from "../sample.ts";
import { vertex } from "./index.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Answers } from "../probe-script.ts";
import type { MeteredCall } from "../provider.ts";

const account = { serviceAccount: sampleAccount() };
const byAccount = vertex.parse(account);
const byKey = vertex.parse({ apiKey: "AQ.test-customers" });
const model = "gemini-3.6-flash";

function callOf(path: string): MeteredCall {
  const route = vertex.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return { route, path, body: undefined, askedByUs: false };
}

const here = (location: string) => `/v1/projects/p/locations/${location}/publishers/google/models/${model}:generateContent`;

describe("hosts", () => {
  test.each([
    [here("us-central1"), undefined, "https://us-central1-aiplatform.googleapis.com"],
    [here("global"), "europe-west4", "https://aiplatform.googleapis.com"],
    [here("eu"), undefined, "https://aiplatform.eu.rep.googleapis.com"],
    [here("us"), undefined, "https://aiplatform.us.rep.googleapis.com"],
    [here("evil.test"), "europe-west4", "https://europe-west4-aiplatform.googleapis.com"],
    [here("x@evil.test"), undefined, "https://aiplatform.googleapis.com"],
    ["/v1/publishers/google/models", "northamerica-northeast1", "https://northamerica-northeast1-aiplatform.googleapis.com"],
    ["/token", "europe-west4", "https://oauth2.googleapis.com"],
  ])("%s of a key in %s is at %s: what a caller writes never becomes a host", (path, location, origin) => {
    const keyData = vertex.parse({ ...account, ...(location !== undefined && { location }) });
    expect(vertex.origin(keyData, path)).toBe(origin);
  });

  test("an express key has one host", () => {
    expect(vertex.origin(byKey, here("us-central1"))).toBe("https://aiplatform.googleapis.com");
  });
});

const pathOf = (path: string, keyData = byAccount, method = "POST") => vertex.authorize({ method, path, headers: {} }, keyData, "ya29.test").path;
const inEurope = vertex.parse({ ...account, location: "europe-west4", project: "another" });

describe("authorize", () => {
  test.each([
    ["/v1/projects/me/locations/me/publishers/google/models/m:generateContent?alt=sse", "/v1/projects/another/locations/europe-west4/publishers/google/models/m:generateContent?alt=sse"],
    ["/v1beta1/projects/me/locations/us-central1/cachedContents", "/v1beta1/projects/another/locations/us-central1/cachedContents"],
    ["/v1/projects/p/locations/us-central1/operations/me", "/v1/projects/p/locations/us-central1/operations/me"],
    ["/v1/publishers/google/models/m:generateContent", "/v1/projects/another/locations/europe-west4/publishers/google/models/m:generateContent"],
  ])("with an account %s becomes %s", (path, expected) => {
    expect(pathOf(path, inEurope)).toBe(expected);
  });

  test("models are looked up without a project, and an express key has none", () => {
    expect(pathOf("/v1/publishers/google/models", inEurope, "GET")).toBe("/v1/publishers/google/models");
    expect(pathOf("/v1/projects/me/locations/me/publishers/google/models/m:generateContent", byKey)).toBe("/v1/publishers/google/models/m:generateContent");
  });

  test("an account's token or an express key goes in; without its token an account's request stays as it is", () => {
    const request = { method: "GET", path: "/", headers: { authorization: "kept" } };
    expect(vertex.authorize(request, byAccount, "ya29.test").headers).toEqual({ authorization: "Bearer ya29.test" });
    expect(vertex.authorize(request, byAccount).headers).toEqual({ authorization: "kept" });
    expect(vertex.authorize(request, byKey).headers).toEqual({ authorization: "kept", "x-goog-api-key": "AQ.test-customers" });
  });
});

test("metadata tells project, location and the account, and nothing of its key", () => {
  expect(vertex.metadata(vertex.parse({ ...account, location: "eu" }))).toEqual({ project: "test-project", location: "eu", clientEmail: "byok-test@test-project.iam.gserviceaccount.com" });
  expect(vertex.metadata(byKey)).toEqual({});
});

describe("usage", () => {
  test("provisioned throughput is marked: it is paid already", () => {
    expect(vertex.meter.json({ usageMetadata: { promptTokenCount: 5, trafficType: "PROVISIONED_THROUGHPUT" } }, callOf(here("global")))).toEqual({ inputTokens: 5, units: { provisioned: 1 } });
  });

  test("embeddings are the sum of their texts", () => {
    const path = "/v1/projects/p/locations/global/publishers/google/models/text-embedding-005:predict";
    const predictions = [4, 6].map((token_count) => ({ embeddings: { statistics: { token_count } } }));
    expect(vertex.meter.json({ predictions }, callOf(path))).toEqual({ model: "text-embedding-005", inputTokens: 10 });
    expect(vertex.meter.json({ predictions: [{ bytesBase64Encoded: "AAAA" }] }, callOf(path))).toBeNull();
  });

  test("models of another vendor's shape are counted as that vendor's", () => {
    const claude = "/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5:rawPredict";
    expect(vertex.meter.json({ model: "claude-sonnet-4-5", usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 2 } }, callOf(claude))).toEqual({ model: "claude-sonnet-4-5", inputTokens: 8, outputTokens: 2, cachedInputTokens: 3 });
    const open = callOf("/v1/projects/p/locations/global/endpoints/openapi/chat/completions");
    expect(vertex.meter.json({ usage: { prompt_tokens: 3, completion_tokens: 2 } }, open)).toEqual({ inputTokens: 3, outputTokens: 2 });
    expect(vertex.meter.ask(open.route, { stream: true })).toMatchObject({ stream_options: { include_usage: true } });
  });
});

const count = "POST /v1/projects/test-project/locations/global/publishers/google/models/gemini-2.5-flash:countTokens";
const at = { token: "POST /token", count, express: "POST /v1/publishers/google/models/gemini-2.5-flash:countTokens" };
const sample = (name: string, status: number) => sampleAnswer("vertex", name, status);
const token = sample("200-token.json", 200);
const counted = sample("200-count-tokens.json", 200);
const answer = (status: number, body: unknown = {}): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const probe = (answers: Answers, keyData: unknown = account) => play(vertex, keyData, answers);

describe("the probe", () => {
  test("an account is exchanged, and its token counts", async () => {
    const { outcome, asked, requests } = await probe({ [at.token]: token, [at.count]: counted });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null, metadata: { project: "test-project" } });
    expect(asked).toEqual([at.token, at.count]);
    expect(requests[1]?.headers).toMatchObject({ authorization: "Bearer ya29.test-not-real" });
  });

  test("a refused signature is asked for twice before the key is dead; our clock blames no key", async () => {
    const dead = await probe({ [at.token]: sample("400-token-invalid-signature.json", 400) });
    expect(dead.outcome).toMatchObject({ outcome: "refused", failure: { verdict: "invalid", certain: true } });
    expect(dead.asked).toEqual([at.token, at.token]);
    const clock = await probe({ [at.token]: sample("400-token-clock-skew.json", 400) });
    expect(clock).toMatchObject({ outcome: { failure: { verdict: "transient" } }, asked: [at.token] });
  });

  test.each([
    ["403-iam-denied.json", 403, { outcome: "refused", failure: { verdict: "forbidden", scope: "endpoint", reason: expect.stringContaining("Vertex AI User") } }],
    ["403-service-disabled.json", 403, { outcome: "refused", failure: { verdict: "forbidden", scope: "configuration" } }],
    ["403-billing-disabled.json", 403, { outcome: "refused", failure: { verdict: "exhausted" } }],
    ["404-model-not-found.json", 404, { outcome: "alive", note: expect.stringContaining("location") }],
    ["429-project-quota.json", 429, { outcome: "refused", failure: { verdict: "rate_limited" } }],
    ["503-unavailable.json", 503, { outcome: "refused", failure: { verdict: "transient" } }],
  ])("%s after a good exchange is told as what it is", async (name, status, expected) => {
    await expect(probe({ [at.token]: token, [at.count]: sample(name, status) })).resolves.toMatchObject({ outcome: expected });
  });

  test("an account that got a token is never called dead for a 401", async () => {
    await expect(probe({ [at.token]: token, [at.count]: answer(401) })).resolves.toMatchObject({ outcome: { failure: { verdict: "forbidden", scope: "configuration" } } });
  });

  test("an express key counts without a project", async () => {
    const keyData = { apiKey: "AQ.test-customers" };
    await expect(probe({ [at.express]: counted }, keyData)).resolves.toMatchObject({ outcome: { outcome: "alive" }, asked: [at.express] });
    await expect(probe({ [at.express]: sample("400-express-invalid-key.json", 400) }, keyData)).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } } });
    await expect(probe({ [at.express]: sample("401-api-key-not-supported.json", 401) }, keyData)).resolves.toMatchObject({ outcome: { failure: { verdict: "forbidden" } } });
  });

  test("F-20: a page in the place of the count is no proof, and no refusal", async () => {
    await expect(probe({ [at.token]: token, [at.count]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

describe("the official SDK", () => {
  const hostile = new Recorder();
  const operators = new Recorder((url) => (url.startsWith("/vertex/token") ? token.body : sample("200-generate.json", 200).body));
  beforeEach(async () => {
    await hostile.listen();
    await operators.listen();
    for (const method of ["warn", "debug"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
    const variables = {
      GOOGLE_API_KEY: "AIza-hosts-own", GOOGLE_GENAI_USE_VERTEXAI: "false", GOOGLE_CLOUD_PROJECT: "hosts-own", GOOGLE_CLOUD_LOCATION: "hosts-own", GOOGLE_CLOUD_QUOTA_PROJECT: "hosts-own",
      GOOGLE_APPLICATION_CREDENTIALS: "/hosts-own.json", GOOGLE_VERTEX_BASE_URL: hostile.url, GOOGLE_GEMINI_BASE_URL: hostile.url, GOOGLE_GENAI_API_VERSION: "v0", GOOGLE_CLOUD_UNIVERSE_DOMAIN: "evil.test",
    };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await hostile.close();
    await operators.close();
    hostile.seen.length = 0;
    operators.seen.length = 0;
  });

  test("with an express key everything goes to the vendor, whatever the environment says", async () => {
    const { fetch, seen } = recordingFetch(sample("200-generate.json", 200).body);
    const { httpOptions, ...config } = vertex.config(byKey, undefined);
    await new GoogleGenAI({ ...config, httpOptions: { ...httpOptions, fetch } }).models.generateContent({ model, contents: "Hello" });
    expect(seen.map(({ url }) => url.href)).toEqual([`https://aiplatform.googleapis.com/v1beta1/publishers/google/models/${model}:generateContent`]);
    expect(seen[0]?.headers.get("x-goog-api-key")).toBe("AQ.test-customers");
    expect(JSON.stringify([...(seen[0]?.headers ?? [])])).not.toContain("hosts-own");
    expect(hostile.seen).toEqual([]);
  });

  test("with an account the SDK is given its key, project and location, and the location's host", () => {
    const config = vertex.config(vertex.parse({ ...account, location: "eu" }), undefined);
    expect(config).toEqual({
      vertexai: true, project: "test-project", location: "eu",
      googleAuthOptions: { credentials: { client_email: "byok-test@test-project.iam.gserviceaccount.com", private_key: samplePrivateKey() }, projectId: "test-project", universeDomain: "googleapis.com" },
      httpOptions: { baseUrl: "https://aiplatform.eu.rep.googleapis.com/", apiVersion: "v1beta1" },
    });
    expect(() => new GoogleGenAI(config)).not.toThrow();
  });

  test("with an operator's base URL calls and the exchange go there, one token serves many calls, and printing shows no key", async () => {
    const config = vertex.config(byAccount, `${operators.url}/vertex/`);
    const client = new GoogleGenAI(config);
    await Promise.all([client.models.generateContent({ model, contents: "Hello" }), client.models.generateContent({ model, contents: "Hello" })]);
    expect(operators.seen.map(({ url }) => url)).toEqual([
      "/vertex/token",
      ...Array.from({ length: 2 }, () => `/vertex/v1beta1/projects/test-project/locations/global/publishers/google/models/${model}:generateContent`),
    ]);
    expect(operators.seen[1]?.headers["authorization"]).toBe("Bearer ya29.test-not-real");
    expect(operators.seen.some(({ headers }) => JSON.stringify(headers).includes("hosts-own"))).toBe(false);
    expect(hostile.seen).toEqual([]);
    expect(JSON.stringify(vertex.config(byAccount, operators.url))).not.toContain("PRIVATE KEY");
  });
});

import { DeepgramClient, DeepgramError } from "@deepgram/sdk";
import { fromWire, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { play } from "../probe-script.ts";
import { recordingFetch } from "../recording.ts";
import { sampleAnswer } from "../sample.ts";
import { deepgram } from "./index.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Answers } from "../probe-script.ts";
import type { MeteredCall } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");
const keyData = { apiKey: "0000000000000000000000000000000000000001" };
const project = "00000000-0000-4000-8000-00000000a001";

function callOf(path: string, more: Partial<MeteredCall> = {}): MeteredCall {
  const route = deepgram.route("POST", path.split("?")[0] ?? "");
  if (!route) throw new Error(`no route for ${path}`);
  return { route, path, body: undefined, askedByUs: false, ...more };
}

describe("usage", () => {
  test.each([
    [{ text: "Grüße 👋" }, {}, { characters: 7 }],
    [{ text: "Hello" }, { "dg-char-count": "4", "dg-model-name": "aura-2-thalia-en" }, { model: "aura-2-thalia-en", characters: 4 }],
    [{ text: "Hello" }, { "dg-char-count": "many" }, { characters: 5 }],
    [undefined, {}, null],
  ])("speech of %o with %o is %o: the header first, else the text that was sent", (body, answerHeaders, usage) => {
    expect(deepgram.meter.json(undefined, callOf("/v1/speak", { body, answerHeaders }))).toEqual(usage);
  });

  const answer = { metadata: { duration: 10.5, channels: 2 } };
  test.each([
    ["/v1/listen?model=nova-3", { model: "nova-3", audioSeconds: 10.5 }],
    ["/v1/listen?model=nova-3&multichannel=true", { model: "nova-3", audioSeconds: 21 }],
    ["/v1/listen?model=nova-3&multichannel=false", { model: "nova-3", audioSeconds: 10.5 }],
  ])("%s pays channels only where they are transcribed apart", (path, usage) => {
    expect(deepgram.meter.json(answer, callOf(path))).toEqual(usage);
  });

  test("what a language model made of the words is counted in tokens", () => {
    const metadata = { summary_info: { input_tokens: 100, output_tokens: 20 }, topics_info: { input_tokens: 50, output_tokens: 5 } };
    expect(deepgram.meter.json({ metadata }, callOf("/v1/read"))).toEqual({ inputTokens: 150, outputTokens: 25 });
  });

  test("an answer of several models is named by the one that was asked for", () => {
    const metadata = { duration: 1, model_info: { a: { arch: "nova-3" }, b: { arch: "nova-2" } } };
    expect(deepgram.meter.json({ metadata }, callOf("/v1/listen?model=nova-2"))).toEqual({ model: "nova-2", audioSeconds: 1 });
  });
});

test.each([
  ["/v1/listen", undefined, "https://api.deepgram.com"],
  ["/v1/agent/converse", undefined, "https://agent.deepgram.com"],
  ["/v1/agent/converse", "au", "https://api.au.deepgram.com"],
  ["/v1/speak", "in", "https://api.in.deepgram.com"],
])("%s in %s is at %s", (path, region, origin) => {
  expect(deepgram.origin({ ...keyData, ...(region !== undefined && { region }) }, path)).toBe(origin);
});

const classify = (status: number, body: string) => deepgram.classify({ status, headers: {}, body }, now);

describe("refusals beyond the samples", () => {
  test.each([
    [401, "Unauthorized", { verdict: "invalid", certain: false }],
    [403, '{"err_code":"INSUFFICIENT_PERMISSIONS","err_msg":"Missing scope."}', { verdict: "forbidden", scope: "endpoint" }],
    [413, "Payload Too Large", { verdict: "caller" }],
    [422, '{"err_code":"ASR_UNPROCESSABLE_ENTITY"}', { verdict: "caller", code: "ASR_UNPROCESSABLE_ENTITY" }],
    [499, "", { verdict: "transient" }],
  ])("%i %s", (status, body, expected) => {
    expect(classify(status, body)).toMatchObject(expected);
  });
});

const at = { projects: "GET /v1/projects", balances: `GET /v1/projects/${project}/balances`, token: "GET /v1/auth/token" };
const answer = (status: number, body: unknown = {}): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const probe = (answers: Answers, more: object = {}) => play(deepgram, { ...keyData, ...more }, answers, now);
const projects = sampleAnswer("deepgram", "projects-200.json", 200);

const balanceOf = async (balances: VendorAnswer | Error) => (await probe({ [at.projects]: projects, [at.balances]: balances })).outcome;

describe("the probe", () => {
  test("projects prove the key, and lead to the balance", async () => {
    const { outcome, asked } = await probe({ [at.projects]: projects, [at.balances]: sampleAnswer("deepgram", "balances-200.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: { amount: "187.42", currency: "USD" }, note: null, metadata: { projectId: project } });
    expect(asked).toEqual([at.projects, at.balances]);
  });

  test("several balances are one; other units, an empty list and a refusal are none", async () => {
    await expect(balanceOf(answer(200, { balances: [{ amount: 0.1, units: "usd" }, { amount: 0.2, units: "USD" }] }))).resolves.toMatchObject({ balance: { amount: "0.3", currency: "USD" } });
    for (const none of [answer(200, { balances: [] }), answer(200, { balances: [{ amount: 5, units: "hour" }] }), answer(401), new ProviderUnavailableError("no answer within 10 s")]) {
      await expect(balanceOf(none)).resolves.toMatchObject({ outcome: "alive", balance: null });
    }
  });

  test("a project that the key does not see is a wrong configuration", async () => {
    const { outcome } = await probe({ [at.projects]: projects }, { projectId: "00000000-0000-4000-8000-00000000a002" });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict: "forbidden", scope: "configuration" } });
  });

  test("a scoped key is alive; a dead one is told by its code", async () => {
    await expect(probe({ [at.projects]: sampleAnswer("deepgram", "401-insufficient-permissions.json", 401) })).resolves.toMatchObject({ outcome: { outcome: "alive", note: expect.stringContaining("scope") } });
    await expect(probe({ [at.projects]: sampleAnswer("deepgram", "401-bad-key.json", 401) })).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } }, asked: [at.projects] });
  });

  test("a 401 without a code is decided by a second endpoint", async () => {
    await expect(probe({ [at.projects]: answer(401), [at.token]: answer(401) })).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } } });
    await expect(probe({ [at.projects]: answer(401), [at.token]: answer(200) })).resolves.toMatchObject({ outcome: { outcome: "alive" } });
    await expect(probe({ [at.projects]: answer(401), [at.token]: answer(503) })).resolves.toMatchObject({ outcome: { failure: { verdict: "transient" } } });
  });

  test("F-20: a page in the place of the list is no proof, and no refusal", async () => {
    await expect(probe({ [at.projects]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

describe("the official SDK", () => {
  beforeEach(() => {
    vi.stubEnv("DEEPGRAM_API_KEY", "hosts-own");
    vi.stubEnv("DEEPGRAM_ACCESS_TOKEN", "hosts-own");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("with our configuration the key goes to the vendor and nothing of the host's", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("deepgram", "projects-200.json", 200).body);
    await new DeepgramClient({ ...deepgram.config(keyData, undefined), fetch }).manage.v1.projects.list();
    expect(seen.map(({ url }) => url.href)).toEqual(["https://api.deepgram.com/v1/projects"]);
    expect(seen[0]?.headers.get("authorization")).toBe(`Token ${keyData.apiKey}`);
  });

  test("a region and an operator's base URL move everything, agent included", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("deepgram", "listen-200.json", 200).body);
    const config = deepgram.config({ ...keyData, region: "eu" }, undefined);
    expect(config.environment).toEqual({ base: "https://api.eu.deepgram.com", production: "wss://api.eu.deepgram.com", agent: "wss://api.eu.deepgram.com", agentRest: "https://api.eu.deepgram.com" });
    await new DeepgramClient({ ...config, fetch }).listen.v1.media.transcribeUrl({ url: "https://example.com/a.wav", model: "nova-3" });
    await new DeepgramClient({ ...deepgram.config(keyData, "http://127.0.0.1:9/proxy/deepgram/"), fetch }).agent.v1.settings.think.models.list();
    expect(seen.map(({ url }) => url.href)).toEqual(["https://api.eu.deepgram.com/v1/listen?model=nova-3", "http://127.0.0.1:9/proxy/deepgram/v1/agent/settings/think/models"]);
  });

  test("a call that failed is not sent again, and our refusal raises what its users know", async () => {
    const error = fromWire({ code: "PROVIDER_UNAVAILABLE", message: "No key of this owner is usable." });
    if (!error) throw new Error("no error for PROVIDER_UNAVAILABLE");
    const { status, headers, body } = deepgram.refusal(error);
    const { fetch, seen } = recordingFetch(body, status, headers);
    const call = new DeepgramClient({ ...deepgram.config(keyData, undefined), fetch }).manage.v1.projects.list();
    await expect(call).rejects.toBeInstanceOf(DeepgramError);
    await expect(call).rejects.toMatchObject({ statusCode: 503, body: { err_code: "PROVIDER_UNAVAILABLE" } });
    expect(seen).toHaveLength(1);
  });
});

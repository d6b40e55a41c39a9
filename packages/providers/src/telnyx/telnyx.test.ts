import { fromWire, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import Telnyx, * as errors from "telnyx";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { play } from "../probe-script.ts";
import { recordingFetch } from "../recording.ts";
import { sampleAnswer } from "../sample.ts";
import { telnyx } from "./index.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Answers } from "../probe-script.ts";
import type { MeteredCall } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");
const keyData = { apiKey: "KEYTEST00000000000000000000000001_test-secret" };

function callOf(path: string, body?: Record<string, unknown>): MeteredCall {
  const route = telnyx.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return { route, path, body, askedByUs: false };
}

const classify = (status: number, code: string, headers: Record<string, string> = {}) =>
  telnyx.classify({ status, headers, body: JSON.stringify({ errors: [{ code, title: "", detail: "" }] }) }, now);

describe("usage", () => {
  test.each([
    ["/v2/messages", { parts: 3, media: [] }, { segments: 3 }],
    ["/v2/messages", { parts: 1, media: [{ url: "https://example.com/a.png" }], cost: { amount: "0.0151", currency: "USD" } }, { segments: 1, units: { media: 1 }, costUsd: "0.0151" }],
    ["/v2/messages/whatsapp", { parts: 1, type: "WHATSAPP" }, { segments: 1, units: { whatsappMessages: 1 } }],
    ["/v2/messages", { parts: 1, cost: { amount: "0.0151", currency: "EUR" } }, { segments: 1 }],
    ["/v2/calls", { call_control_id: "v3:test" }, { units: { calls: 1 } }],
    ["/v2/messages", {}, null],
  ])("%s %o is %o", (path, data, usage) => {
    expect(telnyx.meter.json({ data }, callOf(path))).toEqual(usage);
  });

  test("inference is counted as OpenAI's, speech by the text that was sent", () => {
    expect(telnyx.meter.json({ model: "m", usage: { prompt_tokens: 3, completion_tokens: 2 } }, callOf("/v2/ai/chat/completions"))).toEqual({ model: "m", inputTokens: 3, outputTokens: 2 });
    expect(telnyx.meter.json(undefined, callOf("/v2/text-to-speech/speech", { text: "Hello", voice: "Telnyx.NaturalHD.astra" }))).toEqual({ model: "Telnyx.NaturalHD.astra", characters: 5 });
  });
});

test("sending and calling act on the world, reading does not", () => {
  for (const path of ["/v2/messages", "/v2/messages/rcs", "/v2/calls", "/v2/faxes", "/v2/calls/c1/actions/hangup", "/v2/verifications/sms"]) expect(telnyx.route("POST", path)).toMatchObject({ acts: true });
  for (const path of ["/v2/messages/m1", "/v2/recordings", "/v2/balance"]) expect(telnyx.route("GET", path)).toMatchObject({ acts: false });
});

describe("refusals beyond the samples", () => {
  test.each([
    [401, "20002", { verdict: "invalid", certain: true }],
    [401, "20006", { verdict: "invalid", certain: false }],
    [403, "10039", { verdict: "forbidden", scope: "configuration", accountWide: true }],
    [403, "20015", { verdict: "forbidden", scope: "configuration" }],
    [402, "20100", { verdict: "exhausted", accountWide: true }],
    [403, "20012", { verdict: "exhausted" }],
    [403, "20013", { verdict: "exhausted", reason: expect.stringContaining("blocked") }],
    [408, "10008", { verdict: "transient" }],
    [400, "10015", { verdict: "caller" }],
  ])("%i %s is told by its code", (status, code, expected) => {
    expect(classify(status, code)).toMatchObject(expected);
  });

  test("a reset is seconds that are left, not a moment", () => {
    expect(classify(429, "10011", { "x-ratelimit-reset": "12" })).toMatchObject({ retryAfterMs: 12_000 });
    expect(classify(429, "10011", { "x-ratelimit-reset": "1795514400" })).toMatchObject({ retryAfterMs: null });
  });
});

const at = { balance: "GET /v2/balance", whoami: "GET /v2/whoami" };
const answer = (status: number, body: unknown = {}): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const probe = (answers: Answers) => play(telnyx, keyData, answers, now);

describe("the probe", () => {
  test("the balance proves the key; what can be spent counts the credit line in", async () => {
    await expect(probe({ [at.balance]: sampleAnswer("telnyx", "balance-200.json", 200) })).resolves.toMatchObject({ outcome: { outcome: "alive", balance: { amount: "400", currency: "USD" }, note: null }, asked: [at.balance] });
    await expect(probe({ [at.balance]: answer(200, { data: { balance: "5", available_credit: "-0.50", currency: "USD" } }) })).resolves.toMatchObject({ outcome: { failure: { verdict: "exhausted", accountWide: true } } });
  });

  test.each([
    ["401-bad-key.json", 401, { outcome: "refused", failure: { verdict: "invalid", certain: true } }],
    ["403-forbidden.json", 403, { outcome: "alive" }],
    ["403-insufficient-funds.json", 403, { outcome: "refused", failure: { verdict: "exhausted" } }],
    ["429-rate-limited.http", 429, { outcome: "refused", failure: { verdict: "rate_limited" } }],
    ["500-unexpected.json", 500, { outcome: "refused", failure: { verdict: "transient" } }],
  ])("%s is reported as it is classified", async (name, status, expected) => {
    await expect(probe({ [at.balance]: sampleAnswer("telnyx", name, status) })).resolves.toMatchObject({ outcome: expected, asked: [at.balance] });
  });

  test("a 401 that could mean no key at all is decided by a second endpoint", async () => {
    const unclear = sampleAnswer("telnyx", "401-no-credentials.json", 401);
    await expect(probe({ [at.balance]: unclear, [at.whoami]: unclear })).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } } });
    await expect(probe({ [at.balance]: unclear, [at.whoami]: sampleAnswer("telnyx", "whoami-200.json", 200) })).resolves.toMatchObject({ outcome: { outcome: "alive" } });
  });

  test("F-20: a page in the place of the balance is no proof, and no refusal", async () => {
    await expect(probe({ [at.balance]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

describe("the official SDK", () => {
  beforeEach(() => {
    for (const name of ["TELNYX_API_KEY", "TELNYX_PUBLIC_KEY", "TELNYX_CLIENT_ID", "TELNYX_CLIENT_SECRET"]) vi.stubEnv(name, "hosts-own");
    vi.stubEnv("TELNYX_BASE_URL", "http://hostile.test/v2");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const balance = sampleAnswer("telnyx", "balance-200.json", 200).body;

  test("with our configuration the key goes to the vendor and nothing of the host's", async () => {
    const { fetch, seen } = recordingFetch(balance);
    const client = new Telnyx({ ...telnyx.config(keyData, undefined), fetch });
    await client.balance.retrieve();
    expect(seen.map(({ url }) => url.href)).toEqual(["https://api.telnyx.com/v2/balance"]);
    expect(seen[0]?.headers.get("authorization")).toBe(`Bearer ${keyData.apiKey}`);
    expect([client.publicKey, client.clientID, client.clientSecret]).toEqual([null, null, null]);
  });

  test("without our configuration the environment would have taken the key, or the host's own client the call: the traps are there", async () => {
    const { fetch, seen } = recordingFetch(balance);
    await new Telnyx({ ...keyData, fetch }).balance.retrieve();
    expect(seen.map(({ url }) => `${url.host}${url.pathname}`)).toEqual(["api.telnyx.com/v2/oauth/token", "hostile.test/v2/balance"]);
  });

  test("an operator's base URL is the origin, and the SDK's version segment is added", async () => {
    const { fetch, seen } = recordingFetch(balance);
    await new Telnyx({ ...telnyx.config(keyData, "http://127.0.0.1:9/proxy/telnyx"), fetch }).balance.retrieve();
    expect(seen.map(({ url }) => url.href)).toEqual(["http://127.0.0.1:9/proxy/telnyx/v2/balance"]);
  });

  test("a message that failed is not sent twice", async () => {
    const { fetch, seen } = recordingFetch(sampleAnswer("telnyx", "500-unexpected.json", 500).body, 500);
    await expect(new Telnyx({ ...telnyx.config(keyData, undefined), fetch }).messages.send({ to: "+15005550001", from: "+15005550006", text: "Hello" })).rejects.toBeInstanceOf(errors.InternalServerError);
    expect(seen).toHaveLength(1);
  });

  test.each([
    ["UNAUTHENTICATED", errors.AuthenticationError],
    ["PERMISSION_DENIED", errors.PermissionDeniedError],
    ["KEY_NOT_FOUND", errors.NotFoundError],
    ["KEY_VALIDATION", errors.UnprocessableEntityError],
    ["QUOTA_EXCEEDED", errors.RateLimitError],
    ["PROVIDER_UNAVAILABLE", errors.InternalServerError],
  ] as const)("our refusal %s raises what its users know", async (code, raised) => {
    const error = fromWire({ code, message: "No key of this owner is usable." });
    if (!error) throw new Error(`no error for ${code}`);
    const { status, headers, body } = telnyx.refusal(error);
    const { fetch } = recordingFetch(body, status, headers);
    await expect(new Telnyx({ ...telnyx.config(keyData, undefined), fetch }).balance.retrieve()).rejects.toBeInstanceOf(raised);
  });
});

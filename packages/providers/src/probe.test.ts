/** Probes, played against recorded answers: what each asks, in which order, and what it concludes. */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { describe, expect, test } from "vitest";
import { play } from "./probe-script.ts";
import { providerFor } from "./registry.ts";
import { sampleAnswer } from "./sample.ts";
import type { VendorAnswer } from "./failure.ts";
import type { Answers } from "./probe-script.ts";

const answer = (status: number, body: unknown = {}): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const gone = new ProviderUnavailableError("no answer within 10 s");

describe("openai", () => {
  const provider = providerFor("openai");
  const models = "GET /v1/models";
  const tokens = "POST /v1/responses/input_tokens";
  const probe = (answers: Answers) => play(provider, { apiKey: "sk-test-0123456789", organization: "org-test" }, answers);

  test("a list of models proves the key, asked with its own headers", async () => {
    const { outcome, asked, requests } = await probe({ [models]: sampleAnswer("openai", "200-models.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null });
    expect(asked).toEqual([models]);
    expect(requests[0]?.headers).toEqual({ authorization: "Bearer sk-test-0123456789", "openai-organization": "org-test" });
  });

  test("a list that is cut at what a probe reads still proves it", async () => {
    const list = `{"object":"list","data":[${'{"id":"m","object":"model"},'.repeat(3_000)}`.slice(0, 65_536);
    await expect(probe({ [models]: { status: 200, headers: {}, body: list } })).resolves.toMatchObject({ outcome: { outcome: "alive" } });
  });

  test.each([
    ["403-missing-scope-models-list.json", 403],
    ["401-missing-scope-inference.json", 401],
  ])("a restricted key that may not list models is alive: %s", async (name, status) => {
    const { outcome } = await probe({ [models]: sampleAnswer("openai", name, status) });
    expect(outcome).toMatchObject({ outcome: "alive", note: expect.stringContaining("restricted") });
  });

  test.each([
    ["401-invalid-key.http", 401, "invalid"],
    ["401-account-deactivated.json", 401, "invalid"],
    ["429-credit-balance-exhausted.http", 429, "exhausted"],
    ["429-rate-limited.http", 429, "rate_limited"],
    ["401-incorrect-hostname.json", 401, "forbidden"],
    ["401-mismatched-organization.json", 401, "forbidden"],
    ["503-overloaded.http", 503, "transient"],
    ["502-html.http", 502, "transient"],
  ])("%s is reported as it is classified", async (name, status, verdict) => {
    const { outcome, asked } = await probe({ [models]: sampleAnswer("openai", name, status) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict, certain: true } });
    expect(asked).toEqual([models]);
  });

  test.each([
    ["refused as well", answer(401), { outcome: "refused", failure: { verdict: "invalid", certain: true } }],
    ["refused by a code", sampleAnswer("openai", "401-invalid-key.http", 401), { outcome: "refused", failure: { verdict: "invalid", certain: true } }],
    ["answered", answer(200, { object: "response.input_tokens", input_tokens: 8 }), { outcome: "alive" }],
    ["at odds with the request alone", sampleAnswer("openai", "404-model-not-found.json", 404), { outcome: "alive" }],
    ["out of order", answer(503), { outcome: "refused", failure: { verdict: "transient" } }],
    ["out of credit", sampleAnswer("openai", "429-insufficient-quota-legacy.json", 429), { outcome: "refused", failure: { verdict: "exhausted" } }],
  ])("a 401 without a reason is decided by a second endpoint: %s", async (_what, second, expected) => {
    const { outcome, asked } = await probe({ [models]: answer(401), [tokens]: second });
    expect(outcome).toMatchObject(expected);
    expect(asked).toEqual([models, tokens]);
  });

  test("F-20: a page in the place of the list is no proof, and no refusal", async () => {
    await expect(probe({ [models]: { status: 200, headers: {}, body: "<html>Welcome to this Wi-Fi</html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
    await expect(probe({ [models]: gone })).rejects.toBe(gone);
  });
});

describe("anthropic", () => {
  const provider = providerFor("anthropic");
  const models = "GET /v1/models?limit=1";
  const tokens = "POST /v1/messages/count_tokens";
  const probe = (answers: Answers) => play(provider, { apiKey: "sk-ant-test-0123456789" }, answers);
  const list = sampleAnswer("anthropic", "200-models.json", 200);

  test("a list of models proves the key; counting with the first of them finds nothing against it", async () => {
    const { outcome, asked, requests } = await probe({ [models]: list, [tokens]: sampleAnswer("anthropic", "200-count-tokens.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null });
    expect(asked).toEqual([models, tokens]);
    expect(requests[1]?.body).toContain("claude-opus-5-5");
    for (const { headers } of requests) expect(headers).toMatchObject({ "x-api-key": "sk-ant-test-0123456789", "anthropic-version": "2023-06-01" });
  });

  test("empty credit shows at the count alone", async () => {
    const { outcome } = await probe({ [models]: list, [tokens]: sampleAnswer("anthropic", "400-credit-balance-too-low.json", 400) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict: "exhausted", until: null } });
  });

  test.each([
    ["a bad request", answer(400)],
    ["a rate limit", sampleAnswer("anthropic", "429-rate-limited.http", 429)],
    ["trouble of the vendor", sampleAnswer("anthropic", "529-overloaded.http", 529)],
    ["even a refusal", sampleAnswer("anthropic", "403-permission.json", 403)],
    ["no answer", gone],
  ])("%s at the count takes nothing from what the list proved", async (_what, second) => {
    const { outcome } = await probe({ [models]: list, [tokens]: second });
    expect(outcome).toMatchObject({ outcome: "alive" });
  });

  test.each([
    ["401-invalid-x-api-key.json", 401, "invalid"],
    ["400-organization-on-hold.json", 400, "invalid"],
    ["402-billing.json", 402, "exhausted"],
    ["403-network-block.json", 403, "forbidden"],
    ["429-rate-limited.http", 429, "rate_limited"],
    ["500-api-error.http", 500, "transient"],
  ])("%s is reported as it is classified", async (name, status, verdict) => {
    const { outcome, asked } = await probe({ [models]: sampleAnswer("anthropic", name, status) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict } });
    expect(asked).toEqual([models]);
  });

  test("a key that may not list models is alive", async () => {
    const { outcome } = await probe({ [models]: sampleAnswer("anthropic", "403-permission.json", 403) });
    expect(outcome).toMatchObject({ outcome: "alive" });
  });

  test("a 401 in a foreign shape is decided by a second endpoint", async () => {
    const dead = await probe({ [models]: answer(401), [tokens]: answer(401) });
    expect(dead.outcome).toMatchObject({ outcome: "refused", failure: { verdict: "invalid", certain: true } });
    const live = await probe({ [models]: answer(401), [tokens]: sampleAnswer("anthropic", "200-count-tokens.json", 200) });
    expect(live.outcome).toMatchObject({ outcome: "alive" });
  });

  test("F-20: a page in the place of the list is no proof, and no refusal", async () => {
    await expect(probe({ [models]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

describe("twilio", () => {
  const provider = providerFor("twilio");
  const sid = "AC00000000000000000000000000000000";
  const base = `GET /2010-04-01/Accounts/${sid}`;
  const at = { account: `${base}.json`, balance: `${base}/Balance.json`, messages: `${base}/Messages.json?PageSize=1`, calls: `${base}/Calls.json?PageSize=1`, numbers: `${base}/IncomingPhoneNumbers.json?PageSize=1` };
  const byToken = (answers: Answers) => play(provider, { accountSid: sid, authToken: "customers-token" }, answers);
  const byKey = (answers: Answers) => play(provider, { accountSid: sid, apiKeySid: "SK00000000000000000000000000000000", apiKeySecret: "test-secret-shown-once" }, answers);
  const bad = sampleAnswer("twilio", "401-bad-token.json", 401);
  const limited = sampleAnswer("twilio", "401-restricted-key-70051.json", 401);

  test("a token reads its account and balance; the account's auth_token goes no further", async () => {
    const { outcome, asked } = await byToken({ [at.account]: sampleAnswer("twilio", "account-200.json", 200), [at.balance]: sampleAnswer("twilio", "balance-200.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: { amount: "12.34", currency: "USD" }, note: null, metadata: { accountType: "Full" } });
    expect(asked).toEqual([at.account, at.balance]);
    expect(JSON.stringify(outcome)).not.toContain("REDACT-ME");
  });

  test.each([
    ["refused", bad],
    ["not there", sampleAnswer("twilio", "404-not-found.json", 404)],
    ["without an answer", gone],
    ["of another shape", answer(200, { balance: 5 })],
  ])("a balance %s is not known, and the token alive", async (_what, balance) => {
    const { outcome } = await byToken({ [at.account]: sampleAnswer("twilio", "account-200.json", 200), [at.balance]: balance });
    expect(outcome).toMatchObject({ outcome: "alive", balance: null });
  });

  test("a suspended account is exhausted, not dead", async () => {
    const { outcome } = await byToken({ [at.account]: sampleAnswer("twilio", "account-200-suspended-subaccount.json", 200) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict: "exhausted", accountWide: true } });
    expect(JSON.stringify(outcome)).not.toContain("REDACT-ME");
  });

  test("20008 tells live test credentials", async () => {
    const { outcome } = await byToken({ [at.account]: sampleAnswer("twilio", "403-test-credentials-20008.json", 403) });
    expect(outcome).toMatchObject({ outcome: "alive", metadata: { isTest: "true" } });
  });

  test("20003 has many causes: a token is dead when two endpoints say it", async () => {
    const dead = await byToken({ [at.account]: bad, [at.messages]: bad });
    expect(dead.outcome).toMatchObject({ outcome: "refused", failure: { verdict: "invalid", certain: true, code: "20003" } });
    const live = await byToken({ [at.account]: bad, [at.messages]: sampleAnswer("twilio", "messages-list-200-empty.json", 200) });
    expect(live.outcome).toMatchObject({ outcome: "alive" });
  });

  test.each([
    ["403-account-not-active-20005.json", 403, "exhausted"],
    ["429-too-many-requests.http", 429, "rate_limited"],
    ["500-internal.http", 500, "transient"],
    ["404-not-found.json", 404, "forbidden"],
  ])("%s of the account is reported, a wrong account as a configuration", async (name, status, verdict) => {
    const { outcome } = await byToken({ [at.account]: sampleAnswer("twilio", name, status) });
    expect(outcome).toMatchObject({ outcome: "refused", failure: { verdict } });
  });

  test("an API key is never probed at the account, which standard keys may not read", async () => {
    const { outcome, asked, requests } = await byKey({ [at.messages]: sampleAnswer("twilio", "messages-list-200-empty.json", 200) });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null });
    expect(asked).toEqual([at.messages]);
    expect(requests[0]?.headers?.["authorization"]).toBe(`Basic ${btoa("SK00000000000000000000000000000000:test-secret-shown-once")}`);
  });

  test("a key that may read only one product is alive, and the note says which", async () => {
    const { outcome, asked } = await byKey({ [at.messages]: limited, [at.calls]: bad, [at.numbers]: answer(200, {}) });
    expect(outcome).toMatchObject({ outcome: "alive", note: expect.stringContaining("IncomingPhoneNumbers") });
    expect(asked).toEqual([at.messages, at.calls, at.numbers]);
  });

  test("a key is dead only when 20003 comes throughout; one 70051 means restricted", async () => {
    const dead = await byKey({ [at.messages]: bad, [at.calls]: bad, [at.numbers]: bad });
    expect(dead.outcome).toMatchObject({ outcome: "refused", failure: { verdict: "invalid", certain: true } });
    for (const place of [at.messages, at.calls, at.numbers]) {
      const { outcome } = await byKey({ [at.messages]: bad, [at.calls]: bad, [at.numbers]: bad, [place]: limited });
      expect(outcome).toMatchObject({ outcome: "alive", note: expect.stringContaining("restricted") });
    }
  });

  test("F-20: a page in the place of the account is no proof, and no refusal", async () => {
    await expect(byToken({ [at.account]: { status: 200, headers: {}, body: "<html></html>" } })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

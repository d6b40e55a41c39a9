import { createPublicKey } from "node:crypto";
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { providerFor } from "../registry.ts";
import { sampleAccount, samplePrivateKey } from "../sample-service-account.ts";
import { sampleAnswer } from "../sample.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Question } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");
const baseUrl = "http://127.0.0.1:9999/vertex";

/** Exchanges an account; what was asked, and what came of it. */
async function exchanged(more: Record<string, unknown>, answer: VendorAnswer, base?: string, storedUnder = base) {
  const provider = providerFor("vertex");
  const keyData = provider.parse({ serviceAccount: sampleAccount(more) }, storedUnder);
  const asked: Question[] = [];
  const ask = (question: Question): Promise<VendorAnswer> => {
    asked.push(question);
    return Promise.resolve(answer);
  };
  const made = await provider.accessToken?.(keyData, ask, now, base);
  return { made, asked };
}

const token = sampleAnswer("vertex", "200-token.json", 200);

describe("a service account is exchanged for a token", () => {
  test("by an assertion that it signs, for Google alone, for an hour", async () => {
    const { made, asked } = await exchanged({}, token);
    expect(made).toEqual({ outcome: "token", token: "ya29.test-not-real", expiresAt: new Date(now.getTime() + 3_599_000) });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method: "POST", path: "/token", headers: { "content-type": "application/x-www-form-urlencoded" } });
    expect(asked[0]).not.toHaveProperty("origin");
    const form = new URLSearchParams(asked[0]?.body);
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const { payload, protectedHeader } = await jwtVerify(form.get("assertion") ?? "", createPublicKey(samplePrivateKey()), { currentDate: now });
    expect(protectedHeader).toEqual({ alg: "RS256", typ: "JWT", kid: "0000000000000000000000000000000000000000" });
    expect(payload).toEqual({
      iss: "byok-test@test-project.iam.gserviceaccount.com",
      aud: "https://oauth2.googleapis.com/token",
      scope: "https://www.googleapis.com/auth/cloud-platform",
      iat: now.getTime() / 1_000,
      exp: now.getTime() / 1_000 + 3_600,
    });
  });

  test("at Google's one address, whichever of its own the file names, and at the operator's where a base URL is set", async () => {
    const provider = providerFor("vertex");
    const { asked } = await exchanged({ token_uri: "https://accounts.google.com/o/oauth2/token" }, token, baseUrl);
    // Without an origin of its own the question goes to the base URL, which stands for all of the vendor's hosts.
    expect(asked.map(({ path, origin }) => [path, origin])).toEqual([["/token", undefined]]);
    expect(provider.origin(provider.parse({ serviceAccount: sampleAccount() }), "/token")).toBe("https://oauth2.googleapis.com");
  });

  test("at an address of the operator's that the file names, whole", async () => {
    const { asked } = await exchanged({ token_uri: "http://127.0.0.1:9999/token?tenant=1" }, token, baseUrl);
    expect(asked.map(({ path, origin }) => [path, origin])).toEqual([["/token?tenant=1", "http://127.0.0.1:9999"]]);
    const { payload } = await jwtVerify(new URLSearchParams(asked[0]?.body).get("assertion") ?? "", createPublicKey(samplePrivateKey()), { currentDate: now });
    expect(payload.aud).toBe("http://127.0.0.1:9999/token?tenant=1");
  });

  test.each([undefined, "http://127.0.0.1:1/", "https://127.0.0.1:9999/"])("B-12: and nowhere else, also after the base URL became %s", async (later) => {
    const { made, asked } = await exchanged({ token_uri: "http://127.0.0.1:9999/token" }, token, later, baseUrl);
    expect(asked).toEqual([]);
    expect(made).toMatchObject({ outcome: "refused", failure: { verdict: "forbidden", scope: "configuration" } });
  });

  test.each([
    ["400-token-invalid-signature.json", 400, { verdict: "invalid", certain: true }],
    ["400-token-clock-skew.json", 400, { verdict: "transient", failover: false }],
    ["401-token-deleted-client.json", 401, { verdict: "invalid", certain: true }],
  ])("%s is told as it is classified", async (name, status, failure) => {
    await expect(exchanged({}, sampleAnswer("vertex", name, status))).resolves.toMatchObject({ made: { outcome: "refused", failure } });
  });

  test.each([
    ["<html></html>", 200],
    ["{}", 200],
    ['{"access_token":"two words"}', 200],
    ['{"access_token":5}', 200],
    ["", 302],
  ])("F-20: %j with %i is no token, and no refusal", async (body, status) => {
    await expect(exchanged({}, { status, headers: {}, body })).rejects.toBeInstanceOf(ProviderUnavailableError);
  });

  test.each([
    ["a life that is not told", {}, 3_600_000],
    ["one longer than an hour", { expires_in: 86_400 }, 3_600_000],
    ["one of no length", { expires_in: 0 }, 3_600_000],
    ["a shorter one", { expires_in: 600 }, 600_000],
  ])("%s is never taken for more than an hour", async (_what, more, lifeMs) => {
    const { made } = await exchanged({}, { status: 200, headers: {}, body: JSON.stringify({ access_token: "ya29.test", ...more }) });
    expect(made).toMatchObject({ expiresAt: new Date(now.getTime() + lifeMs) });
  });

  test("an API key is not exchanged", () => {
    const provider = providerFor("vertex");
    expect(provider.accessToken?.(provider.parse({ apiKey: "AQ.test" }), () => Promise.reject(new Error("asked")), now)).toBeNull();
  });
});

describe("refusals of Google Cloud beyond the samples", () => {
  const provider = providerFor("google_speech");
  const classify = (status: number, body: unknown, headers: Record<string, string> = {}) => provider.classify({ status, headers, body: JSON.stringify(body) }, now);

  test.each([
    [400, { error: "invalid_grant", error_description: "Something new." }, { verdict: "invalid", certain: false }],
    [400, { error: "invalid_scope" }, { verdict: "caller" }],
    [401, { error: "invalid_client" }, { verdict: "caller" }],
    [503, { error: "internal_failure" }, { verdict: "transient" }],
    [429, { error: "rate_limit" }, { verdict: "rate_limited" }],
    [401, { error: { code: 401, status: "UNAUTHENTICATED" } }, { verdict: "invalid", certain: false }],
    [403, { error: { code: 403, message: "This API method requires billing to be enabled." } }, { verdict: "exhausted" }],
    [403, { error: { code: 403, message: "No." } }, { verdict: "forbidden", scope: "endpoint" }],
    [404, { error: { code: 404, message: "Requested entity was not found." } }, { verdict: "caller" }],
  ])("%i %o", (status, body, expected) => {
    expect(classify(status, body)).toMatchObject(expected);
  });

  test.each([
    ["2026-11-24T10:00:00Z", "2026-11-25T08:00:00Z"],
    ["2026-11-25T07:59:59Z", "2026-11-25T08:00:00Z"],
    ["2026-07-01T12:00:00Z", "2026-07-02T07:00:00Z"],
  ])("a day's quota that is used up at %s comes back at midnight in California, %s", (at, until) => {
    const body = { error: { code: 429, details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "RATE_LIMIT_EXCEEDED", metadata: { quota_unit: "1/d/{project}" } }] } };
    expect(provider.classify({ status: 429, headers: {}, body: JSON.stringify(body) }, new Date(at))).toMatchObject({ verdict: "exhausted", until: new Date(until) });
  });
});

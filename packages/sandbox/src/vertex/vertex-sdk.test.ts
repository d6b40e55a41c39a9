// Google's own SDK against the sandbox's Vertex AI: an account that signs in, express keys, streams, and what each fault becomes.
import { sign } from "node:crypto";
import { GoogleGenAI, Modality } from "@google/genai";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { isObject } from "../dialect.ts";
import { apiErrorOf } from "../google/api-error.fixture.ts";
import { googleOptions } from "../google/googleapis.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import type { ServiceAccountFile } from "../vault.ts";

const sandbox = await startSandbox();
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const account = sandbox.serviceAccount();
const base = sandbox.baseUrl("vertex");
const expressKey = "AQ.Ab8RN6Test000000000000000000000001";
const model = "gemini-3.6-flash";
const said = `This is ${model} in the byok sandbox. You said: Hello`;

function client(credentials: ServiceAccountFile = account): GoogleGenAI {
  return new GoogleGenAI({
    vertexai: true,
    project: "test-project",
    location: "us-central1",
    googleAuthOptions: googleOptions(base, { credentials }),
    httpOptions: { baseUrl: base },
  });
}

function express(apiKey = expressKey): GoogleGenAI {
  return new GoogleGenAI({ vertexai: true, apiKey, httpOptions: { baseUrl: base } });
}

function assertionOf(claims: object, header: object = { alg: "RS256", typ: "JWT" }, by = account): string {
  const nowS = Math.floor(Date.now() / 1000);
  const whole = {
    iss: by.client_email,
    aud: by.token_uri,
    scope: "https://www.googleapis.com/auth/cloud-platform",
    iat: nowS,
    exp: nowS + 3600,
    ...claims,
  };
  const text = [header, whole].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), by.private_key).toString("base64url")}`;
}

async function exchange(assertion: string): Promise<{ status: number; body: Record<string, string> }> {
  const form = new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
  const response = await fetch(account.token_uri, { method: "POST", body: form });
  const body: unknown = await response.json();
  return {
    status: response.status,
    body: Object.fromEntries(Object.entries(isObject(body) ? body : {}).map(([name, value]) => [name, String(value)])),
  };
}

describe("an account", () => {
  it("is a well-formed file whose token endpoint is the sandbox's", () => {
    expect(account).toMatchObject({
      type: "service_account",
      project_id: "test-project",
      token_uri: `${base}/token`,
      universe_domain: "googleapis.com",
    });
    expect(account.private_key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(account.client_id).toMatch(/^\d{21}$/);
    expect(sandbox.serviceAccount().client_email).not.toBe(account.client_email);
    expect(sandbox.serviceAccount({ name: "a-revoked-one", projectId: "other" }).client_email).toBe(
      "a-revoked-one@other.iam.gserviceaccount.com",
    );
  });

  it("signs in, generates and streams; the ledger has its calls under its address", async () => {
    const ai = client();
    const answer = await ai.models.generateContent({ model, contents: "Hello" });
    expect(answer.text).toBe(said);
    expect(answer.usageMetadata).toMatchObject({
      promptTokenCount: 1,
      candidatesTokenCount: 10,
      thoughtsTokenCount: 8,
      trafficType: "ON_DEMAND",
    });
    let streamed = "";
    for await (const chunk of await ai.models.generateContentStream({ model, contents: "Hello" })) streamed += chunk.text ?? "";
    expect(streamed).toBe(said);
    await sandbox.ledger.whenSettled();
    const entries = sandbox.ledger.entries({ key: account.client_email });
    const path = `/v1beta1/projects/test-project/locations/us-central1/publishers/google/models/${model}`;
    expect(entries.map((entry) => entry.path)).toEqual(["/token", `${path}:generateContent`, `${path}:streamGenerateContent`]);
    expect(entries[1]).toMatchObject({
      provider: "vertex",
      presented: expect.stringMatching(/^ya29\.sandbox-/) as unknown,
      usage: { inputTokens: 1, outputTokens: 18, reasoningTokens: 8 },
    });
    expect(entries[2]?.usage).toEqual(entries[1]?.usage);
  });

  it("counts tokens for nothing, and speaks the Live API", async () => {
    expect(await client().models.countTokens({ model, contents: "one two" })).toMatchObject({ totalTokens: 2 });
    const turns = await new Promise<unknown>((resolve, reject) => {
      const callbacks = {
        onmessage: (message: { usageMetadata?: unknown }) =>
          message.usageMetadata !== undefined && resolve(message.usageMetadata),
        onerror: (event: { message: string }) => reject(new Error(event.message)),
      };
      client()
        .live.connect({ model, callbacks, config: { responseModalities: [Modality.TEXT] } })
        .then((session) => session.sendClientContent({ turns: "words: 2" }), reject);
    });
    expect(turns).toMatchObject({ promptTokenCount: 2, responseTokenCount: 2 });
    expect(sandbox.ledger.entries().at(-1)).toMatchObject({ key: account.client_email, status: 101 });
  });

  it("a token outlives a reset, and is no longer taken after its hour", async () => {
    let now = new Date();
    await using timed = await startSandbox({ now: () => now });
    const own = timed.serviceAccount();
    const ai = new GoogleGenAI({
      vertexai: true,
      project: "test-project",
      location: "global",
      googleAuthOptions: googleOptions(timed.baseUrl("vertex"), { credentials: own }),
      httpOptions: { baseUrl: timed.baseUrl("vertex") },
    });
    await ai.models.countTokens({ model, contents: "x" });
    timed.reset();
    await ai.models.countTokens({ model, contents: "x" });
    now = new Date(now.getTime() + 3_600_000);
    expect(await apiErrorOf(ai.models.countTokens({ model, contents: "x" }))).toMatchObject({
      status: 401,
      body: { error: { details: [{ reason: "ACCESS_TOKEN_EXPIRED" }] } },
    });
  });
});

describe("the token endpoint", () => {
  it("takes what the account's key signed, and Google's own audience", async () => {
    const told = await exchange(assertionOf({}));
    expect([told.status, told.body]).toMatchObject([200, { expires_in: "3599", token_type: "Bearer" }]);
    expect((await exchange(assertionOf({ aud: "https://oauth2.googleapis.com/token" }))).status).toBe(200);
  });

  const nowS = Math.floor(Date.now() / 1000);
  const clock =
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
  it.each([
    {
      what: "an unknown account",
      assertion: () => assertionOf({ iss: "nobody@test-project.iam.gserviceaccount.com" }),
      error: "invalid_grant",
      text: "Invalid grant: account not found",
    },
    {
      what: "another's signature",
      assertion: () => `${assertionOf({}).slice(0, -8)}AAAAAAAA`,
      error: "invalid_grant",
      text: "Invalid JWT Signature.",
    },
    {
      what: "a claim that was not signed",
      assertion: () =>
        assertionOf({}).replace(
          /\.[^.]+\./,
          `.${Buffer.from(JSON.stringify({ iss: account.client_email })).toString("base64url")}.`,
        ),
      error: "invalid_grant",
      text: "Invalid JWT Signature.",
    },
    {
      what: "no signature at all",
      assertion: () => assertionOf({}, { alg: "none" }),
      error: "invalid_grant",
      text: "Invalid JWT Signature.",
    },
    {
      what: "another key's id",
      assertion: () => assertionOf({}, { alg: "RS256", kid: "0".repeat(40) }),
      error: "invalid_grant",
      text: "Invalid JWT Signature.",
    },
    {
      what: "yesterday",
      assertion: () => assertionOf({ iat: nowS - 86_400, exp: nowS - 82_800 }),
      error: "invalid_grant",
      text: clock,
    },
    {
      what: "tomorrow",
      assertion: () => assertionOf({ iat: nowS + 86_400, exp: nowS + 90_000 }),
      error: "invalid_grant",
      text: clock,
    },
    { what: "a day's length", assertion: () => assertionOf({ exp: nowS + 86_400 }), error: "invalid_grant", text: clock },
    {
      what: "another audience",
      assertion: () => assertionOf({ aud: "https://elsewhere.example/token" }),
      error: "invalid_grant",
      text: "Invalid JWT: Failed audience check.",
    },
    {
      what: "no scope",
      assertion: () => assertionOf({ scope: "" }),
      error: "invalid_scope",
      text: "Empty or missing scope not allowed.",
    },
    { what: "no token", assertion: () => "hello", error: "invalid_request", text: "Bad Request" },
  ])("refuses $what in OAuth's words", async ({ assertion, error, text }) => {
    expect(await exchange(assertion())).toEqual({ status: 400, body: { error, error_description: text } });
  });

  it("meets that a key is gone, and leaves every other step of the account's script to the API", async () => {
    sandbox.script(account.client_email, { kind: "rate_limited" }, { kind: "ok" }, { kind: "revoked" });
    expect((await exchange(assertionOf({}))).status).toBe(200);
    const ai = client();
    expect(await apiErrorOf(ai.models.generateContent({ model, contents: "x" }))).toMatchObject({
      status: 429,
      body: { error: { message: expect.stringContaining("per_minute") as unknown } },
    });
    expect((await ai.models.generateContent({ model, contents: "Hello" })).text).toBe(said);
    expect(await apiErrorOf(ai.models.generateContent({ model, contents: "x" }))).toMatchObject({ status: 401 });
    expect((await exchange(assertionOf({}))).body).toEqual({
      error: "invalid_grant",
      error_description: "Invalid JWT Signature.",
    });
  });

  it("has a script of its own under the key's id; the private key names the account, too", async () => {
    sandbox.script(account.private_key_id, { kind: "server_error", status: 503 }, { kind: "ok" });
    expect((await exchange(assertionOf({}))).status).toBe(503);
    expect((await exchange(assertionOf({}))).status).toBe(200);
    sandbox.script(account.private_key_id);
    sandbox.script(account.private_key, { kind: "invalid" });
    expect((await exchange(assertionOf({}))).body["error_description"]).toBe("Invalid grant: account not found");
  });

  it("a word in the account's name is its fault", async () => {
    const worded = sandbox.serviceAccount({ name: "a-revoked-account" });
    expect((await exchange(assertionOf({}, { alg: "RS256" }, worded))).status).toBe(400);
    expect(
      await apiErrorOf(
        client(sandbox.serviceAccount({ name: "a-noquota-account" })).models.generateContent({ model, contents: "x" }),
      ),
    ).toMatchObject({ status: 403, body: { error: { details: [{ reason: "BILLING_DISABLED" }] } } });
  });

  it("no assertion and no token leave the process in the published ledger", async () => {
    const assertion = assertionOf({});
    const token = (await exchange(assertion)).body["access_token"] ?? "";
    await fetch(`${base}/v1/publishers/google/models`, { headers: { authorization: `Bearer ${token}` } });
    const ledger = await (await fetch(`${sandbox.url}/_sandbox/ledger`)).text();
    expect(ledger).not.toContain(assertion);
    expect(ledger).not.toContain(token);
  });
});

describe("express keys", () => {
  it("generate, and stream an array-wrapped error", async () => {
    expect((await express().models.generateContent({ model, contents: "Hello" })).text).toBe(said);
    expect(sandbox.ledger.entries()[0]).toMatchObject({
      key: expressKey,
      path: `/v1beta1/publishers/google/models/${model}:generateContent`,
    });
    sandbox.script(expressKey, { kind: "invalid" });
    expect(await apiErrorOf(express().models.generateContent({ model, contents: "x" }))).toMatchObject({
      status: 400,
      body: { error: { details: [{ reason: "API_KEY_INVALID", metadata: { service: "aiplatform.googleapis.com" } }, {}] } },
    });
  });

  it("list no models and open no project, and nobody gets in without one", async () => {
    const path = "/v1/projects/test-project/locations/global/publishers/google/models/gemini-3.6-flash:countTokens";
    const headers = { "x-goog-api-key": expressKey, "content-type": "application/json" };
    for (const asked of [
      fetch(`${base}/v1beta1/publishers/google/models`, { headers }),
      fetch(`${base}${path}`, { method: "POST", headers, body: "{}" }),
      fetch(`${base}/v1beta1/publishers/google/models`),
    ]) {
      expect(await (await asked).json()).toMatchObject({
        error: { code: 401, status: "UNAUTHENTICATED", details: [{ reason: "CREDENTIALS_MISSING" }] },
      });
    }
  });
});

describe("refusals", () => {
  it.each([
    {
      fault: { kind: "scoped" },
      status: 403,
      more: { details: [{ reason: "IAM_PERMISSION_DENIED", metadata: { permission: "aiplatform.endpoints.predict" } }] },
    },
    { fault: { kind: "no_quota" }, status: 403, more: { details: [{ reason: "BILLING_DISABLED" }] } },
    { fault: { kind: "server_error", status: 503 }, status: 503, more: { status: "UNAVAILABLE" } },
  ] as const)("$fault.kind is $status", async ({ fault, status, more }) => {
    sandbox.script(account.client_email, fault);
    expect(await apiErrorOf(client().models.generateContent({ model, contents: "x" }))).toMatchObject({
      status,
      body: { error: more },
    });
  });

  it("a model or a project that is not there is named", async () => {
    expect(await apiErrorOf(client().models.generateContent({ model: "gemini-does-not-exist", contents: "x" }))).toMatchObject({
      status: 404,
      body: {
        error: {
          message: expect.stringContaining(
            "Publisher Model `projects/test-project/locations/us-central1/publishers/google/models/gemini-does-not-exist`",
          ) as unknown,
        },
      },
    });
    const elsewhere = new GoogleGenAI({
      vertexai: true,
      project: "does-not-exist",
      location: "global",
      googleAuthOptions: googleOptions(base, { credentials: account }),
      httpOptions: { baseUrl: base },
    });
    expect(await apiErrorOf(elsewhere.models.generateContent({ model, contents: "x" }))).toMatchObject({
      status: 403,
      body: { error: { details: [{ reason: "CONSUMER_INVALID" }] } },
    });
  });
});

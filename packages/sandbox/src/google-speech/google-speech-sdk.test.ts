// Google's own speech libraries, over REST, against the sandbox: an account and API keys, what is billed, and what each fault becomes.
import { v1 as speech, v2 as speechV2 } from "@google-cloud/speech";
import { TextToSpeechClient } from "@google-cloud/text-to-speech";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { googleOptions } from "../google/googleapis.fixture.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";

const sandbox = await startSandbox();
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const account = sandbox.serviceAccount();
const base = sandbox.baseUrl("google_speech");
const apiKey = "AIzaSyTest00000000000000000000000000001";
const once = { timeout: 10_000, retry: null } as const;
const voice = { languageCode: "en-US", name: "en-US-Chirp3-HD-Achernar" };

const byAccount = () => ({ ...googleOptions(base, { credentials: account }), fallback: true });
const listener = () => new speech.SpeechClient(byAccount());
const speaker = () => new TextToSpeechClient(byAccount());

function recording(seconds: number) {
  return {
    config: { encoding: "LINEAR16" as const, sampleRateHertz: 16_000, languageCode: "en-US" },
    audio: { content: Buffer.alloc(seconds * 32_000).toString("base64") },
  };
}

function raw(path: string, body?: object): Promise<Response> {
  const headers = { "x-goog-api-key": apiKey, "content-type": "application/json" };
  return fetch(`${base}${path}`, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
}

describe("Speech-to-Text", () => {
  it("version 1 recognizes, and says how many seconds it bills", async () => {
    const [answer] = await listener().recognize(recording(3), once);
    expect(answer.results?.[0]?.alternatives?.[0]?.transcript).toBe("how old is the Brooklyn Bridge");
    expect(answer.totalBilledTime).toMatchObject({ seconds: "3" });
    // The library signs for each service and asks for no token.
    expect(sandbox.ledger.entries()).toMatchObject([
      {
        provider: "google_speech",
        path: "/v1/speech:recognize",
        key: account.client_email,
        usage: { audioSeconds: 3, inputTokens: 0 },
      },
    ]);
  });

  it("version 1 keeps what takes long in an operation of the account's own", async () => {
    const [operation] = await listener().longRunningRecognize(recording(2), once);
    const [answer] = await operation.promise();
    expect(Number(answer.totalBilledTime?.seconds)).toBe(2);
    expect((await raw(`/v1/operations/${operation.name ?? ""}`)).status).toBe(404);
    expect(await (await raw("/v1/operations?pageSize=1")).json()).toEqual({});
  });

  it("version 2 recognizes for accounts, and takes no API key", async () => {
    const client = new speechV2.SpeechClient(byAccount());
    const [answer] = await client.recognize(
      { recognizer: "projects/test-project/locations/global/recognizers/_", config: {}, content: Buffer.alloc(32_000) },
      once,
    );
    expect(answer.metadata?.totalBilledDuration).toMatchObject({ seconds: "2" });
    expect(sandbox.ledger.entries().at(-1)?.usage).toMatchObject({ audioSeconds: 2 });
    const refused = await raw("/v2/projects/test-project/locations/global/recognizers?pageSize=1");
    expect(await refused.json()).toMatchObject({
      error: { code: 401, details: [{ reason: "CREDENTIALS_MISSING", metadata: { service: "speech.googleapis.com" } }] },
    });
  });

  it("says what is missing without a word of the key", async () => {
    const refused = await raw("/v1/speech:recognize", {});
    expect(await refused.json()).toMatchObject({
      error: { code: 400, status: "INVALID_ARGUMENT", details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest" }] },
    });
  });
});

describe("Text-to-Speech", () => {
  it("speaks, and the ledger has the characters that are billed", async () => {
    const [answer] = await speaker().synthesizeSpeech(
      { input: { text: "Grüße, 🌍!" }, voice, audioConfig: { audioEncoding: "MP3" } },
      once,
    );
    expect(answer.audioContent).toHaveLength(64 * 9);
    expect(sandbox.ledger.entries().at(-1)).toMatchObject({
      path: "/v1/text:synthesize",
      model: voice.name,
      usage: { characters: 9 },
    });
  });

  it("counts the markup of SSML but its marks, and refuses more than 5000 bytes", async () => {
    const ssml = '<speak>Hi<mark name="x"/></speak>';
    await speaker().synthesizeSpeech({ input: { ssml }, voice, audioConfig: { audioEncoding: "MP3" } }, once);
    expect(sandbox.ledger.entries().at(-1)?.usage).toMatchObject({ characters: "<speak>Hi</speak>".length });
    expect(
      await refusalOf(
        speaker().synthesizeSpeech({ input: { text: "x".repeat(5001) }, voice, audioConfig: { audioEncoding: "MP3" } }, once),
      ),
    ).toMatchObject({ code: 3 });
  });

  it("lists voices by language, for API keys too", async () => {
    const [answer] = await new TextToSpeechClient({
      ...googleOptions(base, { apiKey }),
      fallback: true,
      projectId: "test-project",
    }).listVoices({ languageCode: "de" }, once);
    expect(answer.voices?.map((each) => each.name)).toEqual(["de-DE-Wavenet-A"]);
    expect(sandbox.ledger.entries()[0]).toMatchObject({ key: apiKey, path: "/v1/voices" });
    expect(await (await raw("/v1/voices?languageCode=xx")).json()).toEqual({});
  });
});

describe("faults", () => {
  it.each([
    { fault: { kind: "no_quota" }, code: 7, reason: "BILLING_DISABLED" },
    { fault: { kind: "rate_limited" }, code: 8, reason: "RATE_LIMIT_EXCEEDED" },
    { fault: { kind: "server_error", status: 503 }, code: 14, reason: undefined },
    { fault: { kind: "scoped" }, code: 7, reason: "SERVICE_DISABLED" },
  ] as const)("$fault.kind reaches the library as $code $reason", async ({ fault, code, reason }) => {
    sandbox.script(account.client_email, fault);
    expect(await refusalOf(listener().recognize(recording(1), once))).toMatchObject({
      code,
      ...(reason !== undefined && { reason }),
    });
  });

  it("an account may have one of the two products and not the other", async () => {
    sandbox.script(account.client_email, { kind: "scoped" });
    expect((await speaker().listVoices({}, once))[0].voices).not.toHaveLength(0);
  });

  it("a bad key is a 400 that names the service which refused it", async () => {
    sandbox.script(apiKey, { kind: "revoked" });
    expect(await (await raw("/v1/voices")).json()).toMatchObject({
      error: { code: 400, details: [{ reason: "API_KEY_INVALID", metadata: { service: "texttospeech.googleapis.com" } }, {}] },
    });
    expect(await (await raw("/v1/speech:recognize", {})).json()).toMatchObject({
      error: { details: [{ metadata: { service: "speech.googleapis.com" } }, {}] },
    });
  });

  it("an account whose key is gone is refused, by its own signature and at the token endpoint", async () => {
    sandbox.script(account.client_email, { kind: "revoked" });
    expect(await refusalOf(speaker().listVoices({}, once))).toMatchObject({ code: 16, reason: "ACCESS_TOKEN_EXPIRED" });
    const exchange = await fetch(`${base}/token`, { method: "POST", body: new URLSearchParams({ assertion: "none" }) });
    expect(await exchange.json()).toMatchObject({ error: "unsupported_grant_type" });
  });

  it("an account that this sandbox did not make may not come in, whatever it signs", async () => {
    await using other = await startSandbox();
    const stranger = new TextToSpeechClient({ ...googleOptions(base, { credentials: other.serviceAccount() }), fallback: true });
    expect(await refusalOf(stranger.listVoices({}, once))).toMatchObject({ code: 16 });
  });
});

import { SpeechClient, v2 } from "@google-cloud/speech";
import { TextToSpeechClient } from "@google-cloud/text-to-speech";
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { play } from "../probe-script.ts";
import { Recorder } from "../recording.ts";
import { sampleAccount } from "../sample-service-account.ts";
import { sampleText, sampleAnswer } from "../sample.ts";
import { googleSpeech } from "./index.ts";
import type { VendorAnswer } from "../failure.ts";
import type { Answers } from "../probe-script.ts";
import type { MeteredCall } from "../provider.ts";

const account = { serviceAccount: sampleAccount() };
const byAccount = googleSpeech.parse(account);
const key = { apiKey: "AIzaTest-customers" };

function callOf(path: string, body: Record<string, unknown>): MeteredCall {
  const route = googleSpeech.route("POST", path);
  if (!route) throw new Error(`no route for ${path}`);
  return { route, path, body, askedByUs: false };
}

test.each([
  ["/v1/speech:recognize", "speech.googleapis.com"],
  ["/v1/text:synthesize", "texttospeech.googleapis.com"],
  ["/v1/voices?languageCode=en-US", "texttospeech.googleapis.com"],
  ["/v1beta1/text:synthesize", "texttospeech.googleapis.com"],
  ["/v1/projects/p/locations/global:synthesizeLongAudio", "texttospeech.googleapis.com"],
  ["/v1/projects/p/locations/global/operations/1", "texttospeech.googleapis.com"],
  ["/v1/operations/1", "speech.googleapis.com"],
  ["/v1/projects/p/locations/global/phraseSets", "speech.googleapis.com"],
  ["/v2/projects/p/locations/global/recognizers/_:recognize", "speech.googleapis.com"],
  ["/v2/projects/p/locations/eu/recognizers/_:recognize", "eu-speech.googleapis.com"],
  ["/v2/projects/p/locations/us-central1/operations/1", "us-central1-speech.googleapis.com"],
  ["/v2/projects/p/locations/evil.test/recognizers", "speech.googleapis.com"],
  ["/v1/voicesx", "speech.googleapis.com"],
  ["/token", "oauth2.googleapis.com"],
])("%s is at %s: what a caller writes never becomes a host", (path, host) => {
  expect(googleSpeech.origin(byAccount, path)).toBe(`https://${host}`);
});

test("a caller's `me` is the account's project", () => {
  expect(googleSpeech.authorize({ method: "POST", path: "/v2/projects/me/locations/global/recognizers/_:recognize", headers: {} }, byAccount, "ya29.test")).toEqual({
    method: "POST",
    path: "/v2/projects/test-project/locations/global/recognizers/_:recognize",
    headers: { authorization: "Bearer ya29.test" },
  });
});

describe("usage", () => {
  test.each([
    [{ text: "Grüße 👋" }, 7],
    [{ ssml: '<speak>a<break time="1s"/><mark name="x"/>b</speak>' }, 35],
    [{ markup: "Hello [pause]" }, 13],
    [{ multiSpeakerMarkup: { turns: [{ text: "Hello", speaker: "R" }, { text: "Hi", speaker: "S" }] } }, 7],
  ])("%o has %i characters", (input, characters) => {
    expect(googleSpeech.meter.json({ audioContent: "" }, callOf("/v1/text:synthesize", { input, voice: { name: "en-US-Studio-O" } }))).toEqual({ model: "en-US-Studio-O", characters });
  });

  test.each(["soon", 5, null, "2 s"])("a billed time of %o is none", (totalBilledTime) => {
    expect(googleSpeech.meter.json({ totalBilledTime }, callOf("/v1/speech:recognize", {}))).toBeNull();
  });
});

const at = {
  token: "POST /token", voices: "GET /v1/voices?languageCode=en-US",
  recognizers: "GET /v2/projects/test-project/locations/global/recognizers?pageSize=1", recognize: "POST /v1/speech:recognize",
};
const sample = (name: string, status: number) => sampleAnswer("google_speech", name, status);
const [token, voices, none] = [sample("token-200.json", 200), sample("voices-200.json", 200), sample("recognizers-v2-200-empty.json", 200)];
const answer = (status: number, body: unknown = {}): VendorAnswer => ({ status, headers: {}, body: JSON.stringify(body) });
const probe = (answers: Answers, keyData: unknown = account) => play(googleSpeech, keyData, answers);

describe("the probe", () => {
  test("an account is exchanged, and its token asks both products", async () => {
    const { outcome, asked, requests } = await probe({ [at.token]: token, [at.voices]: voices, [at.recognizers]: none });
    expect(outcome).toEqual({ outcome: "alive", balance: null, note: null, metadata: { project: "test-project" } });
    expect(asked).toEqual([at.token, at.voices, at.recognizers]);
    for (const { headers } of requests.slice(1)) expect(headers).toMatchObject({ authorization: "Bearer ya29-test-not-a-real-token" });
  });

  test("a key that one product takes is alive, and the note says what the other lacks", async () => {
    const disabled = sample("403-service-disabled.json", 403);
    await expect(probe({ [at.token]: token, [at.voices]: voices, [at.recognizers]: disabled })).resolves.toMatchObject({ outcome: { outcome: "alive", note: expect.stringMatching(/^Speech-to-Text: .*not enabled/) } });
    await expect(probe({ [at.token]: token, [at.voices]: disabled, [at.recognizers]: none })).resolves.toMatchObject({ outcome: { outcome: "alive", note: expect.stringMatching(/^Text-to-Speech: /) } });
    await expect(probe({ [at.token]: token, [at.voices]: voices, [at.recognizers]: new ProviderUnavailableError("no answer within 10 s") })).resolves.toMatchObject({ outcome: { outcome: "alive", note: null } });
  });

  test("a refused signature is asked for twice before the key is dead; our clock blames no key", async () => {
    await expect(probe({ [at.token]: sample("400-token-signature.json", 400) })).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } }, asked: [at.token, at.token] });
    await expect(probe({ [at.token]: sample("400-token-clock.json", 400) })).resolves.toMatchObject({ outcome: { failure: { verdict: "transient" } }, asked: [at.token] });
  });

  test("an API key is proved by a recognition of nothing, which is refused for its emptiness", async () => {
    const empty = answer(400, { error: { code: 400, message: "RecognitionAudio not set.", status: "INVALID_ARGUMENT" } });
    await expect(probe({ [at.voices]: voices, [at.recognize]: empty }, key)).resolves.toMatchObject({ outcome: { outcome: "alive", note: null } });
    await expect(probe({ [at.voices]: sample("401-api-keys-not-supported-tts.json", 401), [at.recognize]: empty }, key)).resolves.toMatchObject({ outcome: { outcome: "alive", note: expect.stringContaining("service account") } });
  });

  test.each([
    ["400-api-key-invalid", 400, "400-api-key-invalid", 400, { verdict: "invalid", certain: true }],
    ["403-key-restricted", 403, "403-service-disabled", 403, { verdict: "forbidden" }],
    ["403-billing-disabled", 403, "403-iam-denied", 403, { verdict: "exhausted" }],
    ["503-unavailable", 503, "403-iam-denied", 403, { verdict: "transient" }],
    ["429-quota", 429, "403-iam-denied", 403, { verdict: "rate_limited" }],
  ])("of two refusals (%s, %s) the one that says most counts", async (first, firstStatus, second, secondStatus, failure) => {
    await expect(probe({ [at.voices]: sample(`${first}-tts.json`, firstStatus), [at.recognize]: sample(`${second}.json`, secondStatus) }, key)).resolves.toMatchObject({ outcome: { outcome: "refused", failure } });
  });

  test("two refusals without a reason agree; one beside another word does not kill", async () => {
    await expect(probe({ [at.voices]: answer(401), [at.recognize]: answer(401) }, key)).resolves.toMatchObject({ outcome: { failure: { verdict: "invalid", certain: true } } });
    await expect(probe({ [at.voices]: answer(401), [at.recognize]: answer(503) }, key)).resolves.toMatchObject({ outcome: { failure: { verdict: "transient" } } });
  });

  test("F-20: a page in the place of the voices is no proof, and no refusal", async () => {
    await expect(probe({ [at.voices]: { status: 200, headers: {}, body: "<html></html>" } }, key)).rejects.toBeInstanceOf(ProviderUnavailableError);
  });
});

describe("the official SDKs, in their REST mode", () => {
  const answers: Record<string, string> = { "/token": "token-200.json", "/v1/speech:recognize": "recognize-v1-200.json", "/v1/text:synthesize": "synthesize-200.json" };
  const operators = new Recorder((url) => sampleText("google_speech", answers[(url.split("?")[0] ?? "").replace(/^\/speech/, "").replace(/^\/proxy/, "")] ?? "recognize-v2-200.json"));
  beforeEach(async () => {
    await operators.listen();
    for (const method of ["warn", "debug"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
    const variables = {
      GOOGLE_APPLICATION_CREDENTIALS: "/hosts-own.json", GOOGLE_CLOUD_PROJECT: "hosts-own", GCLOUD_PROJECT: "hosts-own", GOOGLE_CLOUD_QUOTA_PROJECT: "hosts-own", GOOGLE_CLOUD_UNIVERSE_DOMAIN: "evil.test", GOOGLE_API_KEY: "hosts-own",
    };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    await operators.close();
    operators.seen.length = 0;
  });

  const recognition = { config: { languageCode: "en-US" }, audio: { content: "AAAA" } };
  const synthesis = { input: { text: "Hello" }, voice: { languageCode: "en-US" }, audioConfig: { audioEncoding: "MP3" as const } };

  test("with an API key each product is asked at its own host, whatever the environment says", async () => {
    const seen: { url: string; headers: Headers }[] = [];
    vi.stubGlobal("fetch", (url: URL, init: RequestInit) => {
      seen.push({ url: url.href, headers: new Headers(init.headers) });
      return Promise.resolve(new Response(sampleText("google_speech", answers[url.pathname] ?? ""), { headers: { "content-type": "application/json" } }));
    });
    const config = { ...googleSpeech.config(googleSpeech.parse(key), undefined), fallback: true as const };
    const [heard] = await new SpeechClient(config).recognize(recognition);
    await new TextToSpeechClient(config).synthesizeSpeech(synthesis);
    expect(heard.totalBilledTime?.seconds).toBe("2");
    expect(seen.map(({ url }) => url.split("?")[0])).toEqual(["https://speech.googleapis.com/v1/speech:recognize", "https://texttospeech.googleapis.com/v1/text:synthesize"]);
    for (const { headers } of seen) {
      expect(headers.get("x-goog-api-key")).toBe(key.apiKey);
      expect(headers.get("x-goog-user-project")).toBeNull();
    }
  });

  test("with an operator's base URL calls and the exchange go there", async () => {
    const config = googleSpeech.config(byAccount, `${operators.url}/speech`);
    await new SpeechClient(config).recognize(recognition);
    await new TextToSpeechClient(config).synthesizeSpeech(synthesis);
    await new v2.SpeechClient(config).recognize({ recognizer: "projects/test-project/locations/global/recognizers/_", content: "AAAA" });
    expect(operators.seen.map(({ url }) => url.split("?")[0])).toEqual([
      "/speech/token", "/speech/v1/speech:recognize", "/speech/v1/text:synthesize", "/speech/v2/projects/test-project/locations/global/recognizers/_:recognize",
    ]);
    for (const { headers } of operators.seen.slice(1)) {
      expect(headers["authorization"]).toBe("Bearer ya29-test-not-a-real-token");
      expect(JSON.stringify(headers)).not.toContain("hosts-own");
    }
  });

  test("with an account the SDK is given its key and project, and Google's own universe", () => {
    expect(googleSpeech.config(byAccount, undefined)).toEqual({
      credentials: { client_email: "byok-test@test-project.iam.gserviceaccount.com", private_key: account.serviceAccount["private_key"] },
      projectId: "test-project",
      universeDomain: "googleapis.com",
    });
    expect(new SpeechClient(googleSpeech.config(byAccount, undefined)).apiEndpoint).toBe("speech.googleapis.com");
  });

  test("a refusal comes through as the SDK reads it, and a 401 is met with a new token once", async () => {
    const statuses: number[] = [];
    let exchanges = 0;
    vi.stubGlobal("fetch", (url: string | URL) => {
      if (String(url).endsWith("/token")) {
        exchanges += 1;
        return Promise.resolve(new Response(sampleText("google_speech", "token-200.json")));
      }
      const status = statuses.length === 0 ? 401 : 403;
      statuses.push(status);
      return Promise.resolve(new Response(sampleText("google_speech", status === 401 ? "401-bad-token.json" : "403-iam-denied.json"), { status, headers: { "content-type": "application/json" } }));
    });
    const call = new SpeechClient(googleSpeech.config(byAccount, "http://operators.test")).recognize(recognition, { retry: null });
    await expect(call).rejects.toMatchObject({ code: 7, reason: "IAM_PERMISSION_DENIED" });
    expect([statuses, exchanges]).toEqual([[401, 403], 2]);
  });
});

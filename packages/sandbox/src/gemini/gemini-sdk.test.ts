// Google's own SDK against the sandbox's Gemini: calls, streams, stored things, the Live API, and what each fault becomes.
import { GoogleGenAI, type LiveServerMessage, Modality } from "@google/genai";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { apiErrorOf } from "../google/api-error.fixture.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { allOf } from "../stream.fixture.ts";

const sandbox = await startSandbox({ now: () => new Date("2026-11-24T12:00:00Z") });
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const key = "AIzaSyTest00000000000000000000000000001";
const otherKey = "AIzaSyTest00000000000000000000000000002";
const model = "gemini-3.6-flash";
const said = `This is ${model} in the byok sandbox. You said: How are you today?`;
const ask = { model, contents: "How are you today?", config: { systemInstruction: "Be brief." } };
const counted = { inputTokens: 6, outputTokens: 21, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 8 };

function client(apiKey = key, apiVersion = "v1beta"): GoogleGenAI {
  return new GoogleGenAI({ apiKey, vertexai: false, httpOptions: { baseUrl: `${sandbox.baseUrl("gemini")}/`, apiVersion } });
}

async function lastEntry() {
  await sandbox.ledger.whenSettled();
  return sandbox.ledger.entries().at(-1);
}

function raw(path: string, body?: object, headers: Record<string, string> = { "x-goog-api-key": key }): Promise<Response> {
  return fetch(
    `${sandbox.baseUrl("gemini")}${path}`,
    body === undefined
      ? { headers }
      : { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) },
  );
}

describe("generateContent", () => {
  it("is answered; thoughts are counted beside the candidates, and the ledger has both as output", async () => {
    const answer = await client().models.generateContent(ask);
    expect(answer.text).toBe(said);
    expect(answer.usageMetadata).toMatchObject({
      promptTokenCount: 6,
      candidatesTokenCount: 13,
      thoughtsTokenCount: 8,
      totalTokenCount: 27,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: 6 }],
    });
    expect(await lastEntry()).toMatchObject({
      provider: "gemini",
      key,
      model,
      path: `/v1beta/models/${model}:generateContent`,
      status: 200,
      stream: false,
      usage: counted,
    });
  });

  it("streams word by word with usage on every chunk, cumulative and last whole", async () => {
    const usages: (number | undefined)[] = [];
    let text = "";
    for await (const chunk of await client().models.generateContentStream(ask)) {
      text += chunk.text ?? "";
      usages.push(chunk.usageMetadata?.candidatesTokenCount);
      expect(chunk.usageMetadata).toMatchObject({ promptTokenCount: 6, thoughtsTokenCount: 8 });
    }
    expect(text).toBe(said);
    expect(usages).toEqual([undefined, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(await lastEntry()).toMatchObject({ stream: true, finished: true, usage: counted });
  });

  it("streams a JSON array where no event stream is asked for, and an error of it stands in the array", async () => {
    const body = { contents: [{ parts: [{ text: "words: 3" }] }] };
    const whole: unknown = await (await raw(`/v1beta/models/${model}:streamGenerateContent`, body)).json();
    expect(whole).toMatchObject([
      {},
      { usageMetadata: { candidatesTokenCount: 2 } },
      { usageMetadata: { candidatesTokenCount: 3 } },
    ]);
    sandbox.script(key, { kind: "stream_error", afterEvents: 2 });
    expect(await (await raw(`/v1beta/models/${model}:streamGenerateContent`, body)).json()).toMatchObject([
      {},
      {},
      { error: { code: 503 } },
    ]);
    sandbox.script(key, { kind: "rate_limited" });
    const refused = await raw(`/v1beta/models/${model}:streamGenerateContent`, body);
    expect([refused.status, await refused.json()]).toMatchObject([429, [{ error: { status: "RESOURCE_EXHAUSTED" } }]]);
  });

  it("an error inside a stream raises, and what was told before stands in the ledger", async () => {
    sandbox.script(key, { kind: "stream_error", afterEvents: 3 });
    expect(String(await refusalOf(allOf(await client().models.generateContentStream(ask))))).toContain("The model is overloaded");
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 6, outputTokens: 11 });
  });

  it("counts audio, the cache, the bound and a blocked prompt as documented", async () => {
    const audio = { inlineData: { mimeType: "audio/wav", data: Buffer.alloc(32_000).toString("base64") } };
    const heard = await client().models.generateContent({
      model: "gemini-2.0-flash",
      contents: [{ role: "user", parts: [audio, { text: "words: 5" }] }],
    });
    expect(heard.usageMetadata).toMatchObject({
      promptTokenCount: 22,
      candidatesTokenCount: 5,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 2 },
        { modality: "AUDIO", tokenCount: 20 },
      ],
    });
    expect((await lastEntry())?.usage).toMatchObject({
      inputTokens: 22,
      audioInputTokens: 20,
      outputTokens: 5,
      reasoningTokens: 0,
    });

    const cut = await client().models.generateContent({
      model,
      contents: "words: 50",
      config: { maxOutputTokens: 10, systemInstruction: "cache: one two" },
    });
    expect(cut.candidates?.[0]?.finishReason).toBe("MAX_TOKENS");
    expect(cut.usageMetadata).toMatchObject({ cachedContentTokenCount: 3, candidatesTokenCount: 2, thoughtsTokenCount: 8 });

    const blocked = await client().models.generateContent({ model, contents: "blocked: this here" });
    expect(blocked).toMatchObject({
      promptFeedback: { blockReason: "SAFETY" },
      usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 },
    });
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 3, outputTokens: 0 });
  });

  it("models are listed and read, tokens counted, texts embedded", async () => {
    const names: (string | undefined)[] = [];
    for await (const each of await client().models.list({ config: { pageSize: 2 } })) names.push(each.name);
    expect(names).toContain("models/gemini-3.6-flash");
    expect(names).toHaveLength(4);
    expect((await client().models.get({ model })).displayName).toBe("Gemini 3.6 Flash");
    expect((await client().models.countTokens({ model, contents: "one two three" })).totalTokens).toBe(3);
    const vectors = await client().models.embedContent({
      model: "gemini-embedding-2",
      contents: ["one"],
      config: { outputDimensionality: 4 },
    });
    expect(vectors.embeddings?.[0]?.values).toHaveLength(4);
  });
});

describe("what an account keeps", () => {
  it("cached contents are its own, and reading from one is counted", async () => {
    const cached = await client().caches.create({
      model,
      config: { contents: [{ role: "user", parts: [{ text: "one two three four" }] }] },
    });
    const answer = await client().models.generateContent({
      model,
      contents: "words: 2",
      config: { cachedContent: cached.name ?? "" },
    });
    expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 6, cachedContentTokenCount: 4 });
    expect(
      await refusalOf(
        client(otherKey).models.generateContent({ model, contents: "x", config: { cachedContent: cached.name ?? "" } }),
      ),
    ).toMatchObject({ status: 403 });
    expect(await refusalOf(client(otherKey).caches.get({ name: cached.name ?? "" }))).toMatchObject({ status: 403 });
    await client().caches.delete({ name: cached.name ?? "" });
    expect(await refusalOf(client().caches.get({ name: cached.name ?? "" }))).toMatchObject({ status: 403 });
  });

  it("files come in two requests and are its own", async () => {
    const file = await client().files.upload({
      file: new Blob(["hello"]),
      config: { mimeType: "text/plain", displayName: "greeting" },
    });
    expect(file).toMatchObject({ displayName: "greeting", mimeType: "text/plain", sizeBytes: "5", state: "ACTIVE" });
    expect((await client().files.get({ name: file.name ?? "" })).name).toBe(file.name);
    expect(await refusalOf(client(otherKey).files.get({ name: file.name ?? "" }))).toMatchObject({ status: 403 });
    const mine: unknown[] = [];
    for await (const each of await client().files.list()) mine.push(each.name);
    expect(mine).toEqual([file.name]);
  });

  it("interactions are its own, whole and streamed, with usage in their own words", async () => {
    const whole = await client().interactions.create({ model, input: "words: 4" });
    expect(whole).toMatchObject({
      status: "completed",
      usage: { total_input_tokens: 2, total_output_tokens: 4, total_thought_tokens: 8, total_tokens: 14 },
    });
    expect((await lastEntry())?.usage).toMatchObject({ inputTokens: 2, outputTokens: 12, reasoningTokens: 8 });
    expect(await client().interactions.get(whole.id ?? "")).toMatchObject({ id: whole.id });
    expect((await raw(`/v1beta/interactions/${whole.id ?? ""}`, undefined, { "x-goog-api-key": otherKey })).status).toBe(404);
    const types: string[] = [];
    for await (const event of await client().interactions.create({ model, input: "words: 2", stream: true }))
      types.push(event.event_type);
    expect(types).toEqual([
      "interaction.created",
      "step.start",
      "step.delta",
      "step.delta",
      "step.stop",
      "interaction.completed",
    ]);
    sandbox.script(key, { kind: "no_quota" });
    const refused = await raw("/v1beta/interactions", { model, input: "x" });
    expect([refused.status, await refused.json()]).toEqual([
      429,
      { error: { code: "quota_exceeded", message: "You have exceeded your daily quota." } },
    ]);
  });
});

describe("faults", () => {
  it("a bad key is a 400 with API_KEY_INVALID, in the header and in the query", async () => {
    sandbox.script(key, { kind: "invalid" });
    const details = [{ reason: "API_KEY_INVALID", metadata: { service: "generativelanguage.googleapis.com" } }, {}];
    expect(await apiErrorOf(client().models.generateContent(ask))).toMatchObject({
      status: 400,
      body: { error: { status: "INVALID_ARGUMENT", details } },
    });
    expect((await raw(`/v1beta/models?key=${key}`, undefined, {})).status).toBe(400);
    expect((await raw("/v1beta/models", undefined, { "x-goog-api-key": "short" })).status).toBe(400);
  });

  it("no key, two keys, a token that is none and an unknown model are refused as Google does", async () => {
    expect(await (await raw("/v1beta/models", undefined, {})).json()).toMatchObject({
      error: { code: 403, status: "PERMISSION_DENIED" },
    });
    const newer = {
      "x-goog-api-key": "AQ.Ab8RN6Test000000000000000000",
      authorization: "Bearer AQ.Ab8RN6Test000000000000000000",
    };
    expect(await (await raw("/v1beta/models", undefined, newer)).json()).toMatchObject({
      error: { code: 400, message: "Multiple authentication credentials received. Please pass only one." },
    });
    expect(await (await raw("/v1beta/models", undefined, { authorization: "Bearer ya29.nothing" })).json()).toMatchObject({
      error: { code: 401, details: [{ reason: "ACCESS_TOKEN_EXPIRED" }] },
    });
    const message: unknown = expect.stringContaining("for API version v1beta");
    expect(await apiErrorOf(client().models.generateContent({ ...ask, model: "gemini-does-not-exist" }))).toMatchObject({
      status: 404,
      body: { error: { status: "NOT_FOUND", message } },
    });
    expect((await raw(`/v1beta/models/${model}:generateContent`, { contentz: [], contents: [] })).status).toBe(400);
  });

  it.each([
    { fault: { kind: "no_quota" }, status: 402, word: "RESOURCE_EXHAUSTED" },
    { fault: { kind: "rate_limited" }, status: 429, word: "RESOURCE_EXHAUSTED" },
    { fault: { kind: "server_error" }, status: 500, word: "INTERNAL" },
    { fault: { kind: "server_error", status: 503 }, status: 503, word: "UNAVAILABLE" },
    { fault: { kind: "server_error", status: 504 }, status: 504, word: "DEADLINE_EXCEEDED" },
    { fault: { kind: "echo_key" }, status: 403, word: "PERMISSION_DENIED" },
  ] as const)("$fault.kind is $status $word", async ({ fault, status, word }) => {
    sandbox.script(key, fault);
    expect(await apiErrorOf(client().models.generateContent(ask))).toMatchObject({
      status,
      body: { error: { code: status, status: word } },
    });
  });

  it("says when to come back in the details, and repeats a suspended key twice", async () => {
    sandbox.script(key, { kind: "rate_limited", retryAfterS: 46 }, { kind: "echo_key" });
    const details = [
      {},
      { violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" }] },
      { retryDelay: "46s" },
    ];
    expect(await apiErrorOf(client().models.generateContent(ask))).toMatchObject({ body: { error: { details } } });
    expect(JSON.stringify(await apiErrorOf(client().models.generateContent(ask))).split(key)).toHaveLength(3);
  });

  it("a key without money lists models; one with few rights does not, and generates", async () => {
    sandbox.script(key, { kind: "no_quota" });
    expect((await raw("/v1beta/models")).status).toBe(200);
    expect((await client().models.countTokens({ model, contents: "x" })).totalTokens).toBe(1);
    sandbox.script(key, { kind: "scoped" });
    expect(await (await raw("/v1beta/models")).json()).toMatchObject({
      error: { code: 403, details: [{ reason: "IAM_PERMISSION_DENIED" }] },
    });
    expect((await client().models.generateContent(ask)).text).toBe(said);
  });
});

async function converse(
  ai: GoogleGenAI,
  modality: Modality,
  talk: (session: Awaited<ReturnType<GoogleGenAI["live"]["connect"]>>) => void,
  turns = 1,
) {
  const messages: LiveServerMessage[] = [];
  await new Promise<void>((resolve, reject) => {
    const callbacks = {
      onmessage: (message: LiveServerMessage) => {
        messages.push(message);
        if (messages.filter((each) => each.serverContent?.turnComplete === true).length === turns) resolve();
      },
      onerror: (event: { message: string }) => reject(new Error(event.message)),
      onclose: (event: { code: number; reason: string }) => reject(new Error(`${event.code} ${event.reason}`)),
    };
    ai.live
      .connect({
        model: "gemini-3.1-flash-live-preview",
        callbacks,
        config: { responseModalities: [modality], systemInstruction: "Be brief." },
      })
      .then((session) => {
        talk(session);
        return session;
      }, reject);
  });
  return messages;
}

describe("the Live API", () => {
  it("speaks in turns, each counting the whole conversation, and the ledger has every turn", async () => {
    const messages = await converse(
      client(),
      Modality.TEXT,
      (session) => {
        session.sendClientContent({ turns: "words: 2" });
        session.sendClientContent({ turns: "words: 3" });
      },
      2,
    );
    const usages = messages.map((message) => message.usageMetadata).filter((usage) => usage !== undefined);
    expect(usages).toMatchObject([
      { promptTokenCount: 4, responseTokenCount: 2, totalTokenCount: 6 },
      { promptTokenCount: 8, responseTokenCount: 3 },
    ]);
    const [entry] = sandbox.ledger.entries();
    expect(entry).toMatchObject({
      status: 101,
      stream: true,
      model: "gemini-3.1-flash-live-preview",
      key,
      usage: { inputTokens: 12, outputTokens: 5 },
    });
    expect(entry?.turns.map((turn) => [turn.kind, turn.usage.inputTokens, turn.usage.outputTokens])).toEqual([
      ["turn", 4, 2],
      ["turn", 8, 3],
    ]);
  });

  it("hears audio and answers in it", async () => {
    const messages = await converse(client(), Modality.AUDIO, (session) => {
      session.sendRealtimeInput({ audio: { mimeType: "audio/pcm;rate=16000", data: Buffer.alloc(64_000).toString("base64") } });
      session.sendRealtimeInput({ audioStreamEnd: true });
    });
    expect(messages.at(-1)?.usageMetadata).toMatchObject({
      promptTokenCount: 22,
      responseTokenCount: 28,
      responseTokensDetails: [{ modality: "AUDIO" }],
    });
    expect(sandbox.ledger.entries()[0]?.usage).toMatchObject({ audioInputTokens: 20, audioOutputTokens: 28 });
  });

  it("a bad key is refused at the handshake, or inside when it is scripted so", async () => {
    sandbox.script(key, { kind: "revoked" });
    await expect(converse(client(), Modality.TEXT, () => undefined)).rejects.toThrow("Unexpected server response: 400");
    sandbox.script(key, { kind: "revoked", afterHandshake: true });
    await expect(converse(client(), Modality.TEXT, () => undefined)).rejects.toThrow("1007 API key not valid");
  });

  it("a token for browsers opens it once, for its model, on behalf of its key, and opens nothing else", async () => {
    const token = await client(key, "v1alpha").authTokens.create({ config: { uses: 1 } });
    expect(token.name).toMatch(/^auth_tokens\//);
    const browser = client(token.name ?? "", "v1alpha");
    await converse(browser, Modality.TEXT, (session) => session.sendClientContent({ turns: "words: 1" }));
    expect(sandbox.ledger.entries().at(-1)).toMatchObject({
      key,
      presented: token.name,
      path: expect.stringContaining("Constrained") as unknown,
    });
    await expect(converse(browser, Modality.TEXT, () => undefined)).rejects.toThrow("Unexpected server response: 400");
    expect((await raw(`/v1beta/models?access_token=${token.name ?? ""}`, undefined, {})).status).toBe(400);
  });
});

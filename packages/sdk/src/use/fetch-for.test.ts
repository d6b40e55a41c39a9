import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InvalidInputError, KeyNotFoundError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import type { UseOptions } from "../byok.ts";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";

let at: Installation;
beforeAll(async () => {
  at = await openInstallation();
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

const add = (userId: string, apiKey: string, more: object = {}) => at.manager.addKey({ userId, provider: "openai", keyData: { apiKey }, validate: "skip", ...more });
const openaiOf = (userId: string, options?: UseOptions) => new OpenAI({ apiKey: "unused", maxRetries: 0, fetch: at.manager.fetchFor(userId, "openai", options) });
const ask = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "Say hello to everyone" }] };

async function streamed(client: OpenAI): Promise<{ text: string; usageChunks: number }> {
  let text = "";
  let usageChunks = 0;
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
    if (chunk.usage) usageChunks += 1;
  }
  return { text, usageChunks };
}

describe("fetchFor", () => {
  it("carries a call and a stream of the official SDKs, and counts what the vendor told to the unit", async () => {
    const apiKey = openaiKey();
    const { id } = await add("fetch-1", apiKey);
    const client = openaiOf("fetch-1");
    const answer = await client.chat.completions.create(ask);
    expect(answer.choices[0]?.message.content).toBeTruthy();
    const { text, usageChunks } = await streamed(client);
    expect(text.length).toBeGreaterThan(0);
    // The caller did not ask for usage: the chunk that we asked for is taken out again.
    expect(usageChunks).toBe(0);

    const told = at.sandbox.ledger.totals({ key: apiKey });
    expect(await at.manager.getUsageStats(id)).toMatchObject({ requests: 2, errors: 0, inputTokens: told.inputTokens, outputTokens: told.outputTokens, tokens: told.inputTokens + told.outputTokens });
    expect(told.inputTokens).toBeGreaterThan(0);
  });

  it("carries Anthropic's messages and streams", async () => {
    const apiKey = "sk-ant-api03-fetch-0002-CANARY7f3a9";
    const { id } = await at.manager.addKey({ userId: "fetch-2", provider: "anthropic", keyData: { apiKey } });
    const client = new Anthropic({ apiKey: "unused", maxRetries: 0, fetch: at.manager.fetchFor("fetch-2", "anthropic") });
    const body = { model: "claude-sonnet-4-5", max_tokens: 100, messages: [{ role: "user" as const, content: "Say hello" }] };
    expect((await client.messages.create(body)).content.length).toBeGreaterThan(0);
    const message = await client.messages.stream(body).finalMessage();
    expect(message.usage.output_tokens).toBeGreaterThan(0);
    const told = at.sandbox.ledger.totals({ key: apiKey });
    expect(await at.manager.getUsageStats(id)).toMatchObject({ requests: 2, inputTokens: told.inputTokens, outputTokens: told.outputTokens });
  });

  it("moves on from a revoked key unseen by the SDK, and finds that it is dead", async () => {
    const [dead, alive] = [openaiKey(), openaiKey()];
    const first = await add("fetch-3", dead, { priority: 1 });
    const second = await add("fetch-3", alive, { priority: 2 });
    at.sandbox.script(dead, { kind: "revoked" });
    expect((await streamed(openaiOf("fetch-3"))).text.length).toBeGreaterThan(0);
    await expect.poll(async () => (await at.manager.getKey(first.id)).status, { timeout: 5_000 }).toBe("invalid");
    expect((await at.manager.getActiveKey("fetch-3", "openai")).keyId).toBe(second.id);
    // The attempt that was passed over is an event of its own, without a request.
    expect(await at.manager.getUsageStats(first.id)).toMatchObject({ requests: 0, errors: 1 });
    expect(await at.manager.getUsageStats(second.id)).toMatchObject({ requests: 1, errors: 0 });
  });

  it("one 401 alone does not kill a key: the probe decides", async () => {
    const apiKey = openaiKey();
    const { id } = await add("fetch-4", apiKey);
    at.sandbox.script(apiKey, { kind: "revoked" }, { kind: "ok" });
    await expect(openaiOf("fetch-4").chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect.poll(() => at.sandbox.ledger.calls(apiKey), { timeout: 5_000 }).toBe(2);
    await expect.poll(async () => (await at.manager.getActiveKey("fetch-4", "openai")).keyId, { timeout: 5_000 }).toBe(id);
    expect((await at.manager.getKey(id)).status).not.toBe("invalid");
  });

  it("fails over on an empty account, a 429 and a 5xx; the last answer is the caller's where no key is left", async () => {
    for (const kind of ["no_quota", "rate_limited", "server_error"] as const) {
      const [first, second] = [openaiKey(), openaiKey()];
      const user = `fetch-5-${kind}`;
      await add(user, first, { priority: 1 });
      await add(user, second, { priority: 2 });
      at.sandbox.script(first, { kind });
      expect((await openaiOf(user).chat.completions.create(ask)).object).toBe("chat.completion");
      expect(at.sandbox.ledger.calls(first)).toBe(1);
      at.sandbox.script(second, { kind: "server_error", status: 503 });
      await expect(openaiOf(user).chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    }
  });

  it("the caller's own fault is sent once and comes back in the SDK's own class", async () => {
    const [first, second] = [openaiKey(), openaiKey()];
    await add("fetch-6", first, { priority: 1 });
    await add("fetch-6", second, { priority: 2 });
    await expect(openaiOf("fetch-6").chat.completions.create({ ...ask, messages: [] })).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    expect([at.sandbox.ledger.calls(first), at.sandbox.ledger.calls(second)]).toEqual([1, 0]);
  });

  it("a stream that is cut is an error to the caller, and an event with outcome error", async () => {
    const apiKey = openaiKey();
    const { id } = await add("fetch-7", apiKey);
    at.sandbox.script(apiKey, { kind: "cut_stream", afterEvents: 2 });
    await expect(streamed(openaiOf("fetch-7"))).rejects.toThrow(/terminated|closed|connection/i);
    expect(await at.manager.getUsageStats(id)).toMatchObject({ requests: 1, errors: 1 });
  });

  it("a caller that leaves mid-stream cuts the call at the provider, and it is counted once", async () => {
    const apiKey = openaiKey();
    const { id } = await add("fetch-8", apiKey);
    at.sandbox.script(apiKey, { kind: "slow", betweenChunksMs: 50 });
    const stream = await openaiOf("fetch-8").chat.completions.create({ ...ask, stream: true });
    for await (const _chunk of stream) break;
    stream.controller.abort();
    await expect.poll(() => at.sandbox.ledger.entries({ key: apiKey })[0]?.aborted, { timeout: 5_000 }).toBe(true);
    await expect.poll(async () => (await at.manager.getUsageStats(id)).requests, { timeout: 5_000 }).toBe(1);
    expect(await at.manager.getUsageStats(id)).toMatchObject({ errors: 1 });
  });

  it("uploads a file byte for byte", async () => {
    const apiKey = openaiKey();
    await add("fetch-9", apiKey);
    const text = "line one\nline two\n".repeat(50);
    const file = await openaiOf("fetch-9").files.create({ file: new File([text], "a.jsonl"), purpose: "batch" });
    expect(file.bytes).toBe(text.length);
  });

  it("S-64: refuses every host but the provider's, before anything is sent", async () => {
    await add("fetch-10", openaiKey());
    const send = at.manager.fetchFor("fetch-10", "openai");
    for (const url of ["https://evil.example/v1/models", "https://api.openai.com.evil.example/v1/models", "http://api.openai.com/v1/models", "http://127.0.0.1:1/v1/models"]) {
      await expect(send(url)).rejects.toBeInstanceOf(InvalidInputError);
    }
  });

  it("no key at all is a KeyNotFoundError; a shared key lists nothing for a member", async () => {
    await expect(at.manager.fetchFor("nobody", "openai")("https://api.openai.com/v1/models")).rejects.toBeInstanceOf(KeyNotFoundError);
    await at.manager.addKey({ organizationId: "fetch-org", provider: "openai", keyData: { apiKey: openaiKey() }, sharedAccess: true, validate: "skip" });
    await at.manager.setMember({ organizationId: "fetch-org", userId: "fetch-member", role: "owner" });
    await at.manager.setMember({ organizationId: "fetch-org", userId: "fetch-11", role: "member" });
    await expect(at.manager.fetchFor("fetch-11", "openai")("https://api.openai.com/v1/files")).rejects.toBeInstanceOf(PermissionDeniedError);
    const answer = await openaiOf("fetch-11").chat.completions.create(ask).withResponse();
    expect(answer.response.headers.get("byok-source")).toBe("organization");
  });

  it("S-70: the key never comes back, in a header or in a refusal", async () => {
    const apiKey = openaiKey();
    await add("fetch-12", apiKey);
    at.sandbox.script(apiKey, { kind: "echo_key" });
    const answer = await at.manager.fetchFor("fetch-12", "openai")("https://api.openai.com/v1/chat/completions", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(ask),
    });
    const seen = JSON.stringify([...answer.headers]) + (await answer.text());
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(seen).not.toContain(apiKey);
  });

  it("an answer in which the vendor shows the credential itself comes without it", async () => {
    const authToken = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
    const accountSid = `AC${"0123456789abcdef".repeat(2)}`;
    await at.manager.addKey({ userId: "fetch-13", provider: "twilio", keyData: { accountSid, authToken }, validate: "skip" });
    const answer = await at.manager.fetchFor("fetch-13", "twilio")("https://api.twilio.com/2010-04-01/Accounts/me.json");
    const body = await answer.text();
    expect(answer.status).toBe(200);
    expect(body).toContain("auth_token");
    expect(body).not.toContain(authToken);
  });

  it("a service account is exchanged for a token once, which the calls then carry; a dead one fails over", async () => {
    const [dead, alive] = [at.sandbox.serviceAccount(), at.sandbox.serviceAccount()];
    const first = await at.manager.addKey({ userId: "fetch-14", provider: "vertex", keyData: { serviceAccount: JSON.stringify(dead) }, priority: 1, validate: "skip" });
    const second = await at.manager.addKey({ userId: "fetch-14", provider: "vertex", keyData: { serviceAccount: JSON.stringify(alive) }, priority: 2 });
    expect(second.status).toBe("active");
    at.sandbox.script(dead.client_email, { kind: "revoked" });
    const send = at.manager.fetchFor("fetch-14", "vertex");
    const ask14 = () =>
      send(`https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Say hello" }] }] }),
      });
    for (let call = 0; call < 2; call += 1) {
      const answer = await ask14();
      expect(answer.status).toBe(200);
      expect(answer.headers.get("byok-key-id")).toBe(second.id);
      expect(await answer.text()).toContain("candidates");
    }
    expect(await at.manager.getUsageStats(second.id)).toMatchObject({ requests: 2 });
    expect((await at.manager.getUsageStats(first.id)).requests).toBe(0);
  });

  it("a try that was passed over is counted and gives its slot back, also where the next one ends in nothing", async () => {
    const [first, second] = [openaiKey(), openaiKey()];
    const { id } = await add("fetch-15", first, { priority: 1, limits: { concurrency: 1 } });
    await add("fetch-15", second, { priority: 2 });
    at.sandbox.script(first, { kind: "server_error" }, { kind: "ok" });
    at.sandbox.script(second, { kind: "reset" });
    await expect(openaiOf("fetch-15").chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
    await expect.poll(async () => (await at.manager.getUsageStats(id)).errors, { timeout: 5_000 }).toBe(1);
    const { response } = await openaiOf("fetch-15").chat.completions.create(ask).withResponse();
    expect(response.headers.get("byok-key-id")).toBe(id);
  });
});

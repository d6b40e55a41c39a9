import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anthropicKey, openaiKey, startTestService, type TestService } from "../testing-service.ts";

describe("the official SDKs, unchanged but for base URL and key", () => {
  let service: TestService;
  let token: string;
  beforeAll(async () => {
    service = await startTestService();
    token = await service.token({ scopes: ["keys:use"], owner: { userId: "user_1" } });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const openai = (apiKey = token): OpenAI => new OpenAI({ apiKey, baseURL: `${service.url}/proxy/openai/v1`, maxRetries: 0 });
  const question = [{ role: "user" as const, content: "Say something about the sea, please." }];

  test("openai streams a chat, and what it used is counted to the token", async () => {
    const key = await service.manager.addKey({ userId: "user_1", provider: "openai", keyData: { apiKey: openaiKey("one") } });
    const stream = await openai().chat.completions.create({ model: "gpt-4o-mini", messages: question, stream: true });
    let text = "";
    for await (const chunk of stream) {
      // Usage was asked for by the service, not by this caller: nothing of it arrives.
      expect(chunk.choices).toHaveLength(1);
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text.length).toBeGreaterThan(10);
    const [told] = service.sandbox.ledger.entries({ provider: "openai" }).filter((entry) => entry.usage);
    const stats = await service.manager.getUsageStats(key.id, "1h");
    expect(stats.requests).toBe(1);
    expect({ input: stats.inputTokens, output: stats.outputTokens }).toEqual({ input: told?.usage?.inputTokens, output: told?.usage?.outputTokens });
  });

  test("@anthropic-ai/sdk streams a message, with the token as its key and as its auth token", async () => {
    await service.manager.addKey({ userId: "user_1", provider: "anthropic", keyData: { apiKey: anthropicKey("one") } });
    for (const credential of [{ apiKey: token, authToken: null }, { apiKey: null, authToken: token }]) {
      const client = new Anthropic({ ...credential, baseURL: `${service.url}/proxy/anthropic`, maxRetries: 0 });
      const message = await client.messages.stream({ model: "claude-sonnet-5", max_tokens: 64, messages: question }).finalMessage();
      expect(message.content[0]?.type).toBe("text");
      expect(message.usage.output_tokens).toBeGreaterThan(0);
    }
  });

  test("a Twilio message is sent with the token as the password and `me` for the account", async () => {
    await service.manager.addKey({
      userId: "user_1", provider: "twilio", keyData: { accountSid: `AC${"a".repeat(32)}`, authToken: "b".repeat(32) },
    });
    const response = await fetch(`${service.url}/proxy/twilio/2010-04-01/Accounts/me/Messages.json`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`me:${token}`)}`, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ To: "+15005550006", From: "+15005550001", Body: "hello" }),
    });
    expect(response.status).toBe(201);
    expect(((await response.json()) as { account_sid: string }).account_sid).toBe(`AC${"a".repeat(32)}`);
  });

  test("a revoked first key fails over to the second, and the headers tell of it", async () => {
    const first = await service.manager.addKey({ userId: "user_2", provider: "openai", keyData: { apiKey: openaiKey("dead") }, priority: 1 });
    const second = await service.manager.addKey({ userId: "user_2", provider: "openai", keyData: { apiKey: openaiKey("alive") }, priority: 2 });
    service.sandbox.script(openaiKey("dead"), { kind: "revoked" });
    const bound = await service.token({ scopes: ["keys:use"], owner: { userId: "user_2" } });
    const { data, response } = await openai(bound).chat.completions.create({ model: "gpt-4o-mini", messages: question }).withResponse();
    expect(data.choices).toHaveLength(1);
    expect(response.headers.get("byok-key-id")).toBe(second.id);
    expect(response.headers.get("byok-key-id")).not.toBe(first.id);
    expect(response.headers.get("byok-source")).toBe("user");
    expect(response.headers.get("byok-attempts")).toBe("2");
    expect(response.headers.get("byok-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
  });

  test("each raises its own class when no key is usable, with our code inside", async () => {
    const bound = await service.token({ scopes: ["keys:use"], owner: { userId: "user_without_keys" } });
    await expect(openai(bound).models.list()).rejects.toMatchObject({ status: 404, code: "KEY_NOT_FOUND" });
    await expect(openai(bound).models.list()).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const anthropic = new Anthropic({ authToken: bound, apiKey: null, baseURL: `${service.url}/proxy/anthropic`, maxRetries: 0 });
    await expect(anthropic.models.list()).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  test("each raises its own class for a wrong token", async () => {
    await expect(openai("sk-somebody-elses-key").models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const anthropic = new Anthropic({ authToken: "byok_wrong", apiKey: null, baseURL: `${service.url}/proxy/anthropic`, maxRetries: 0 });
    await expect(anthropic.models.list()).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
  });
});

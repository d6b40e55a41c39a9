import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startApi, type Api } from "@stack-2025/byok-api";
import { createByokClient } from "@stack-2025/byok-client";
import { PermissionDeniedError, ProviderType } from "@stack-2025/byok-core";
import { coreOf, createServiceToken, silentLogger } from "@stack-2025/byok-core/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anthropicKey, openaiKey, openInstallation, type TestInstallation } from "./installation.ts";

const hello = [{ role: "user" as const, content: "Say hello through the proxy." }];

describe("a program that can change a base URL and a key, and nothing else", () => {
  let place: TestInstallation;
  let api: Api;
  let token: string;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    place = await openInstallation();
    api = await startApi({ manager: place.manager, port: 0, host: "127.0.0.1", logger: silentLogger });
    const add = async (provider: "openai" | "anthropic", apiKey: string, priority: number): Promise<void> => {
      ids[apiKey] = (await place.manager.addKey({ userId: "carol", provider, keyData: { apiKey }, priority })).id;
    };
    await add(ProviderType.OPENAI, openaiKey("first"), 1);
    await add(ProviderType.OPENAI, openaiKey("second"), 2);
    await add(ProviderType.ANTHROPIC, anthropicKey("only"), 1);
    place.sandbox.script(openaiKey("first"), { kind: "revoked" });
    token = (await createServiceToken(await coreOf(place.manager), "test", { name: "carol", scopes: ["keys:use", "usage:read"], owner: { userId: "carol" } })).token;
  }, 60_000);
  afterAll(async () => {
    await api.close();
    await place[Symbol.asyncDispose]();
  });

  /** The vendor's account of this key's answers beside ours, read through the service by the same token. */
  async function compare(apiKey: string): Promise<void> {
    await place.sandbox.ledger.whenSettled();
    const told = place.sandbox.ledger.totals({ key: apiKey });
    const stats = await createByokClient({ url: api.url, token }).getUsageStats(ids[apiKey] ?? "");
    expect(told.outputTokens).toBeGreaterThan(0);
    expect({ input: stats.inputTokens, output: stats.outputTokens }).toEqual({ input: told.inputTokens, output: told.outputTokens });
  }

  test("the OpenAI SDK streams, and a revoked first key is not noticed", async () => {
    const openai = new OpenAI({ apiKey: token, baseURL: `${api.url}/proxy/openai/v1`, maxRetries: 0 });
    const { data, response } = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: hello, stream: true }).withResponse();
    let text = "";
    for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toContain("through the proxy");
    expect(response.headers.get("byok-key-id")).toBe(ids[openaiKey("second")]);
    expect(response.headers.get("byok-attempts")).toBe("2");
    await compare(openaiKey("second"));
  });

  test("the Anthropic SDK streams", async () => {
    const anthropic = new Anthropic({ apiKey: token, baseURL: `${api.url}/proxy/anthropic`, maxRetries: 0 });
    const message = await anthropic.messages.stream({ model: "claude-opus-4-6", max_tokens: 100, messages: hello }).finalMessage();
    expect(message.content[0]).toMatchObject({ text: expect.stringContaining("through the proxy") });
    await compare(anthropicKey("only"));
  });

  test("the typed client's fetchFor streams through the same proxy, and its token reveals nothing", async () => {
    const client = createByokClient({ url: api.url, token });
    const openai = new OpenAI({ apiKey: "unused", maxRetries: 0, fetch: client.fetchFor("carol", ProviderType.OPENAI) });
    const stream = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: hello, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toContain("through the proxy");
    await expect(client.getActiveKey("carol", ProviderType.OPENAI)).rejects.toBeInstanceOf(PermissionDeniedError);
  });

  test("without a token, with a broken one and with one of another owner the vendor is never asked", async () => {
    const before = place.sandbox.ledger.calls();
    const { token: daves } = await createServiceToken(await coreOf(place.manager), "test", { name: "dave", scopes: ["keys:use"], owner: { userId: "dave" } });
    for (const apiKey of ["sk-not-of-byok", `${token.slice(0, -1)}x`, daves]) {
      const openai = new OpenAI({ apiKey, baseURL: `${api.url}/proxy/openai/v1`, maxRetries: 0 });
      await expect(openai.models.list()).rejects.toBeInstanceOf(OpenAI.APIError);
    }
    expect(place.sandbox.ledger.calls()).toBe(before);
  });
});

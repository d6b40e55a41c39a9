import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { BYOKManager, KeyNotFoundError, KeyValidationError, ProviderType } from "@stack-2025/byok-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { anthropicKey, openaiKey, openInstallation, type TestInstallation } from "./installation.ts";

const hello = [{ role: "user" as const, content: "Say hello to the first light." }];

describe("a customer's own key, end to end", () => {
  let place: TestInstallation;
  beforeAll(async () => {
    place = await openInstallation();
  });
  afterAll(() => place[Symbol.asyncDispose]());
  beforeEach(() => place.sandbox.reset());

  const addOpenAI = (userId: string, name: string, priority = 100) =>
    place.manager.addKey({ userId, provider: ProviderType.OPENAI, keyData: { apiKey: openaiKey(name) }, priority });

  /** What the vendor says it told for these keys, and what was counted for them. */
  async function compare(...keys: { id: string; apiKey: string }[]): Promise<void> {
    await place.sandbox.ledger.whenSettled();
    for (const { id, apiKey } of keys) {
      const told = { input: 0, output: 0, cached: 0, reasoning: 0, answered: 0 };
      for (const { usage } of place.sandbox.ledger.entries({ key: apiKey })) {
        told.input += usage?.inputTokens ?? 0;
        told.output += usage?.outputTokens ?? 0;
        told.cached += usage?.cachedInputTokens ?? 0;
        told.reasoning += usage?.reasoningTokens ?? 0;
        told.answered += usage ? 1 : 0;
      }
      const counted = await place.manager.getUsageStats(id);
      expect({
        input: counted.inputTokens, output: counted.outputTokens, cached: counted.cachedInputTokens, reasoning: counted.reasoningTokens, answered: counted.requests,
      }).toEqual(told);
      expect(counted.tokens).toBe(told.input + told.output);
    }
  }

  test("the readme's quick start: a key goes in, is tried at the vendor, and comes out for its owner", async () => {
    const { manager, sandbox } = place;
    sandbox.script("sk-...", { kind: "ok" });
    const record = await manager.addKey({
      userId: "user_123",
      provider: ProviderType.OPENAI,
      keyData: { apiKey: "sk-...", organization: "org-..." },
      alias: "My OpenAI Key",
    });
    expect(record).toMatchObject({ status: "active", alias: "My OpenAI Key", owner: { userId: "user_123" }, version: 1 });
    expect(sandbox.ledger.calls("sk-...")).toBe(1);
    const key = await manager.getActiveKey("user_123", ProviderType.OPENAI);
    expect(key).toMatchObject({ source: "user", decryptedKey: "sk-...", metadata: { organization: "org-..." } });
    await expect(manager.getActiveKey("user_124", ProviderType.OPENAI)).rejects.toBeInstanceOf(KeyNotFoundError);
  });

  test("a key that the vendor refuses is not stored, and the refusal does not repeat it", async () => {
    const refused = openaiKey("-invalid-");
    const error: unknown = await place.manager
      .addKey({ userId: "user_refused", provider: ProviderType.OPENAI, keyData: { apiKey: refused } })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KeyValidationError);
    expect(String(error)).not.toContain(refused);
    expect([...(await place.manager.listKeys("user_refused"))]).toEqual([]);
  });

  test("the official OpenAI SDK calls and streams through fetchFor, and every token is counted", async () => {
    const key = await addOpenAI("user_openai", "openai");
    const openai = new OpenAI({ apiKey: "unused", fetch: place.manager.fetchFor("user_openai", ProviderType.OPENAI) });

    const whole = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: hello });
    expect(whole.choices[0]?.message.content).toContain("first light");
    const stream = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: hello, stream: true });
    let text = "";
    let chunksOfUsage = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.usage) chunksOfUsage += 1;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    // Usage was asked for on the caller's behalf, and the extra chunk taken out again.
    expect(chunksOfUsage).toBe(0);
    await compare({ id: key.id, apiKey: openaiKey("openai") });
    expect((await place.manager.getUsageStats(key.id)).byModel).toHaveProperty("gpt-4o-mini");
  });

  test("the official Anthropic SDK calls and streams through fetchFor, and every token is counted", async () => {
    const key = await place.manager.addKey({ userId: "user_anthropic", provider: ProviderType.ANTHROPIC, keyData: { apiKey: anthropicKey("anthropic") } });
    const anthropic = new Anthropic({ apiKey: "unused", fetch: place.manager.fetchFor("user_anthropic", ProviderType.ANTHROPIC) });
    const request = { model: "claude-opus-4-6", max_tokens: 100, messages: hello };

    const whole = await anthropic.messages.create(request);
    expect(whole.content[0]).toMatchObject({ type: "text", text: expect.stringContaining("first light") });
    const streamed = await anthropic.messages.stream(request).finalMessage();
    expect(streamed.content[0]).toMatchObject({ type: "text", text: expect.stringContaining("first light") });
    await compare({ id: key.id, apiKey: anthropicKey("anthropic") });
  });

  test("Twilio sends a message through fetchFor, for the account of the owner's key", async () => {
    const accountSid = `AC${"1".repeat(32)}`;
    const authToken = "c".repeat(32);
    await place.manager.addKey({ userId: "user_twilio", provider: ProviderType.TWILIO, keyData: { accountSid, authToken } });
    const send = place.manager.fetchFor("user_twilio", ProviderType.TWILIO);
    const answer = await send(`https://api.twilio.com/2010-04-01/Accounts/${accountSid}/Messages.json`, {
      method: "POST",
      body: new URLSearchParams({ To: "+15005550001", From: "+15005550006", Body: "first light" }),
    });
    expect(answer.status).toBe(201);
    expect(place.sandbox.ledger.entries({ key: authToken }).at(-1)).toMatchObject({ method: "POST", path: expect.stringContaining(accountSid) });
  });

  test("a revoked first key fails over to the second, and the SDK notices nothing", async () => {
    const first = await addOpenAI("user_failover", "first", 1);
    const second = await addOpenAI("user_failover", "second", 2);
    place.sandbox.script(openaiKey("first"), { kind: "revoked" });
    const openai = new OpenAI({ apiKey: "unused", maxRetries: 0, fetch: place.manager.fetchFor("user_failover", ProviderType.OPENAI) });

    const stream = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: hello, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toContain("first light");
    await compare({ id: second.id, apiKey: openaiKey("second") });
    // The dead key was asked again at once, and is now known to be dead.
    await expect.poll(async () => (await place.manager.getKey(first.id)).status, { timeout: 5_000 }).toBe("invalid");
    expect((await place.manager.getActiveKey("user_failover", ProviderType.OPENAI)).keyId).toBe(second.id);
  });

  test("another process uses the key at once, and stops a second after it is deleted", async () => {
    const other = place.another();
    const key = await addOpenAI("user_two", "two");
    expect((await other.getActiveKey("user_two", ProviderType.OPENAI)).keyId).toBe(key.id);
    await place.manager.deleteKey(key.id);
    const gone = async (): Promise<unknown> => other.getActiveKey("user_two", ProviderType.OPENAI).then(() => "still there", (error: unknown) => error);
    await expect.poll(gone, { timeout: 1_000, interval: 20 }).toBeInstanceOf(KeyNotFoundError);
  });

  test("the order: the user's own key, then the organization's shared one, then the system's", async () => {
    const { manager } = place;
    const key = (name: string) => ({ provider: ProviderType.OPENAI, keyData: { apiKey: openaiKey(name) } });
    const system = await manager.addKey({ system: true, ...key("system") });
    expect(await manager.getActiveKey("user_order", ProviderType.OPENAI)).toMatchObject({ keyId: system.id, source: "system" });
    await manager.setMember({ organizationId: "org_order", userId: "user_order", role: "member" });
    const shared = await manager.addKey({ organizationId: "org_order", ...key("shared"), sharedAccess: true });
    expect(await manager.getActiveKey("user_order", ProviderType.OPENAI)).toMatchObject({ keyId: shared.id, source: "organization" });
    const own = await addOpenAI("user_order", "own");
    expect(await manager.getActiveKey("user_order", ProviderType.OPENAI)).toMatchObject({ keyId: own.id, source: "user" });
    await manager.deleteKey(system.id);
  });

  test("what was counted is there after the process that counted it is gone", async () => {
    const key = await addOpenAI("user_durable", "durable");
    const short = place.another();
    const openai = new OpenAI({ apiKey: "unused", fetch: short.fetchFor("user_durable", ProviderType.OPENAI) });
    await openai.chat.completions.create({ model: "gpt-4o-mini", messages: hello });
    await short.close();
    await compare({ id: key.id, apiKey: openaiKey("durable") });
    expect(short.usageAtRisk).toBe(0);
  });

  test("a wrong root key is refused before anything is written", async () => {
    await addOpenAI("user_root", "root");
    const wrong = new BYOKManager({ encryptionKey: "another passphrase than the one before", database: place.databaseUrl });
    await expect(wrong.listKeys("user_root")).rejects.toMatchObject({ code: "CONFIGURATION" });
    await wrong.close();
  });
});

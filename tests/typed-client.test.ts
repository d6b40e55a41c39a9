import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { inspect } from "node:util";
import { startApi, type Api } from "@stack-2025/byok-api";
import {
  BYOKError, ConflictError, createByokClient, InvalidInputError, KeyNotFoundError, KeyValidationError, PermissionDeniedError, ProviderUnavailableError, type ByokClient,
} from "@stack-2025/byok-client";
import { coreOf, createServiceToken, silentLogger, type CreateServiceToken } from "@stack-2025/byok-core/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anthropicKey, openaiKey, openInstallation, type TestInstallation } from "./installation.ts";

const everything: CreateServiceToken["scopes"] = ["keys:read", "keys:write", "keys:use", "keys:reveal", "usage:read", "usage:write", "members:write", "act:any"];
const question = [{ role: "user" as const, content: "Say something about the sea, please." }];

describe("the typed client", () => {
  let place: TestInstallation;
  let api: Api;
  let client: ByokClient;
  const requests: string[] = [];

  const tokenFor = async (scopes: CreateServiceToken["scopes"], owner?: CreateServiceToken["owner"]): Promise<string> =>
    (await createServiceToken(await coreOf(place.manager), "test", { name: "client", scopes, ...(owner && { owner }) })).token;
  const clientWith = (token: string | (() => string | Promise<string>)): ByokClient =>
    createByokClient({
      url: `${api.url}/`,
      token,
      fetch: (input, init) => {
        requests.push(`${init?.method ?? "GET"} ${input instanceof Request ? input.url : String(input)}`);
        return fetch(input, init);
      },
    });

  beforeAll(async () => {
    place = await openInstallation();
    api = await startApi({ manager: place.manager, port: 0, host: "127.0.0.1", logger: silentLogger });
    client = clientWith(await tokenFor(everything));
  });
  afterAll(async () => {
    await api.close();
    await place[Symbol.asyncDispose]();
  });

  test("gives what the manager gives: records, pages, dates", async () => {
    const expiresAt = new Date("2031-01-02T03:04:05.678Z");
    const added = await client.addKey({ userId: "u1", provider: "openai", keyData: { apiKey: openaiKey("u1") }, alias: "First", expiresAt, tags: ["a"], limits: { requestsPerDay: 5 } });
    expect(added.expiresAt).toEqual(expiresAt);
    expect(added).toEqual(await place.manager.getKey(added.id));
    expect(await client.getKey(added.id)).toEqual(added);

    const second = await client.addKey({ userId: "u1", provider: "anthropic", keyData: { apiKey: anthropicKey("u1") } });
    const page = await client.listKeys("u1", { limit: 1 });
    expect([...page].map((key) => key.id)).toEqual([added.id]);
    expect([...(await client.listKeys("u1", { cursor: page.nextCursor ?? "" }))].map((key) => key.id)).toEqual([second.id]);

    const updated = await client.updateKey(added.id, { alias: null, expiresAt: null, priority: 3 });
    expect(updated).toMatchObject({ alias: null, expiresAt: null, priority: 3 });
    expect(updated.createdAt).toEqual(added.createdAt);
    expect(await client.testKey(added.id)).toBe(true);
    await expect(client.deleteKey(second.id)).resolves.toBeUndefined();
    await expect(client.getKey(second.id)).rejects.toBeInstanceOf(KeyNotFoundError);
  });

  test("records usage, and reads it back", async () => {
    const key = await client.addKey({ userId: "u2", provider: "openai", keyData: { apiKey: openaiKey("u2") } });
    const event = { id: "call-1", keyId: key.id, model: "gpt-4o-mini", inputTokens: 7, outputTokens: 11, at: new Date() };
    await client.recordUsage([event, { ...event, id: "call-2" }]);
    await client.recordUsage(event);
    const stats = await client.getUsageStats(key.id, "1d");
    expect(stats).toMatchObject({ keyId: key.id, requests: 2, inputTokens: 14, outputTokens: 22 });
    expect(stats.from).toBeInstanceOf(Date);
    expect(stats).toEqual(await place.manager.getUsageStats(key.id, "1d").then((own) => ({ ...own, to: stats.to })));
  });

  test("sets, lists and removes members", async () => {
    await client.setMember({ organizationId: "acme", userId: "boss", role: "owner" });
    await client.setMember({ organizationId: "acme", userId: "helper", role: "member" });
    expect(await client.listMembers("acme")).toEqual(await place.manager.listMembers("acme"));
    await expect(client.removeMember({ organizationId: "acme", userId: "boss" })).rejects.toBeInstanceOf(ConflictError);
    await client.removeMember({ organizationId: "acme", userId: "helper" });
    expect(await client.listMembers("acme")).toMatchObject([{ userId: "boss", role: "owner", since: expect.any(Date) as Date }]);
  });

  test("lists and proves the audit trail as the manager does", async () => {
    const owner = { organizationId: "audited" };
    await client.setMember({ ...owner, userId: "boss", role: "owner" });
    await client.setMember({ ...owner, userId: "helper", role: "viewer" });
    const reader = clientWith(await tokenFor(["audit:read"], owner));
    const page = await reader.listAuditEvents(owner, { action: "member.set", limit: 1, timeRange: "1h" });
    expect([...page]).toEqual((await place.manager.listAuditEvents(owner, { action: "member.set", limit: 1 })).items);
    expect([...page]).toMatchObject([{ action: "member.set", target: "user:helper", at: expect.any(Date) as Date, owner }]);
    expect((await reader.listAuditEvents(owner, { action: "member.set", limit: 1, timeRange: "1h", cursor: page.nextCursor ?? "" })).items).toMatchObject([{ target: "user:boss" }]);
    expect(await reader.verifyAudit(owner)).toEqual(await place.manager.verifyAudit(owner));
    // Naming nobody, a bound token means its owner.
    expect(await reader.verifyAudit()).toMatchObject({ ok: true, events: 3, brokenAt: null });
  });

  test("raises the classes that the manager raises, with all that they carry", async () => {
    const missing = `key_${"0".repeat(32)}`;
    const cases: [call: () => Promise<unknown>, twin: () => Promise<unknown>, type: new (...parts: never[]) => BYOKError][] = [
      [() => client.getKey(missing), () => place.manager.getKey(missing), KeyNotFoundError],
      [() => client.getActiveKey("nobody", "openai"), () => place.manager.getActiveKey("nobody", "openai"), KeyNotFoundError],
      [
        () => client.addKey({ userId: "u3", provider: "openai", keyData: { apiKey: anthropicKey("wrong") } }),
        () => place.manager.addKey({ userId: "u3", provider: "openai", keyData: { apiKey: anthropicKey("wrong") } }),
        KeyValidationError,
      ],
      [
        () => client.addKey({ userId: "u3", provider: "openai", keyData: { apiKey: openaiKey("u3") }, priority: 1.5 }),
        () => place.manager.addKey({ userId: "u3", provider: "openai", keyData: { apiKey: openaiKey("u3") }, priority: 1.5 }),
        InvalidInputError,
      ],
    ];
    for (const [call, twin, type] of cases) {
      const [raised, own] = await Promise.all([call, twin].map((one) => one().catch((error: unknown) => error)));
      expect(raised).toBeInstanceOf(type);
      expect(raised).toBeInstanceOf(BYOKError);
      expect(JSON.parse(JSON.stringify(raised))).toEqual(JSON.parse(JSON.stringify(own)));
    }
    await place.manager.addKey({ userId: "u4", provider: "openai", keyData: { apiKey: openaiKey("u4") }, allowedModels: ["gpt-4o*"] });
    const refused = await client.getActiveKey("u4", "openai", { model: "o3" }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(KeyValidationError);
    expect((refused as KeyValidationError).candidates).toMatchObject([{ reason: "model_not_allowed", usable: false, until: null }]);
  });

  test("the raw client is typed, and its errors have our classes too", async () => {
    const key = await client.addKey({ userId: "u5", provider: "openai", keyData: { apiKey: openaiKey("u5") } });
    const { items } = await client.trpc.keys.list.query({ userId: "u5" });
    const createdAt: string | undefined = items[0]?.createdAt;
    expect(createdAt).toBe(key.createdAt.toISOString());
    expect(await client.trpc.providers.list.query()).toContainEqual({ provider: "openai", name: "OpenAI", available: true });
    const error = await client.trpc.keys.get.query({ keyId: "none" }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KeyNotFoundError);
    expect(error).not.toBeInstanceOf(KeyValidationError);
    expect((error as KeyNotFoundError).code).toBe("KEY_NOT_FOUND");
  });

  test("calls of one moment share a request, twenty at most; nothing but the procedure's name is in its URL", async () => {
    requests.length = 0;
    await Promise.all(Array.from({ length: 25 }, () => client.listKeys("u1")));
    expect(requests).toHaveLength(2);
    for (const request of requests) expect(request).toMatch(/^POST [^?]+\/trpc\/keys\.list(,keys\.list)*\?batch=1$/);
  });

  test("a token is asked for at each request, and a wrong one is UNAUTHENTICATED", async () => {
    const tokens = [await tokenFor(["keys:read"], { userId: "u1" }), "byok_wrong"];
    const renewing = clientWith(async () => tokens.shift() ?? "");
    await expect(renewing.listKeys("u1")).resolves.toBeDefined();
    await expect(renewing.listKeys("u1")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(renewing.listKeys("u1")).rejects.toBeInstanceOf(PermissionDeniedError);
    expect(tokens).toEqual([]);
  });

  test("a service that is not there is ProviderUnavailableError, and an aborted call its reason", async () => {
    const lost = createByokClient({ url: "http://127.0.0.1:9", token: "x" });
    await expect(lost.getKey("x")).rejects.toBeInstanceOf(ProviderUnavailableError);
    const reason = new Error("no longer needed");
    await expect(client.getActiveKey("u1", "openai", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const url of ["", "ftp://x", "http://u:p@x", "localhost:8787"]) expect(() => createByokClient({ url, token: "x" })).toThrow(InvalidInputError);
  });

  test("a revealed key and a config do not print, and read as usual", async () => {
    const key = await client.getActiveKey("u5", "openai");
    const config = await client.getProviderConfig("u5", "openai");
    expect(key.decryptedKey).toBe(openaiKey("u5"));
    expect({ ...key.keyData }).toEqual({ apiKey: openaiKey("u5") });
    expect(config.apiKey).toBe(openaiKey("u5"));
    for (const value of [key, key.keyData, config, { nested: [config] }]) {
      const printed = [JSON.stringify(value), inspect(value, { depth: 10 }), `${value as unknown as string}`].join("\n");
      expect(printed).not.toContain("sk-proj");
    }
  });

  describe("fetchFor", () => {
    test("carries the official SDKs through the proxy, streams too, with any key of their own taken out", async () => {
      const key = await client.addKey({ userId: "f1", provider: "openai", keyData: { apiKey: openaiKey("f1") } });
      const openai = new OpenAI({ apiKey: "unused", fetch: client.fetchFor("f1", "openai", { label: "a story" }), maxRetries: 0 });
      const stream = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: question, stream: true });
      let text = "";
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      expect(text).not.toBe("");
      expect((await client.getUsageStats(key.id)).requests).toBe(1);

      await client.addKey({ userId: "f1", provider: "anthropic", keyData: { apiKey: anthropicKey("f1") } });
      const anthropic = new Anthropic({ apiKey: "unused", fetch: client.fetchFor("f1", "anthropic"), maxRetries: 0 });
      const message = await anthropic.messages.create({ model: "claude-sonnet-5", max_tokens: 64, messages: question });
      expect(message.usage.output_tokens).toBeGreaterThan(0);
    });

    test("raises the SDK's own class when no key is usable", async () => {
      const openai = new OpenAI({ apiKey: "unused", fetch: client.fetchFor("nobody", "openai"), maxRetries: 0 });
      await expect(openai.models.list()).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    });

    test("refuses another host before anything is sent", async () => {
      requests.length = 0;
      const elsewhere = client.fetchFor("f1", "openai");
      await expect(elsewhere("https://evil.test/v1/models")).rejects.toBeInstanceOf(InvalidInputError);
      await expect(elsewhere("http://api.openai.com/v1/models")).rejects.toBeInstanceOf(InvalidInputError);
      await expect(elsewhere("https://api.openai.com.evil.test/v1/models")).rejects.toBeInstanceOf(InvalidInputError);
      expect(requests).toEqual([]);
    });

    test("takes a name beyond ASCII, and fetch's other forms", async () => {
      await client.addKey({ userId: "名前", provider: "openai", keyData: { apiKey: openaiKey("name") } });
      const named = client.fetchFor("名前", "openai");
      expect((await named(new URL("https://api.openai.com/v1/models"))).status).toBe(200);
      const request = new Request("https://api.openai.com/v1/embeddings", {
        method: "POST", headers: { "content-type": "application/json", authorization: "Bearer unused" }, body: JSON.stringify({ model: "text-embedding-3-small", input: "x" }),
      });
      const answer = await named(request);
      expect([answer.status, answer.headers.get("byok-source")]).toEqual([200, "user"]);
    });
  });

  describe("withKey", () => {
    test("runs here with a revealed key, moves on from a dead one, and counts every try", async () => {
      const dead = await client.addKey({ userId: "w1", provider: "openai", keyData: { apiKey: openaiKey("w-dead") }, priority: 1 });
      const alive = await client.addKey({ userId: "w1", provider: "openai", keyData: { apiKey: openaiKey("w-alive") }, priority: 2 });
      place.sandbox.script(openaiKey("w-dead"), { kind: "revoked" });
      const seen: string[] = [];
      const answer = await client.withKey("w1", "openai", async (key, attempt) => {
        seen.push(`${attempt.number} ${key.keyId} ${attempt.previous.length}`);
        const openai = new OpenAI({ apiKey: key.decryptedKey, baseURL: `${place.sandbox.baseUrl("openai")}/v1`, maxRetries: 0 });
        const completion = await openai.chat.completions.create({ model: "gpt-4o-mini", messages: question });
        attempt.meter({ model: completion.model, inputTokens: completion.usage?.prompt_tokens ?? 0, outputTokens: completion.usage?.completion_tokens ?? 0 });
        return completion;
      });
      expect(seen).toEqual([`1 ${dead.id} 0`, `2 ${alive.id} 1`]);
      expect(await client.getUsageStats(alive.id)).toMatchObject({ requests: 1, errors: 0, outputTokens: answer.usage?.completion_tokens });
      expect(await client.getUsageStats(dead.id)).toMatchObject({ requests: 0, errors: 1 });
    });

    test("rethrows what no other key could help, as it came, and the last refusal when no key is left", async () => {
      const own = new Error("my own fault");
      await expect(client.withKey("w1", "openai", () => Promise.reject(own))).rejects.toBe(own);
      const refusal = Object.assign(new Error("refused"), { status: 401 });
      let tries = 0;
      await expect(
        client.withKey("w1", "openai", () => {
          tries += 1;
          return Promise.reject(refusal);
        }),
      ).rejects.toBe(refusal);
      expect(tries).toBe(2);
    });
  });
});

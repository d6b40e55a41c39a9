import { initTRPC } from "@trpc/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenScopes, type TokenScope } from "@stack-2025/byok-core/internal";
import { openaiKey, procedure, startTestService, type TestService } from "../testing-service.ts";
import { router, type Permission } from "./procedure.ts";
import { appRouter } from "./router.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service[Symbol.asyncDispose]());

/** Every procedure, with the permission that it declared. */
const procedures = Object.entries(appRouter._def.procedures as unknown as Record<string, { permission: Permission }>).map(
  ([name, { permission }]): [name: string, permission: Permission] => [name, permission],
);

describe("S-50: a procedure declares its permission in its type", () => {
  test("the matrix of procedures and permissions", () => {
    expect(Object.fromEntries(procedures)).toEqual({
      "keys.add": "keys:write",
      "keys.get": "keys:read",
      "keys.list": "keys:read",
      "keys.update": "keys:write",
      "keys.delete": "keys:write",
      "keys.test": "keys:write",
      "keys.rotate": "keys:write",
      "keys.rollback": "keys:write",
      "keys.health": "keys:read",
      "keys.validateAll": "keys:write",
      "keys.explain": "keys:read",
      "keys.active": "keys:reveal",
      "keys.providerConfig": "keys:reveal",
      "usage.record": "usage:write",
      "usage.stats": "usage:read",
      "members.set": "members:write",
      "members.remove": "members:write",
      "members.list": "members:write",
      "audit.list": "audit:read",
      "audit.verify": "audit:read",
      "owners.delete": "keys:write",
      "owners.policy": "keys:read",
      "owners.setPolicy": "keys:write",
      "leaks.identify": "system",
      "tokens.create": "tokens:write",
      "tokens.list": "tokens:write",
      "tokens.revoke": "tokens:write",
      "providers.list": "signed-in",
    });
  });

  test("one without does not compile", () => {
    const undeclared = initTRPC.create().procedure.query(() => "nothing");
    // @ts-expect-error -- it was not begun by `permitted`
    expect(router({ odd: { undeclared } })).toBeDefined();
  });
});

describe("S-49, B-38: token × scope", () => {
  const tokens = new Map<TokenScope | "none of them", string>();
  beforeAll(async () => {
    for (const scope of tokenScopes) tokens.set(scope, await service.token({ scopes: [scope] }));
  });

  const rows = procedures.flatMap(([name, permission]) => tokenScopes.map((scope) => ({ name, scope, allowed: permission === "signed-in" || permission === scope })));

  test.each(rows.filter((row) => !row.allowed))("$name is refused to a token with $scope alone", async ({ name, scope }) => {
    const { status, byok } = await procedure(service.url, name, tokens.get(scope), {});
    expect({ status, code: byok?.code }).toEqual({ status: 403, code: "PERMISSION_DENIED" });
  });

  test.each(rows.filter((row) => row.allowed))("$name lets a token with $scope in", async ({ name, scope }) => {
    const { text } = await procedure(service.url, name, tokens.get(scope), {});
    expect(text).not.toContain("missing_scope");
  });
});

describe("S-39, B-26: a key of another tenant is answered exactly as one that never existed", () => {
  const calls: [name: string, input: object, scope: TokenScope][] = [
    ["keys.get", {}, "keys:read"],
    ["keys.update", { alias: "x" }, "keys:write"],
    ["keys.delete", {}, "keys:write"],
    ["keys.test", {}, "keys:write"],
    ["keys.rotate", { keyData: { apiKey: openaiKey("planted") } }, "keys:write"],
    ["keys.rollback", {}, "keys:write"],
    ["keys.health", {}, "keys:read"],
    ["usage.stats", {}, "usage:read"],
  ];
  test.each(calls)("%s", async (name, input, scope) => {
    const theirs = await service.manager.addKey({ userId: `owner of ${name}`, provider: "openai", keyData: { apiKey: openaiKey(name.replace(".", "-")) } });
    const token = await service.token({ scopes: [scope], owner: { userId: "somebody else" } });
    const missing = `key_${"0".repeat(32)}`;
    const [foreign, unknown] = await Promise.all([theirs.id, missing].map((keyId) => procedure(service.url, name, token, { ...input, keyId })));
    expect(unknown?.status).toBe(404);
    expect(unknown?.byok?.code).toBe("KEY_NOT_FOUND");
    expect(foreign?.text.replaceAll(theirs.id, "…")).toBe(unknown?.text.replaceAll(missing, "…"));
    expect((await service.manager.getKey(theirs.id)).alias).toBeNull();
  });

  test("usage.record counts nothing for another's key", async () => {
    const theirs = await service.manager.addKey({ userId: "recorded", provider: "openai", keyData: { apiKey: openaiKey("recorded") } });
    const token = await service.token({ scopes: ["usage:write"], owner: { userId: "somebody else" } });
    const { status, byok } = await procedure(service.url, "usage.record", token, { events: [{ keyId: theirs.id, inputTokens: 1 }] });
    expect({ status, code: byok?.code }).toEqual({ status: 404, code: "KEY_NOT_FOUND" });
    expect((await service.manager.getUsageStats(theirs.id)).requests).toBe(0);
  });

  test.each(["no id at all", "key_", `KEY_${"0".repeat(32)}`, `key_${"0".repeat(32)}\n`, "x".repeat(10_000)])("B-25: a string that is no id: %j", async (keyId) => {
    const token = await service.token({ scopes: ["keys:read"], owner: { userId: "u" } });
    const { status, byok } = await procedure(service.url, "keys.get", token, { keyId });
    expect({ status, code: byok?.code }).toEqual({ status: 404, code: "KEY_NOT_FOUND" });
  });
});

describe("S-51: plaintext", () => {
  test("is handed to a token that may have it, and the audit has it before", async () => {
    const key = await service.manager.addKey({ userId: "revealed", provider: "openai", keyData: { apiKey: openaiKey("revealed") } });
    const token = await service.token({ scopes: ["keys:reveal"], owner: { userId: "revealed" } });
    const { data } = await procedure(service.url, "keys.active", token, { provider: "openai" });
    expect(data).toMatchObject({ keyId: key.id, source: "user", decryptedKey: openaiKey("revealed"), keyData: { apiKey: openaiKey("revealed") } });
    const config = await procedure(service.url, "keys.providerConfig", token, { provider: "openai" });
    expect(config.data).toMatchObject({ apiKey: openaiKey("revealed"), baseURL: `${service.sandbox.baseUrl("openai")}/v1` });
  });

  test.each(tokenScopes.filter((scope) => scope !== "keys:reveal"))("is in no answer to a token with %s", async (scope) => {
    await service.manager.addKey({ userId: `plain ${scope}`, provider: "openai", keyData: { apiKey: openaiKey(`plain-${scope.replace(":", "-")}`) } });
    const token = await service.token({ scopes: [scope], ...(scope !== "system" && scope !== "act:any" && { owner: { userId: `plain ${scope}` } }) });
    for (const [name] of procedures) {
      const { text } = await procedure(service.url, name, token, { provider: "openai" });
      expect(text).not.toContain("aaaaaaaa");
    }
  });

  test("of a system key is never handed out, nor an organization's to a token of one of its members", async () => {
    await service.manager.addKey({ system: true, provider: "anthropic", keyData: { apiKey: `sk-ant-api03-system-${"a".repeat(40)}` } });
    await service.manager.setMember({ organizationId: "acme", userId: "member", role: "owner" });
    await service.manager.addKey({ organizationId: "acme", provider: "openai", keyData: { apiKey: openaiKey("acme") }, sharedAccess: true });
    const member = await service.token({ scopes: ["keys:reveal"], owner: { userId: "member" } });
    const wide = await service.token({ scopes: ["keys:reveal", "act:any", "system"] });
    for (const [token, input] of [
      [member, { provider: "anthropic" }],
      [member, { provider: "openai" }],
      [wide, { provider: "anthropic", userId: "whoever" }],
      [wide, { provider: "anthropic", system: true }],
    ] as const) {
      const { status, byok, text } = await procedure(service.url, "keys.active", token, input);
      expect({ status, code: byok?.code }).toEqual({ status: 403, code: "PERMISSION_DENIED" });
      expect(text).not.toContain("aaaaaaaa");
    }
  });
});

describe("tokens over the wire", () => {
  test("a token gives no scope that it lacks, and is bound to its own owner", async () => {
    const token = await service.token({ scopes: ["tokens:write", "keys:read"], owner: { userId: "t1" } });
    const made = await procedure(service.url, "tokens.create", token, { name: "reader", scopes: ["keys:read"] });
    expect(made.data).toMatchObject({ token: expect.stringMatching(/^byok_/) as string, scopes: ["keys:read"] });
    for (const input of [
      { name: "x", scopes: ["keys:reveal"] },
      { name: "x", scopes: ["keys:read"], userId: "t2" },
      { name: "x", scopes: ["keys:read"], organizationId: "acme" },
    ]) {
      expect((await procedure(service.url, "tokens.create", token, input)).status).toBe(403);
    }
    expect((await procedure(service.url, "tokens.create", token, { name: "x", scopes: ["everything"] })).byok?.code).toMatch(/INVALID_INPUT|PERMISSION_DENIED/);
  });

  test("a list has no token in it, and one that was revoked works no more", async () => {
    const token = await service.token({ scopes: ["tokens:write", "keys:read"], owner: { userId: "t3" } });
    const { data } = await procedure(service.url, "tokens.create", token, { name: "second", scopes: ["keys:read"] });
    const second = data as { id: string; token: string };
    expect((await procedure(service.url, "keys.list", second.token, {})).status).toBe(200);
    const listed = await procedure(service.url, "tokens.list", token, {});
    expect((listed.data as { id: string }[]).map((one) => one.id)).toContain(second.id);
    expect(listed.text).not.toContain("byok_");
    expect((await procedure(service.url, "tokens.revoke", token, { id: second.id })).status).toBe(200);
    expect((await procedure(service.url, "keys.list", second.token, {})).status).toBe(401);
  });

  test("another owner's token is answered as one that never existed", async () => {
    const theirs = await service.token({ scopes: ["keys:read"], owner: { userId: "t4" } });
    const token = await service.token({ scopes: ["tokens:write"], owner: { userId: "t5" } });
    const foreign = await procedure(service.url, "tokens.revoke", token, { id: `tok_${theirs.slice(5, 37)}` });
    const missing = await procedure(service.url, "tokens.revoke", token, { id: `tok_${"0".repeat(32)}` });
    expect(foreign.status).toBe(404);
    expect(foreign.text).toBe(missing.text);
    expect((await procedure(service.url, "keys.list", theirs, {})).status).toBe(200);
  });
});

describe("errors keep their class and get their status", () => {
  test("a fault of the input names every field, and no value", async () => {
    const token = await service.token({ scopes: ["keys:write"], owner: { userId: "e1" } });
    const { status, byok, text } = await procedure(service.url, "keys.add", token, { userId: "e1", provider: "openai", priority: 1.5, typo: "sk-secret", keyData: {} });
    expect(status).toBe(400);
    expect(byok).toMatchObject({ code: "INVALID_INPUT", issues: expect.arrayContaining([expect.objectContaining({ path: "priority" })]) as unknown });
    expect(text).not.toContain("sk-secret");
    expect(text).not.toContain("stack");
  });

  test("a fault inside keyData is a KeyValidationError that names the field", async () => {
    const token = await service.token({ scopes: ["keys:write"], owner: { userId: "e1" } });
    const { status, byok } = await procedure(service.url, "keys.add", token, { userId: "e1", provider: "openai", keyData: { apiKey: "two words" } });
    expect(status).toBe(422);
    expect(byok).toMatchObject({ code: "KEY_VALIDATION", details: { field: "keyData.apiKey" } });
  });

  test("a key that is there already is a conflict", async () => {
    const token = await service.token({ scopes: ["keys:write"], owner: { userId: "e2" } });
    const input = { userId: "e2", provider: "openai", keyData: { apiKey: openaiKey("twice") } };
    expect((await procedure(service.url, "keys.add", token, input)).status).toBe(200);
    expect(await procedure(service.url, "keys.add", token, input)).toMatchObject({ status: 409, byok: { code: "CONFLICT" } });
  });

  test("another owner than the token's is refused, whether it exists or not", async () => {
    const token = await service.token({ scopes: ["keys:read"], owner: { userId: "e3" } });
    const [known, unknown] = await Promise.all(["e2", "nobody"].map((userId) => procedure(service.url, "keys.list", token, { userId })));
    expect(known?.status).toBe(403);
    expect(known?.text).toBe(unknown?.text);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConflictError, InvalidInputError, KeyNotFoundError, KeyValidationError } from "@stack-2025/byok-crypto";
import { openaiKey, openInstallation, type Installation } from "../installation.fixture.ts";

let at: Installation;
beforeAll(async () => {
  at = await openInstallation();
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

describe("addKey", () => {
  it("stores a key that the provider takes, and tells everything but the secret", async () => {
    const apiKey = openaiKey();
    const record = await at.manager.addKey({ userId: "add-1", provider: "openai", keyData: { apiKey, organization: "org-abc" }, alias: "Mine", tags: ["a", "a", "b"] });
    expect(record).toMatchObject({
      owner: { userId: "add-1" }, provider: "openai", environment: "production", alias: "Mine", hint: apiKey.slice(-4), status: "active", priority: 100, version: 1, custody: "managed", tags: ["a", "b"],
      metadata: { organization: "org-abc" }, lastUsedAt: null,
    });
    expect(record.id).toMatch(/^key_[0-9a-f]{32}$/);
    expect(record.lastCheckedAt).toBeInstanceOf(Date);
    expect(JSON.stringify(record)).not.toContain(apiKey);
    expect(await at.manager.getKey(record.id)).toEqual(record);
  });

  it("stores nothing where the provider refuses the key", async () => {
    const apiKey = openaiKey("invalid");
    await expect(at.manager.addKey({ userId: "add-2", provider: "openai", keyData: { apiKey } })).rejects.toMatchObject({ code: "KEY_VALIDATION", details: { field: "keyData", problem: "refused" } });
    expect((await at.manager.listKeys("add-2")).items).toEqual([]);
  });

  it("stores a key that cannot be checked now as unchecked", async () => {
    const apiKey = openaiKey();
    at.sandbox.script(apiKey, { kind: "server_error", status: 503 });
    expect(await at.manager.addKey({ userId: "add-3", provider: "openai", keyData: { apiKey } })).toMatchObject({ status: "unchecked", lastCheckedAt: null });
  });

  it("B-13: the same secret twice at once is one record and one ConflictError that names it", async () => {
    const apiKey = openaiKey();
    const results = await Promise.allSettled([1, 2, 3].map(() => at.manager.addKey({ userId: "add-4", provider: "openai", keyData: { apiKey } })));
    const stored = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const refused = results.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    expect(stored).toHaveLength(1);
    expect(refused).toHaveLength(2);
    for (const error of refused) {
      expect(error).toBeInstanceOf(ConflictError);
      expect(error).toMatchObject({ details: { keyId: stored[0]!.id } });
    }
    expect((await at.manager.listKeys("add-4")).items).toHaveLength(1);
  });

  it("the same secret of another owner, or for another environment, is another key", async () => {
    const apiKey = openaiKey();
    await at.manager.addKey({ userId: "add-5", provider: "openai", keyData: { apiKey } });
    await at.manager.addKey({ userId: "add-5", provider: "openai", keyData: { apiKey }, environment: "development" });
    await at.manager.addKey({ userId: "add-6", provider: "openai", keyData: { apiKey } });
    expect((await at.manager.listKeys("add-5")).items).toHaveLength(2);
  });

  it("an idempotency key gives the same record for the same body, and a ConflictError for another", async () => {
    const apiKey = openaiKey();
    const body = { userId: "add-7", provider: "openai", keyData: { apiKey }, idempotencyKey: "once" } as const;
    const [first, second] = await Promise.all([at.manager.addKey(body), at.manager.addKey(body)]);
    expect(second.id).toBe(first.id);
    expect((await at.manager.addKey(body)).id).toBe(first.id);
    await expect(at.manager.addKey({ ...body, alias: "other" })).rejects.toBeInstanceOf(ConflictError);
  });

  const refused: [string, object, string][] = [
    ["B-14: two owners", { userId: "a", organizationId: "b" }, "userId"],
    ["B-14: no owner", { userId: undefined }, "userId"],
    ["B-16: a line break in an alias", { alias: "a\nb" }, "alias"],
    ["B-16: a direction mark in an alias", { alias: "a\u202eb" }, "alias"],
    ["B-18: an empty alias", { alias: "" }, "alias"],
    ["B-18: 101 characters", { alias: "x".repeat(101) }, "alias"],
    ["B-18: 1,000 combining marks", { alias: "a" + "\u0301".repeat(1_000) }, "alias"],
    ["B-19: an environment in capitals", { environment: "Production" }, "environment"],
    ["B-19: 51 tags", { tags: Array.from({ length: 51 }, (_, index) => `t${index}`) }, "tags"],
    ["B-19: an empty tag", { tags: [""] }, "tags.0"],
    ["B-19: __proto__ as a tag", { tags: ["__proto__"] }, "tags.0"],
    ["B-20: a limit of zero", { limits: { requestsPerMinute: 0 } }, "limits.requestsPerMinute"],
    ["B-20: a limit below zero", { limits: { requestsPerMinute: -1 } }, "limits.requestsPerMinute"],
    ["B-20: no number", { limits: { requestsPerMinute: Number.NaN } }, "limits.requestsPerMinute"],
    ["B-20: infinity", { limits: { costPerDay: Number.POSITIVE_INFINITY } }, "limits.costPerDay"],
    ["B-20: a tenth of a request", { limits: { requestsPerMinute: 0.1 } }, "limits.requestsPerMinute"],
    ["B-20: text for a count", { limits: { requestsPerMinute: "10" } }, "limits.requestsPerMinute"],
    ["B-20: 2^53 + 1", { limits: { requestsPerDay: 2 ** 53 + 2 } }, "limits.requestsPerDay"],
    ["B-20: a cost with seven decimals", { limits: { costPerDay: 0.1234567 } }, "limits.costPerDay"],
    ["B-21: a date in the past", { expiresAt: new Date(0) }, "expiresAt"],
    ["B-21: an invalid date", { expiresAt: new Date(Number.NaN) }, "expiresAt"],
    ["B-21: the year 10000", { expiresAt: new Date(Date.UTC(10_000, 0)) }, "expiresAt"],
    ["B-21: a number for a date", { expiresAt: 1 }, "expiresAt"],
    ["B-21: a local time", { expiresAt: "2030-01-01T00:00:00" }, "expiresAt"],
    ["B-24: an unknown field", { alais: "x" }, ""],
    ["B-24: half a priority", { priority: 1.5 }, "priority"],
    ["B-24: a provider in capitals", { provider: "OPENAI" }, "provider"],
    ["sharedAccess on a personal key", { sharedAccess: true }, "sharedAccess"],
  ];
  it.each(refused)("%s is an InvalidInputError naming the path", async (_sentence, over, path) => {
    const input = { userId: "add-8", provider: "openai", keyData: { apiKey: openaiKey() }, ...over };
    const error = await at.manager.addKey(input as never).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).issues.map((issue) => issue.path)).toContain(path);
    expect((await at.manager.listKeys("add-8")).items).toEqual([]);
  });

  it("B-15, B-17, B-18: markup, SQL, wildcards and a long emoji are stored and shown as they are", async () => {
    for (const alias of ["<img src=x onerror=alert(1)>", "{{7*7}}", "=HYPERLINK(1)", "'; drop table keys", "100%_\\$1 :x", "👨‍👩‍👧‍👦", "x".repeat(100)]) {
      const record = await at.manager.addKey({ userId: "add-9", provider: "openai", keyData: { apiKey: openaiKey() }, alias });
      expect((await at.manager.getKey(record.id)).alias).toBe(alias);
    }
  });

  it("B-22: __proto__ and its kind as fields are refused, and no prototype changes", async () => {
    const input = JSON.parse(`{"userId":"add-10","provider":"openai","keyData":{"apiKey":"${openaiKey()}","__proto__":{"polluted":1}}}`) as never;
    await expect(at.manager.addKey(input)).rejects.toBeInstanceOf(KeyValidationError);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("getKey and its kind", () => {
  it.each(["nonsense", "key_", "KEY_0123", `key_${"0".repeat(32)}\n`, `key_${"0".repeat(32)}`, "x".repeat(10_240)])("B-25: %# is a KeyNotFoundError on every method", async (keyId) => {
    for (const call of [() => at.manager.getKey(keyId), () => at.manager.updateKey(keyId, { alias: "x" }), () => at.manager.deleteKey(keyId), () => at.manager.testKey(keyId), () => at.manager.getUsageStats(keyId)]) {
      await expect(call()).rejects.toBeInstanceOf(KeyNotFoundError);
    }
  });
});

describe("listKeys", () => {
  it("pages in the order of creation; a forged, foreign or other filter's cursor is refused", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push((await at.manager.addKey({ userId: "list-1", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" })).id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await at.manager.listKeys("list-1", { limit: 2, ...(cursor && { cursor }) });
      seen.push(...[...page].map((key) => key.id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(seen).toEqual(ids);

    const { nextCursor } = await at.manager.listKeys("list-1", { limit: 2 });
    for (const [owner, filter] of [["list-2", {}], ["list-1", { provider: "openai" as const }]] as const) {
      await expect(at.manager.listKeys(owner, { ...filter, cursor: nextCursor! })).rejects.toBeInstanceOf(InvalidInputError);
    }
    for (const forged of ["rubbish", nextCursor!.slice(0, -2), ""]) await expect(at.manager.listKeys("list-1", { cursor: forged })).rejects.toBeInstanceOf(InvalidInputError);
    for (const limit of [0, -1, 1e9]) await expect(at.manager.listKeys("list-1", { limit })).rejects.toBeInstanceOf(InvalidInputError);
  });

  it("filters by provider, environment, status and tag", async () => {
    const tagged = await at.manager.addKey({ userId: "list-3", provider: "openai", keyData: { apiKey: openaiKey() }, tags: ["blue"] });
    const other = await at.manager.addKey({ userId: "list-3", provider: "openai", keyData: { apiKey: openaiKey() }, environment: "development", validate: "skip" });
    const ids = async (filter: object): Promise<string[]> => (await at.manager.listKeys("list-3", filter)).items.map((key) => key.id);
    expect(await ids({ tag: "blue" })).toEqual([tagged.id]);
    expect(await ids({ environment: "development" })).toEqual([other.id]);
    expect(await ids({ status: "unchecked" })).toEqual([other.id]);
    expect(await ids({ provider: "anthropic" })).toEqual([]);
  });
});

describe("updateKey", () => {
  it("null clears, absent leaves, and the change is seen by the next call", async () => {
    const { id } = await at.manager.addKey({ userId: "update-1", provider: "openai", keyData: { apiKey: openaiKey() }, alias: "a", allowedModels: ["gpt-5"], limits: { requestsPerMinute: 5 } });
    const changed = await at.manager.updateKey(id, { alias: null, limits: { requestsPerDay: 7 } });
    expect(changed).toMatchObject({ alias: null, allowedModels: ["gpt-5"], limits: { requestsPerDay: 7 } });
    expect((await at.manager.getActiveKey("update-1", "openai")).keyId).toBe(id);
    await at.manager.updateKey(id, { status: "disabled" });
    await expect(at.manager.getActiveKey("update-1", "openai")).rejects.toBeInstanceOf(KeyValidationError);
    await at.manager.updateKey(id, { status: "active", allowedModels: null });
    expect((await at.manager.getActiveKey("update-1", "openai", { model: "anything" })).alias).toBeNull();
  });

  it("refuses what it does not know, and a date in the past", async () => {
    const { id } = await at.manager.addKey({ userId: "update-2", provider: "openai", keyData: { apiKey: openaiKey() } });
    await expect(at.manager.updateKey(id, { provider: "openai" } as never)).rejects.toBeInstanceOf(InvalidInputError);
    await expect(at.manager.updateKey(id, { expiresAt: new Date(0) })).rejects.toBeInstanceOf(InvalidInputError);
  });
});

describe("deleteKey and testKey", () => {
  it("a deleted key is gone for every method; its usage stays", async () => {
    const { id } = await at.manager.addKey({ userId: "delete-1", provider: "openai", keyData: { apiKey: openaiKey() } });
    await at.manager.deleteKey(id);
    await expect(at.manager.getKey(id)).rejects.toBeInstanceOf(KeyNotFoundError);
    await expect(at.manager.getActiveKey("delete-1", "openai")).rejects.toBeInstanceOf(KeyNotFoundError);
    await expect(at.manager.deleteKey(id)).rejects.toBeInstanceOf(KeyNotFoundError);
  });

  it("a key that dies is found out, and one that is mended comes back", async () => {
    const apiKey = openaiKey();
    const { id } = await at.manager.addKey({ userId: "test-1", provider: "openai", keyData: { apiKey } });
    at.sandbox.script(apiKey, { kind: "revoked" });
    expect(await at.manager.testKey(id)).toBe(false);
    expect(await at.manager.getKey(id)).toMatchObject({ status: "invalid" });
    await expect(at.manager.getActiveKey("test-1", "openai")).rejects.toBeInstanceOf(KeyValidationError);
    at.sandbox.script(apiKey);
    expect(await at.manager.testKey(id)).toBe(true);
    expect(await at.manager.getKey(id)).toMatchObject({ status: "active", statusReason: null });
  });

  it("a provider in trouble is a ProviderUnavailableError, and the status stays", async () => {
    const apiKey = openaiKey();
    const { id } = await at.manager.addKey({ userId: "test-2", provider: "openai", keyData: { apiKey } });
    at.sandbox.script(apiKey, { kind: "server_error", status: 503 });
    await expect(at.manager.testKey(id)).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
    expect(await at.manager.getKey(id)).toMatchObject({ status: "active" });
  });

  it("a scoped key that may not list models is alive", async () => {
    const apiKey = openaiKey("scoped");
    expect((await at.manager.addKey({ userId: "test-3", provider: "openai", keyData: { apiKey } })).status).toBe("active");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyNotFoundError, KeyValidationError, PermissionDeniedError, QuotaExceededError, RateLimitedError } from "@stack-2025/byok-crypto";
import { allowsModel, judge, type Ask, type CandidateKey } from "./candidates.ts";
import { Parked } from "./parked.ts";
import { refusal } from "./refusal.ts";

const now = Date.UTC(2026, 10, 24);
const ask: Ask = { environment: "production", organizationId: undefined, keyId: undefined, model: null, fallbackToSystem: true, route: null };

function key(over: Partial<CandidateKey> = {}): CandidateKey {
  return {
    keyId: "key_a", ownerId: "owner", organizationId: null, source: "user", alias: null, environment: "production", status: "active", expiresAt: null, exhaustedUntil: null,
    sharedAccess: false, sharedRoutes: "inference", role: null, allowedModels: null, limits: null, version: 1, custody: "managed",
    ownerLimits: [], suspended: false, forbidden: false, overflow: "never", graceUntil: null, previous: null,
    open: () => {
      throw new Error("judging opens nothing");
    },
    ...over,
  };
}
const shared = (over: Partial<CandidateKey> = {}): CandidateKey => key({ source: "organization", organizationId: "org", role: "member", sharedAccess: true, ...over });
const system = (over: Partial<CandidateKey> = {}): CandidateKey => key({ source: "system", ...over });
const route = (over: object) => ({ operation: "x", class: "inference" as const, stateful: false, acts: false, metered: true, firstByteMs: 1, ...over });

describe("judge", () => {
  const rows: [string, CandidateKey, Partial<Ask>, string][] = [
    ["an active key is usable", key(), {}, "usable"],
    ["an unchecked key is usable", key({ status: "unchecked" }), {}, "usable"],
    ["a disabled key is passed over", key({ status: "disabled" }), {}, "disabled"],
    ["a key past its expiry is passed over", key({ expiresAt: now }), {}, "expired"],
    ["a key before its expiry is usable", key({ expiresAt: now + 1 }), {}, "usable"],
    ["a dead key is passed over", key({ status: "invalid" }), {}, "invalid"],
    ["an exhausted key rests until its time", key({ status: "exhausted", exhaustedUntil: now + 1 }), {}, "exhausted"],
    ["an exhausted key without a time rests", key({ status: "exhausted" }), {}, "exhausted"],
    ["an exhausted key is tried again once its time has come", key({ status: "exhausted", exhaustedUntil: now }), {}, "usable"],
    ["a production call never takes a development key", key({ environment: "development" }), {}, "wrong_environment"],
    ["a development call never takes a production key", key(), { environment: "development" }, "wrong_environment"],
    ["a sealed key is passed over by whoever cannot unseal it", key({ custody: "sealed" }), {}, "sealed"],
    ["a key that does not allow the model is passed over", key({ allowedModels: ["gpt-5"] }), { model: "gpt-4" }, "model_not_allowed"],
    ["a call that names no model is not refused", key({ allowedModels: ["gpt-5"] }), {}, "usable"],
    ["an organization's key that is not shared is none of a member's", shared({ sharedAccess: false }), {}, "not_shared"],
    ["a viewer uses no key", shared({ role: "viewer" }), {}, "not_shared"],
    ["a system key infers", system(), { route: route({}) }, "usable"],
    ["a system key lists nothing", system(), { route: route({ class: "list" }) }, "route_not_allowed"],
    ["a system key reads no stored state", system(), { route: route({ stateful: true }) }, "route_not_allowed"],
    ["a route that no table lists is for own keys", system(), { route: "unknown" }, "route_not_allowed"],
    ["a route that no table lists passes on an own key", key(), { route: "unknown" }, "usable"],
    ["a member lists nothing with a shared key", shared(), { route: route({ class: "list" }) }, "route_not_allowed"],
    ["a member lists with a shared key that says so", shared({ sharedRoutes: "all" }), { route: route({ class: "list" }) }, "usable"],
    ["a member manages nothing with a shared key", shared({ sharedRoutes: "all" }), { route: route({ class: "manage" }) }, "route_not_allowed"],
    ["an admin manages with a shared key", shared({ role: "admin" }), { route: route({ class: "manage" }) }, "usable"],
  ];
  it.each(rows)("%s", (_sentence, one, more, reason) => {
    expect(judge([one], { ...ask, ...more }, now, new Parked()).map((judged) => judged.reason)).toEqual([reason]);
  });

  it("a 429 rests the key for that model alone", () => {
    const parked = new Parked();
    parked.park(key(), "gpt-5", now + 1_000);
    expect(judge([key()], { ...ask, model: "gpt-5" }, now, parked)[0]).toMatchObject({ reason: "rate_limited", until: new Date(now + 1_000) });
    expect(judge([key()], { ...ask, model: "gpt-4" }, now, parked)[0]).toMatchObject({ reason: "usable" });
    expect(judge([key()], { ...ask, model: "gpt-5" }, now + 1_000, parked)[0]).toMatchObject({ reason: "usable" });
  });

  it("without the fallback no system key is looked at", () => {
    expect(judge([system()], { ...ask, fallbackToSystem: false }, now, new Parked())).toEqual([]);
  });

  it("keeps the order it was given, whatever is passed over", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("active", "invalid", "disabled", "exhausted") as fc.Arbitrary<CandidateKey["status"]>), (statuses) => {
        const keys = statuses.map((status, index) => key({ keyId: `key_${index}`, status }));
        expect(judge(keys, ask, now, new Parked()).map((one) => one.key.keyId)).toEqual(keys.map((one) => one.keyId));
      }),
    );
  });
});

describe("allowsModel", () => {
  it("takes exact names, and a * at the end", () => {
    expect(allowsModel(["gpt-5"], "gpt-5")).toBe(true);
    expect(allowsModel(["gpt-5"], "gpt-5-mini")).toBe(false);
    expect(allowsModel(["gpt-5*"], "gpt-5-mini")).toBe(true);
    expect(allowsModel(["*"], "anything")).toBe(true);
  });
});

describe("refusal", () => {
  const rows = [
    ["no key at all", [], KeyNotFoundError],
    ["only keys of another environment", [key({ environment: "development" })], KeyNotFoundError],
    ["only keys that are not shared", [shared({ sharedAccess: false })], KeyNotFoundError],
    ["a dead key", [key({ status: "invalid" })], KeyValidationError],
    ["an expired key", [key({ expiresAt: 1 })], KeyValidationError],
    ["an empty account", [key({ status: "exhausted" })], QuotaExceededError],
    ["a sealed key", [key({ custody: "sealed" })], PermissionDeniedError],
    ["the first that counts decides", [key({ environment: "development" }), key({ status: "exhausted" }), key({ status: "invalid" })], QuotaExceededError],
  ] as const;
  it.each(rows)("%s", (_sentence, keys, kind) => {
    const error = refusal(judge(keys, ask, now, new Parked()), "openai", "production", now);
    expect(error).toBeInstanceOf(kind);
    expect(error.candidates).toHaveLength(keys.length);
  });

  it("a rate limit says how long to wait", () => {
    const parked = new Parked();
    parked.park(key(), null, now + 2_500);
    const error = refusal(judge([key()], ask, now, parked), "openai", "production", now);
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error).toMatchObject({ retryAfterMs: 2_500 });
  });
});

import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import * as here from "./errors.ts";
import {
  BYOKError,
  ConfigurationError,
  ConflictError,
  EncryptionError,
  errorCodes,
  fromWire,
  InvalidInputError,
  KeyNotFoundError,
  KeyValidationError,
  PermissionDeniedError,
  ProviderUnavailableError,
  QuotaExceededError,
  RateLimitedError,
  toWire,
  type Candidate,
} from "./errors.ts";

const candidate: Candidate = {
  keyId: "key_1",
  source: "user",
  alias: null,
  usable: false,
  reason: "rate_limited",
  until: new Date("2026-11-24T10:00:00.000Z"),
};

const all: { code: here.ErrorCode; type: typeof BYOKError | typeof EncryptionError; make: (options?: here.ErrorOptions) => BYOKError }[] = [
  { code: "KEY_NOT_FOUND", type: KeyNotFoundError, make: (options) => new KeyNotFoundError("m", options) },
  { code: "NOT_FOUND", type: BYOKError, make: (options) => new BYOKError("NOT_FOUND", "m", options) },
  { code: "KEY_VALIDATION", type: KeyValidationError, make: (options) => new KeyValidationError("m", options) },
  { code: "INVALID_INPUT", type: InvalidInputError, make: (options) => new InvalidInputError("m", options) },
  { code: "PERMISSION_DENIED", type: PermissionDeniedError, make: (options) => new PermissionDeniedError("m", options) },
  { code: "UNAUTHENTICATED", type: PermissionDeniedError, make: (options) => new PermissionDeniedError("m", { ...options, code: "UNAUTHENTICATED" }) },
  { code: "QUOTA_EXCEEDED", type: QuotaExceededError, make: (options) => new QuotaExceededError("m", options) },
  { code: "RATE_LIMITED", type: RateLimitedError, make: (options) => new RateLimitedError("m", options) },
  { code: "CONFLICT", type: ConflictError, make: (options) => new ConflictError("m", options) },
  { code: "PROVIDER_UNAVAILABLE", type: ProviderUnavailableError, make: (options) => new ProviderUnavailableError("m", options) },
  { code: "ENCRYPTION", type: EncryptionError, make: (options) => new EncryptionError("m", options) },
  { code: "CONFIGURATION", type: ConfigurationError, make: (options) => new ConfigurationError("m", options) },
];
const classes = [...new Set(all.map(({ type }) => type))];

it("the table of this test has every code once", () => {
  expect(all.map(({ code }) => code).toSorted()).toEqual([...errorCodes].toSorted());
});

describe.each(all)("$code", ({ code, type, make }) => {
  it("is an Error with its code, its class's name and its details", () => {
    const error = make({ details: { field: "x" } });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code, message: "m", name: type.name, details: { field: "x" } });
    expect(error.stack).toContain("errors.test.ts");
  });

  it("is an instance of its own class and of BYOKError, and of no other", () => {
    expect(classes.filter((each) => make() instanceof each).toSorted(byName)).toEqual([...new Set([BYOKError, type])].toSorted(byName));
  });

  it("comes back over the wire as the same class with the same facts", () => {
    const sent = make({ details: { keyId: "key_1" }, candidates: [candidate], issues: [{ path: "a.b", message: "is odd" }], retryAfterMs: 1500 });
    const received = fromWire(JSON.parse(JSON.stringify(sent)));
    expect(received).toBeInstanceOf(type);
    expect(received?.toJSON()).toEqual(sent.toJSON());
    expect(received?.name).toBe(sent.name);
  });

  it("does not take its cause or its stack onto the wire", () => {
    const wire = JSON.stringify(make({ cause: new Error("sk-canary") }));
    expect(wire).not.toContain("canary");
    expect(wire).not.toContain("errors.test.ts");
    expect(make({ cause: "why" }).cause).toBe("why");
  });
});
const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name);

describe("the facts of some errors", () => {
  it("candidates keep their dates over the wire", () => {
    expect(fromWire(JSON.parse(JSON.stringify(new KeyNotFoundError("m", { candidates: [candidate] }))))?.candidates).toEqual([candidate]);
  });

  it("retryAfterMs is null where nobody knows, and comes back", () => {
    expect(new RateLimitedError("m").retryAfterMs).toBeNull();
    expect(fromWire(toWire(new RateLimitedError("m", { retryAfterMs: 20 })))).toHaveProperty("retryAfterMs", 20);
    expect(fromWire(toWire(new RateLimitedError("m")))).toHaveProperty("retryAfterMs", null);
  });

  it("issues come back, all of them", () => {
    const issues = [{ path: "a", message: "x" }, { path: "b", message: "y" }];
    expect(fromWire(toWire(new InvalidInputError("m", { issues })))).toHaveProperty("issues", issues);
  });
});

describe("instanceof", () => {
  it("holds for an error of another copy of the package", async () => {
    const otherCopy = "./errors.ts?copy";
    const copy: typeof here = await import(otherCopy);
    expect(copy.RateLimitedError).not.toBe(RateLimitedError);
    const error = new copy.RateLimitedError("m");
    expect(error instanceof RateLimitedError).toBe(true);
    expect(error instanceof BYOKError).toBe(true);
    expect(error instanceof ConflictError).toBe(false);
  });

  it("of a class that a user derived is the ordinary one", () => {
    class OwnError extends ConflictError {}
    expect(new OwnError("m") instanceof OwnError).toBe(true);
    expect(new OwnError("m") instanceof ConflictError).toBe(true);
    expect(new ConflictError("m") instanceof OwnError).toBe(false);
  });

  it.each([null, undefined, 0, "text", {}, { code: "CONFLICT" }, new Error("m"), { name: "BYOKError", code: "CONFLICT" }])("is false for %o", (value) => {
    expect(classes.filter((each) => value instanceof each)).toEqual([]);
  });
});

describe("fromWire", () => {
  it.each([
    null,
    "text",
    {},
    { code: "CONFLICT" },
    { code: "NO_SUCH_CODE", message: "m" },
    { code: "constructor", message: "m" },
    { code: "toString", message: "m" },
    { code: "CONFLICT", message: 1 },
    { code: "CONFLICT", message: "m", details: "text" },
    { code: "CONFLICT", message: "m", details: null },
    { code: "KEY_NOT_FOUND", message: "m", candidates: {} },
    { code: "KEY_NOT_FOUND", message: "m", candidates: [null] },
    { code: "KEY_NOT_FOUND", message: "m", candidates: [{ until: "soon" }] },
    { code: "INVALID_INPUT", message: "m", issues: "none" },
    { code: "RATE_LIMITED", message: "m", retryAfterMs: "soon" },
  ])("does not make an error of %o", (wire) => {
    expect(fromWire(wire)).toBeUndefined();
  });
});

it("an error prints its code, and not more than was put into it", () => {
  expect(inspect(new EncryptionError("m", { details: { reason: "x" } }))).toContain("ENCRYPTION");
});

import { createHash, createHmac } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { auditMac, fingerprint, sha256Base64url, sha256Hex, tokenHash } from "./digest.ts";
import { engine } from "./engine.ts";
import type { WrapKey } from "./installation-key.ts";

const keyBytes = engine.randomBytes(32);
const key: WrapKey = { version: 1, key: engine.importKey(keyBytes) };
const otherKey: WrapKey = { version: 1, key: engine.importKey(engine.randomBytes(32)) };
const utf8 = (text: string) => new TextEncoder().encode(text);
/** The encoding of digests' messages, written once more, plainly. */
const prefixed = (...parts: (string | Uint8Array)[]) =>
  Buffer.concat(
    parts.flatMap((part) => {
      const body = Buffer.from(part);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return [length, body];
    }),
  );
const mac = (with_: Uint8Array, ...parts: (string | Uint8Array)[]) => createHmac("sha256", with_).update(prefixed(...parts)).digest();
const at = { ownerId: "own_a", provider: "openai" };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("S-12 a fingerprint", () => {
  const reference = fingerprint(key, at, "sk-test-not-a-key");

  it("is the same for the same secret of one owner and provider", () => {
    expect(fingerprint(key, { ...at }, "sk-test-not-a-key")).toBe(reference);
    expect(reference).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it.each([
    ["secret", () => fingerprint(key, at, "sk-test-not-a-kez")],
    ["owner", () => fingerprint(key, { ...at, ownerId: "own_b" }, "sk-test-not-a-key")],
    ["provider", () => fingerprint(key, { ...at, provider: "openrouter" }, "sk-test-not-a-key")],
    ["installation key", () => fingerprint(otherKey, at, "sk-test-not-a-key")],
    ["cut between provider and secret", () => fingerprint(key, { ...at, provider: "openais" }, "k-test-not-a-key")],
  ])("is another for another %s", (_, make) => {
    expect(make()).not.toBe(reference);
  });

  it("is HMAC-SHA256 under a key that HMAC makes for the owner", () => {
    const ownerKey = mac(keyBytes, "byok/1/owner-fingerprint", "own_a");
    expect(reference).toBe(mac(ownerKey, "byok/1/fingerprint", "openai", "sk-test-not-a-key").toString("base64url"));
  });

  it("takes a service account of 32 KiB", () => {
    expect(fingerprint(key, at, "x".repeat(32_768))).not.toBe(fingerprint(key, at, "x".repeat(32_767)));
  });

  it("S-28 leaves no copy of the secret and of the owner's key behind", () => {
    const hmac = vi.spyOn(engine, "hmac");
    const imported = vi.spyOn(engine, "importKey");
    fingerprint(key, at, "sk-test-not-a-key");
    expect(hmac.mock.calls[1]?.[1]?.every((byte) => byte === 0)).toBe(true);
    expect(imported.mock.calls[0]?.[0]).toEqual(new Uint8Array(32));
  });
});

describe("an audit link", () => {
  const reference = auditMac(key, "own_a", utf8("event"));

  it("is HMAC-SHA256 under a key that HMAC makes for the owner", () => {
    const ownerKey = mac(keyBytes, "byok/1/owner-audit", "own_a");
    expect(reference).toBe(mac(ownerKey, "byok/1/audit-mac", "event").toString("base64url"));
  });

  it("is another for other bytes, another owner, another key", () => {
    const all = [reference, auditMac(key, "own_a", utf8("Event")), auditMac(key, "own_b", utf8("event")), auditMac(otherKey, "own_a", utf8("event"))];
    expect(new Set(all).size).toBe(4);
  });
});

describe("a token's hash", () => {
  it("is SHA-256 over its label and the token, base64url", () => {
    expect(tokenHash("byok_abc")).toBe(createHash("sha256").update(prefixed("byok/1/token", "byok_abc")).digest("base64url"));
  });

  it("is no bare hash of the token, and another for another case", () => {
    expect(tokenHash("byok_abc")).not.toBe(createHash("sha256").update("byok_abc").digest("base64url"));
    expect(tokenHash("byok_abc")).not.toBe(tokenHash("byok_abC"));
  });
});

describe("digests of public bytes", () => {
  it("are what everybody else computes", () => {
    expect(sha256Hex(utf8("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(sha256Base64url(utf8("abc"))).toBe(createHash("sha256").update("abc").digest("base64url"));
  });
});

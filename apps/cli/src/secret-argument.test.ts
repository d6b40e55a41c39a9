import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { secretArgumentAt } from "./secret-argument.ts";

describe("S-84 an argument that looks like a secret is found, wherever it stands", () => {
  test.each([
    ["an OpenAI key", "sk-proj-canary"],
    ["a key of a payment service", "sk_live_canary"],
    ["an Anthropic key", "sk-ant-api03-canary"],
    ["a byok token", "byok_0123_canary_0123"],
    ["a Google key", "AIzaSyCanary"],
    ["a Telnyx key", "KEY0189ABCDEF_canary"],
    ["a Twilio auth token", "4f5c2b1a9d8e7f6a5b4c3d2e1f0a9b8c"],
    ["a Deepgram key", "0123456789abcdef0123456789abcdef01234567"],
    ["a root key", "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs="],
    ["an authorization header", "Bearer canary"],
    ["a JWT", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\ncanary"],
    ["key data as JSON", '{"accountSid":"AC1","authToken":"canary"}'],
    ["a URL with a password", "postgres://byok:canary@db/byok"],
  ])("%s", (_, secret) => {
    expect(secretArgumentAt(["keys", "add", secret])).toBe(3);
    expect(secretArgumentAt(["keys", "add", "--alias", secret])).toBe(4);
    expect(secretArgumentAt(["keys", "add", `--alias=${secret}`])).toBe(3);
  });

  test("random bytes as hex of 32 digits or more", () => {
    const text = fc.uint8Array({ minLength: 16, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString("hex"));
    fc.assert(fc.property(text, (secret) => {
      expect(secretArgumentAt([secret])).toBe(1);
    }));
  });

  test("random bytes as base64, nearly always", () => {
    const found = Array.from({ length: 1_000 }, () => secretArgumentAt([randomBytes(32).toString("base64").replaceAll("/", "A")]));
    expect(found.filter((at) => at === 1).length).toBeGreaterThan(950);
  });

  test("a secret given as a user's id is one all the same", () => {
    expect(secretArgumentAt(["keys", "list", "--user", "sk-proj-canary"])).toBe(4);
  });
});

describe("what people write is let through", () => {
  test.each([
    [["keys", "add", "--provider", "openai", "--user", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "--alias", "My OpenAI key"]],
    [["keys", "list", "--org", "org_01HZY3V9W8X7K6J5H4G3F2E1D0"]],
    [["keys", "list", "--user=4f5c2b1a9d8e7f6a5b4c3d2e1f0a9b8c"]],
    [["keys", "list", "--user", "auth0|507f1f77bcf86cd799439011"]],
    [["keys", "list", "--user", "550e8400-e29b-41d4-a716-446655440000"]],
    [["keys", "test", "key_0193a4f2c3d47e8f9a0b1c2d3e4f5a6b"]],
    [["token", "revoke", "tok_0193a4f2c3d47e8f9a0b1c2d3e4f5a6b"]],
    [["token", "create", "--name", "my-very-long-service-name-2-production-eu", "--scope", "keys:read,keys:write,keys:use,keys:reveal,usage:read"]],
    [["keys", "add", "--alias", "ProductionOpenAIKey2026forTeamA", "--environment", "development", "--validate", "skip"]],
    [["--help"]],
  ])("%j", (args) => {
    expect(secretArgumentAt(args)).toBeUndefined();
  });
});

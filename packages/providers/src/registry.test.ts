import { ConfigurationError, InvalidInputError } from "@stack-2025/byok-crypto";
import { expect, test } from "vitest";
import { ProviderType, providerTypes } from "./provider-type.ts";
import { completeProviders, providerFor } from "./registry.ts";

test("each complete provider is found by its name and its constant", () => {
  expect(completeProviders.map(({ type }) => type)).toEqual(expect.arrayContaining(["openai", "anthropic", "twilio"]));
  for (const provider of completeProviders) expect(providerFor(provider.type)).toBe(provider);
  expect(providerFor(ProviderType.OPENAI).name).toBe("OpenAI");
});

test("a provider that is known and not part of this version says so", () => {
  const missing = providerTypes.filter((type) => completeProviders.every((provider) => provider.type !== type));
  expect(missing.length + completeProviders.length).toBe(9);
  for (const type of missing) {
    expect(() => providerFor(type)).toThrow(ConfigurationError);
    expect(() => providerFor(type)).toThrow(`The provider ${type} is not available in this version of byok`);
  }
});

test.each(["", "OPENAI", "OpenAI", "openai ", "open_ai", "toString", "__proto__", "constructor", "sk-test-0123456789"])("%o is no provider; the error lists those there are and does not repeat it", (name) => {
  let error: unknown;
  try {
    providerFor(name);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(InvalidInputError);
  expect(error).toMatchObject({ issues: [{ path: "provider" }], details: { field: "provider" } });
  for (const type of providerTypes) expect(String(error)).toContain(type);
  expect(String(error)).not.toContain("sk-test");
});

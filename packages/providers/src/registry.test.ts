import { InvalidInputError } from "@stack-2025/byok-crypto";
import { expect, test } from "vitest";
import { ProviderType, providerTypes } from "./provider-type.ts";
import { completeProviders, providerFor } from "./registry.ts";

test("each complete provider is found by its name and its constant", () => {
  for (const provider of completeProviders) expect(providerFor(provider.type)).toBe(provider);
  expect(providerFor(ProviderType.OPENAI).name).toBe("OpenAI");
});

test("every provider that is known is there, under its own name", () => {
  expect(completeProviders.map(({ type }) => type)).toEqual(providerTypes);
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

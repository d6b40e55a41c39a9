import { expect, test } from "vitest";
import { errorCodes, fromWire } from "@stack-2025/byok-crypto";
import { completeProviders } from "@stack-2025/byok-core/internal";
import { errorStatus, retryAfter } from "./error-status.ts";

test.each(errorCodes)("%s has one status, whether it is said by a procedure or in a provider's shape", (code) => {
  const error = fromWire({ code, message: "a message" });
  if (!error) throw new Error(`${code} has no class`);
  for (const provider of completeProviders) {
    const { status, body } = provider.refusal(error);
    expect([provider.type, status]).toEqual([provider.type, errorStatus[code].http]);
    expect(body).toContain("a message");
  }
});

test("Retry-After is whole seconds, at least one", () => {
  expect([0, 1, 999, 1_000, 1_001, 60_000].map(retryAfter)).toEqual(["1", "1", "1", "1", "2", "60"]);
});

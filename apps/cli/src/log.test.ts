import { describe, expect, test } from "vitest";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { makeLogger } from "./log.ts";

function capture(): { lines: () => Record<string, unknown>[]; logger: ReturnType<typeof makeLogger>; text: () => string } {
  let text = "";
  const logger = makeLogger("trace", { write: (line: string) => void (text += line) });
  return { logger, text: () => text, lines: () => text.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("S-80 a log line has fields from a list, and nothing else", () => {
  test("fields that are not on it are dropped, in children too", () => {
    const { logger, lines, text } = capture();
    logger.info({ requestId: "req_1", status: 200, headers: { authorization: "canary" }, url: "/x?key=canary", body: "canary" }, "done");
    logger.child({ provider: "openai", secret: "canary" }).warn({ ms: 3, keyData: { apiKey: "canary" } }, "slow");
    expect(lines()).toEqual([
      { level: "info", time: expect.any(String), requestId: "req_1", status: 200, msg: "done" },
      { level: "warn", time: expect.any(String), provider: "openai", ms: 3, msg: "slow" },
    ]);
    expect(text()).not.toContain("canary");
  });

  test("what an allowed field holds is redacted by name as well", () => {
    const { logger, text } = capture();
    logger.info({ error: { apiKey: "canary", password: "canary" } });
    expect(text()).not.toContain("canary");
  });

  test("B-16 a line break in a value does not forge a line", () => {
    const { logger, lines } = capture();
    logger.info({ model: 'x"}\n{"level":"error","msg":"forged"}' }, "one\nline");
    expect(lines()).toHaveLength(1);
  });

  test("our errors speak; of others, only kind and place are kept", () => {
    const { logger, lines, text } = capture();
    logger.error({ err: new ConfigurationError("PORT: taken.") });
    logger.error({ err: new TypeError("canary is no function") });
    expect(lines()[0]).toMatchObject({ err: { name: "ConfigurationError", code: "CONFIGURATION", message: "PORT: taken." } });
    expect(lines()[1]).toMatchObject({ err: { name: "TypeError", at: expect.arrayContaining([expect.stringContaining("log.test.ts")]) } });
    expect(text()).not.toContain("canary");
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { createTestDatabase } from "@stack-2025/byok-db/testing";
import { rootKey } from "./installation.fixture.ts";

const program = `
import { BYOKManager } from ${JSON.stringify(new URL("./manager.ts", import.meta.url).href)};
const byok = new BYOKManager({ encryptionKey: process.env.TEST_KEY, database: process.env.TEST_DATABASE });
await byok.addKey({ userId: "user_123", provider: "openai", keyData: { apiKey: "sk-..." }, validate: "skip" });
await byok.getActiveKey("user_123", "openai");
`;

it("a program that has nothing left to do ends, also where nobody closed the manager", async () => {
  await using database = await createTestDatabase();
  const child = spawn(process.execPath, ["--conditions=byok-source", "--input-type=module", "--eval", program], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env["PATH"], TEST_KEY: rootKey, TEST_DATABASE: database.connectionString },
    timeout: 25_000,
  });
  expect(await once(child, "exit")).toEqual([0, null]);
});

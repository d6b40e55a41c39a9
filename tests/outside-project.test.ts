import { BYOKManager, ProviderType } from "@stack-2025/byok-core";
import { coreOf, createServiceToken, silentLogger } from "@stack-2025/byok-core/internal";
import { startApi, type Api } from "@stack-2025/byok-api";
import { createEmptyDatabase } from "@stack-2025/byok-db/testing";
import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientProgram, quickStart, quickStartProgram, testingProgram } from "../tooling/outside/programs.ts";
import { installers, makeOutsideProject, type OutsideProject } from "../tooling/outside/project.ts";
import { startVendorFront, type VendorFront } from "../tooling/outside/vendor-front.ts";
import { openInstallation, openaiKey, type TestInstallation } from "./installation.ts";

/** Each way to resolve on copied packages, and the links of plain npm with one of them: the compiler takes seconds over the SDKs' types. */
const resolutions = { pnpm: ["nodenext", "bundler"], "npm --install-links": ["nodenext"], npm: ["bundler"] } as const;

// Needs what `turbo run build` makes of core, client and crypto; `npm test` sees to that.
describe.each(installers)("a project outside the repository, installed with %s", (installer) => {
  let project: OutsideProject;
  beforeAll(async () => {
    project = await makeOutsideProject(installer);
    await project.write("quick-start.ts", quickStartProgram());
    await project.write("client.ts", clientProgram);
    await project.write("testing.ts", testingProgram);
  }, 240_000);
  afterAll(() => project?.[Symbol.asyncDispose]());

  test.each(resolutions[installer])("compiles strictly with %s resolution, declarations of the packages included", { timeout: 120_000 }, async (resolution) => {
    expect(await project.complaints(resolution)).toBe("");
  });

  describe("runs", () => {
    let sandbox: Sandbox;
    let front: VendorFront;
    beforeAll(async () => {
      sandbox = await startSandbox();
      front = await startVendorFront(sandbox);
    });
    afterAll(async () => {
      await front[Symbol.asyncDispose]();
      await sandbox.close();
    });

    test("the readme's quick start, and the client that it made reaches the vendor with the customer's key", { timeout: 60_000 }, async () => {
      await using database = await createEmptyDatabase();
      sandbox.script("sk-...", { kind: "ok" });
      const env = { DATABASE_URL: database.connectionString, BYOK_ENCRYPTION_KEY: "a passphrase of the outside project", ...front.env };
      const { code, output } = await project.run("quick-start.ts", env, front.nodeArgs);
      expect(code, output).toBe(0);
      expect(JSON.parse(output)).toMatchObject({ source: "user", organization: "org-...", said: expect.stringContaining("Hello.") });
      expect(JSON.parse(output).printed).not.toContain("sk-...");
      expect(sandbox.ledger.entries({ key: "sk-..." }).map((entry) => entry.path)).toEqual(["/v1/models", "/v1/chat/completions"]);
    });

    test("the sandbox that core offers for users' own tests", { timeout: 60_000 }, async () => {
      const { code, output } = await project.run("testing.ts", {});
      expect(code, output).toBe(0);
      expect(JSON.parse(output)).toEqual({ status: 401, calls: 1 });
    });
  });

  describe("beside a service", () => {
    let place: TestInstallation;
    let api: Api;
    beforeAll(async () => {
      place = await openInstallation();
      api = await startApi({ manager: place.manager, port: 0, host: "127.0.0.1", logger: silentLogger });
      await place.manager.addKey({ userId: "user_123", provider: ProviderType.OPENAI, keyData: { apiKey: openaiKey("service") }, alias: "Of the service" });
    }, 60_000);
    afterAll(async () => {
      await api?.close();
      await place?.[Symbol.asyncDispose]();
    });

    test("the typed client lists keys, and its errors are core's classes", { timeout: 60_000 }, async () => {
      const { token } = await createServiceToken(await coreOf(place.manager), "test", { name: "outside", scopes: ["keys:read"], owner: { userId: "user_123" } });
      const { code, output } = await project.run("client.ts", { BYOK_URL: api.url, BYOK_TOKEN: token });
      expect(code, output).toBe(0);
      expect(JSON.parse(output)).toEqual({ typed: [false, false], first: "Of the service", created: true, sameClass: true, secret: "[secret]" });
    });
  });
});

test("the quick start of the readme is the one that was promised", () => {
  expect(quickStart().split("\n").filter((line) => line.startsWith("//"))).toEqual([
    "// Initialize BYOK manager", "// Add user's OpenAI key", "// Get key for usage", "// Use with existing providers",
  ]);
  expect(BYOKManager.name).toBe("BYOKManager");
});

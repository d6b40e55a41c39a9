import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { loadPeer } from "./load-peer.ts";

describe("a package that only some installations need", () => {
  it("is named where it is missing, with the command that brings it", async () => {
    const missing: string = "byok-package-that-is-not-there";
    const error: unknown = await loadPeer(missing, "in an HSM", () => import(missing)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ message: expect.stringContaining(`npm install ${missing}`), details: { package: missing } });
  });

  it("is imported nowhere but on demand: its types alone stand at the top of a file", () => {
    const sources = globSync("*.ts", { cwd: import.meta.dirname }).filter((file) => !/\.(?:test|fixture)\.ts$/.test(file));
    const lines = sources.flatMap((file) => readFileSync(path.join(import.meta.dirname, file), "utf8").split("\n"));
    const named = lines.filter((line) => /"(?:pkcs11js|@aws-sdk\/[^"]*)"/.test(line) && !line.includes("loadPeer("));
    expect(named.length).toBeGreaterThan(0);
    for (const line of named) expect(line).toMatch(/^import type |= typeof import\(/);
  });
});

// Who may import whom. Imports point down: crypto, then providers and db, then sdk, then the apps. A rule is a sentence that
// CONTRIBUTING.md tells; this file is the same in a form that a test can hold.

export interface Room {
  readonly folder: string;
  readonly packageName: string;
  /** Packages of ours that its sources may import, by package name. */
  readonly mayImport: readonly string[];
  /** Those of which only types may be imported: nothing is left of them at run time. */
  readonly typesOf?: readonly string[];
  /** Further ones for its tests. */
  readonly testsMayImport?: readonly string[];
  /** Further ones for a single file. */
  readonly exceptions?: Readonly<Record<string, readonly string[]>>;
}

const crypto = "@stack-2025/byok-crypto";
const providers = "@stack-2025/byok-providers";
const db = "@stack-2025/byok-db";
const sandbox = "@stack-2025/byok-sandbox";
const core = "@stack-2025/byok-core";
const client = "@stack-2025/byok-client";
const api = "@stack-2025/byok-api";
const worker = "@stack-2025/byok-worker";
const cli = "@stack-2025/byok";
const tooling = "@stack-2025/byok-tooling";
const tests = "@stack-2025/byok-tests";

export const rooms: readonly Room[] = [
  { folder: "packages/crypto", packageName: crypto, mayImport: [] },
  { folder: "packages/sandbox", packageName: sandbox, mayImport: [] },
  { folder: "packages/providers", packageName: providers, mayImport: [crypto], testsMayImport: [sandbox] },
  { folder: "packages/db", packageName: db, mayImport: [crypto] },
  {
    folder: "packages/sdk",
    packageName: core,
    mayImport: [crypto, providers, db],
    testsMayImport: [sandbox],
    exceptions: { "packages/sdk/src/testing.ts": [sandbox] },
  },
  {
    folder: "packages/client",
    packageName: client, mayImport: [crypto], typesOf: [core, api], testsMayImport: [core, api, sandbox],
    // The providers' names, which import nothing.
    exceptions: { "packages/client/src/index.ts": [providers] },
  },
  { folder: "apps/api", packageName: api, mayImport: [crypto, core], testsMayImport: [db, sandbox] },
  { folder: "apps/worker", packageName: worker, mayImport: [crypto, core], testsMayImport: [db, sandbox] },
  // The command starts the parts, so it alone knows them all.
  { folder: "apps/cli", packageName: cli, mayImport: [crypto, core, api, worker, db, sandbox] },
  { folder: "tooling", packageName: tooling, mayImport: [crypto, core, api, worker, db, sandbox, client, cli] },
  { folder: "tests", packageName: tests, mayImport: [crypto, core, api, worker, db, sandbox, client, cli] },
];

/** The only rooms that open connections to PostgreSQL themselves. */
export const mayImportPg: readonly string[] = ["packages/db", "tooling", "tests"];

/** Where the process's environment may be read: what starts a process, and what serves its developers. */
export const mayReadEnvironment: readonly RegExp[] = [/^apps\/(cli|api|worker)\//, /^tooling\//, /^tests\//];

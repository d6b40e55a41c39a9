// The sandbox: vendors' HTTP on the loopback, with faults on request and a ledger of what was told.
export type { SandboxProvider } from "./dialects.ts";
export { type Fault, type FaultKind, parseFaults } from "./fault.ts";
export type { Ledger, LedgerEntry, LedgerFilter, PublishedEntry, Turn, Usage } from "./ledger.ts";
export { type Sandbox, type SandboxOptions, startSandbox } from "./sandbox.ts";
export { countTokens, reasoningTokens } from "./speech.ts";
export type { ServiceAccountFile, ServiceAccountOptions } from "./vault.ts";

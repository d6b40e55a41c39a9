/**
 * For users' own tests, as `@stack-2025/byok-core/testing`: stand-ins for the providers, with faults on request and a ledger of
 * what they told, and a PostgreSQL that is gone when the test is. Nothing here is for production.
 */
export { startTemporaryPostgres, type TemporaryPostgres } from "@stack-2025/byok-db/temporary-postgres";
export {
  startSandbox,
  type Fault,
  type FaultKind,
  type Ledger,
  type LedgerEntry,
  type LedgerFilter,
  type Sandbox,
  type SandboxOptions,
  type SandboxProvider,
  type Usage,
} from "@stack-2025/byok-sandbox";

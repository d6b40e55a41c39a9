export { backupRole, type BackupRole } from "./backup-role.ts";
export { inspectCatalog, type CatalogFaults } from "./inspect.ts";
export { addJob, type AddJobOptions } from "./add-job.ts";
export {
  connectDatabase,
  Database,
  type AnyKysely,
  type ConnectOptions,
  type DatabaseSource,
  type InstallationTables,
  type InstallationTransaction,
  type OperatorTables,
  type OperatorTransaction,
  type ReadQuery,
  type TenantTables,
  type TenantTransaction,
} from "./connect.ts";
export type { NamedStatement } from "./connections.ts";
export { ConstraintViolation, DatabaseError, DatabaseUnavailableError, translateFailure, type ConstraintKind } from "./failures.ts";
export { startJobRunner, type JobHelpers, type JobRunner, type JobRunnerOptions, type JobTask } from "./jobs.ts";
export { schemaVersion, type Installation } from "./migrate.ts";
export { ensurePartitions } from "./partitions.ts";
export type { TenantScope } from "./scope.ts";
export { widenToUser } from "./widen.ts";

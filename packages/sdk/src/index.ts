export { BYOKManager, type ManagerOptions } from "./manager.ts";
export type {
  ActiveKey, AddKey, Attempt, AuditEvent, AuditProof, BYOK, Channel, Environment, KeyHealth, KeyRecord, KeySource, LeakFound, ListAuditFilter, ListKeysFilter, Logger, Member, Owner, OwnerOrUser, OwnerPolicy, OwnerPolicyInput, Page, Principal,
  Role, RotateOptions, TimeRange, UpdateKey, UsageEvent, UsageStats, UseOptions, ValidationResult,
} from "./byok.ts";
export type { KeyStatus, Limits, UsageTotals } from "./schema.ts";
export { ProviderType, type KeyData, type KeyMetadata, type ProviderConfig } from "@stack-2025/byok-providers";
export {
  BYOKError, ConfigurationError, ConflictError, EncryptionError, InvalidInputError, KeyNotFoundError, KeyValidationError, PermissionDeniedError, ProviderUnavailableError, QuotaExceededError, RateLimitedError,
  type Candidate, type ErrorCode, type InputIssue, type RootKey,
} from "@stack-2025/byok-crypto";
export { awsKmsRootKey, type AwsCredentials, type AwsKmsOptions } from "./custody/root-keys/aws-kms.ts";
export { pkcs11RootKey, type Pkcs11Options } from "./custody/root-keys/pkcs11.ts";
export { vaultTransitRootKey, type VaultTransitOptions } from "./custody/root-keys/vault-transit.ts";

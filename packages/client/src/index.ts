/** The typed client of the byok service, for Node and browsers. */
export { createByokClient, type ByokClient, type ByokClientOptions } from "./create-client.ts";
export {
  BYOKError, ConfigurationError, ConflictError, EncryptionError, InvalidInputError, KeyNotFoundError, KeyValidationError, PermissionDeniedError, ProviderUnavailableError, QuotaExceededError, RateLimitedError,
  type Candidate, type ErrorCode, type InputIssue,
} from "@stack-2025/byok-crypto";
// The names alone: they bring nothing else with them.
export { ProviderType } from "@stack-2025/byok-providers/provider-type";
export type { AppRouter } from "@stack-2025/byok-api";
export type {
  ActiveKey, AddKey, Attempt, BYOK, Channel, Environment, KeyData, KeyHealth, KeyMetadata, KeyRecord, KeySource, KeyStatus, LeakFound, Limits, ListKeysFilter, Member, Owner, OwnerOrUser, OwnerPolicy,
  OwnerPolicyInput, Page, ProviderConfig, Role, RotateOptions, TimeRange, UpdateKey, UsageEvent, UsageStats, UsageTotals, UseOptions, ValidationResult,
} from "@stack-2025/byok-core";

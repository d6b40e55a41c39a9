/** Custody: the key hierarchy, sealed records, customer-sealed keys, digests, the errors and `Secret`. No I/O; Node and browsers. */
export { sealCursor, openCursor } from "./cursor.ts";
export { auditMac, fingerprint, fingerprinter, sha256Base64url, sha256Hex, tokenHash } from "./digest.ts";
export { isPassphrase, readEncryptionKey } from "./encryption-key.ts";
export { engine, type Engine, type SymmetricKey } from "./engine.ts";
export { envelopeKeyVersion } from "./envelope.ts";
export {
  BYOKError,
  ConfigurationError,
  ConflictError,
  EncryptionError,
  errorCodes,
  fromWire,
  InvalidInputError,
  KeyNotFoundError,
  KeyValidationError,
  PermissionDeniedError,
  ProviderUnavailableError,
  QuotaExceededError,
  RateLimitedError,
  toWire,
  type Candidate,
  type CandidateReason,
  type ErrorCode,
  type ErrorOptions,
  type InputIssue,
  type WireError,
} from "./errors.ts";
export {
  makeInstallationKey,
  unwrapInstallationKey,
  type InstallationKeyPlace,
  type InstallationPurpose,
  type WrapKey,
} from "./installation-key.ts";
export { labels, type Label } from "./labels.ts";
export { type Place } from "./place.ts";
export { openRecord, sealRecord, type RecordPlace } from "./record.ts";
export { makeRootCheck, newDerivation, proveRootKey, rootKeyFrom, type Derivation, type RootKey } from "./root-key.ts";
export {
  createSealingKeyPair,
  sealingKeyId,
  sealKeyData,
  unsealKeyData,
  type SealedPlace,
  type SealingKeyPair,
  type SealOptions,
} from "./sealed.ts";
export { sealedHeader, type SealedHeader } from "./sealed-text.ts";
export { Secret } from "./secret.ts";
export { makeTenantKey, unwrapTenantKey, type TenantKey, type TenantKeyPlace } from "./tenant-key.ts";

/** What our own apps need beyond the public interface. Source only: it is not published. */
export {
  addKeyInput, auditEvent, auditProof, channel, date, environment, environments, externalId, keyHealth, keyId, keyRecord, keyStatus, keyStatuses, leakedSecret, leakFound, limits, listAuditFilter, listKeysFilter, member, owner, ownerPolicy,
  ownerPolicyInput, page, parseInput, provider, removeMemberInput, role, roles, rotateOptions, validationResult,
  setMemberInput, timeRange, updateKeyInput, usageEvent, usageEvents, usageStats, usageTotals, useOptions, type Environment, type KeyStatus,
} from "./schema.ts";
export { coreOf, requireReady, scopeFor } from "./manager.ts";
export type { Core } from "./core.ts";
export type { Access, Scope } from "./scope.ts";
export { ownerId, ownerRef, type OwnerRef } from "./owners.ts";
export { actions, requireOwner, roleTable, scopeTable, tokenScopes, type Action, type TokenScope } from "./access/permissions.ts";
export { authenticate, createServiceToken, listServiceTokens, revokeServiceToken, tokenIdOf, type CreateServiceToken, type NewServiceToken, type ServiceTokenRecord } from "./access/service-token.ts";
export { createToken, listTokens, revokeToken } from "./access/token-verbs.ts";
export { exportAnchor, readAnchors, type Anchors, type AuditAnchor } from "./audit/anchor.ts";
export { eventsSince, positionNow, type FollowedEvent } from "./audit/follow.ts";
export { afterRestore, type Restored } from "./custody/after-restore.ts";
export { checkStored, type StoredFault, type StoredReport } from "./custody/check-stored.ts";
export { inWords, verifyTrails, type TrailFault, type TrailReport } from "./audit/verify.ts";
export { revealNext } from "./access/reveal-next.ts";
export { callProvider, type DoorAnswer, type DoorRequest } from "./use/door.ts";
export { publicError } from "./public-error.ts";
export { silentLogger } from "./silent-logger.ts";
export { encryptionKeyFault, maskDatabaseUrl, parseSettings, readKeyData, secretVariables, settingSentences, type LogLevel, type Settings } from "./settings.ts";
export { completeProviders, providerFor, type Provider, type VendorRequest } from "@stack-2025/byok-providers";

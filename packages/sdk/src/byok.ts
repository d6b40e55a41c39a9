/** The interface that the manager, its confined views and the typed client share, and the types that its methods speak of. */
import type { z } from "zod";
import type { KeyData, KeyMetadata, ProviderConfig, ProviderType } from "@stack-2025/byok-providers";
import type { Candidate } from "@stack-2025/byok-crypto";
import type {
  addKeyInput, AuditEvent, AuditProof, Channel, Environment, KeyHealth, KeyRecord, LeakFound, listAuditFilter, listKeysFilter, Member, Owner, OwnerPolicy, ownerPolicyInput, Role, rotateOptions,
  TimeRange, updateKeyInput, UsageEvent, UsageStats, ValidationResult,
} from "./schema.ts";

/** On whose behalf a view acts. `organizationIds` narrows a user's memberships, which come from the database. */
export type Principal = { userId: string; organizationIds?: string[] } | { organizationId: string; role: Role } | { serviceToken: string };

/** An owner; a bare string means `{ userId }`. */
export type OwnerOrUser = Owner | string;

type Settings = Omit<z.input<typeof addKeyInput>, "userId" | "organizationId" | "system" | "provider" | "keyData">;
/** What `addKey` takes. `keyData` is typed by the provider; exactly one of `keyData` and `sealed` is given. */
export type AddKey<P extends ProviderType = ProviderType> = Owner & Settings & { provider: P; keyData?: KeyData<P> };
/** What `updateKey` takes: `null` clears, absent leaves. */
export type UpdateKey = z.input<typeof updateKeyInput>;
/** `graceMs`: how long the version before stays as a last resort, and for rollback; default 24 hours, at most a year. */
export type RotateOptions = z.input<typeof rotateOptions>;
/** What `setOwnerPolicy` takes: absent leaves, `null` clears. */
export type OwnerPolicyInput = z.input<typeof ownerPolicyInput>;
export type ListKeysFilter = z.input<typeof listKeysFilter>;
export type ListAuditFilter = Omit<z.input<typeof listAuditFilter>, "timeRange"> & { timeRange?: TimeRange | undefined };

export interface UseOptions {
  /** Default `production`. Environments never cross. */
  environment?: Environment | undefined;
  /** Narrows shared keys to those of one organization. */
  organizationId?: string | undefined;
  keyId?: string | undefined;
  /** Keys that do not allow it are passed over. */
  model?: string | undefined;
  /** What the call was for: a dimension of usage. */
  label?: string | undefined;
  /** Default true. */
  fallbackToSystem?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export type KeySource = "user" | "organization" | "system";

/**
 * A key that is ready for use. Frozen, and shared between callers. Printing it (`JSON.stringify`, `util.inspect`, a
 * template string) shows no secret; the fields read as usual.
 */
export interface ActiveKey<P extends ProviderType = ProviderType> {
  readonly keyId: string;
  readonly source: KeySource;
  readonly provider: P;
  readonly environment: Environment;
  readonly alias: string | null;
  readonly version: number;
  /** The principal secret: API key, auth token or service-account JSON. */
  readonly decryptedKey: string;
  readonly keyData: KeyData<P>;
  readonly metadata: KeyMetadata<P>;
}

/** One try with one key inside `withKey`. */
export interface Attempt {
  /** 1 for the first key. */
  readonly number: number;
  readonly previous: { keyId: string; error: unknown }[];
  readonly signal: AbortSignal;
  /** Reports what this attempt used; several calls add up field by field, later text wins. */
  meter(usage: Partial<UsageEvent>): void;
}

/** One page of a listing; iterating it iterates its items. */
export interface Page<T> extends Iterable<T> {
  items: T[];
  /** Give it back as `cursor` for the next page; null on the last. */
  nextCursor: string | null;
}

export interface BYOK {
  /** Stores a provider key, sealed so that only its owner's requests can open it. */
  addKey<P extends ProviderType>(key: AddKey<P>): Promise<KeyRecord>;
  getKey(keyId: string): Promise<KeyRecord>;
  listKeys(owner: OwnerOrUser, filter?: ListKeysFilter): Promise<Page<KeyRecord>>;
  updateKey(keyId: string, updates: UpdateKey): Promise<KeyRecord>;
  /** The ciphertext is destroyed; usage and audit remain. */
  deleteKey(keyId: string): Promise<void>;
  /** Asks the provider now, and records the outcome. @throws ProviderUnavailableError the status is left as it was */
  testKey(keyId: string): Promise<boolean>;
  /** The new version goes live in one step; the one before stays the last resort of calls until its grace ends. */
  rotateKey(keyId: string, newKeyData: KeyData | { sealed: string }, options?: RotateOptions): Promise<KeyRecord>;
  /** Back to the version before, while its grace lasts. @throws ConflictError afterwards */
  rollbackKey(keyId: string): Promise<KeyRecord>;
  /** The last outcome; nobody is asked. */
  getKeyHealth(keyId: string): Promise<KeyHealth>;
  /** Asks the providers about all of an owner's keys, 8 at a time and 120 a minute for each provider. */
  validateAllKeys(owner: OwnerOrUser): Promise<ValidationResult[]>;

  /** The key that a call should use: the owner's, then the team's, then the system default. Consumes nothing. */
  getActiveKey<P extends ProviderType>(owner: OwnerOrUser, provider: P, options?: UseOptions): Promise<ActiveKey<P>>;
  /** Constructor options of the provider's official SDK. */
  getProviderConfig<P extends ProviderType>(owner: OwnerOrUser, provider: P, options?: UseOptions): Promise<ProviderConfig<P>>;
  /** Calls `use` with a key, moves on to the next one where another key could help, and meters. */
  withKey<P extends ProviderType, T>(owner: OwnerOrUser, provider: P, use: (key: ActiveKey<P>, attempt: Attempt) => Promise<T>, options?: UseOptions): Promise<T>;
  /** A `fetch` for an official SDK: it puts the key in, fails over, enforces limits and meters, streams too. */
  fetchFor(owner: OwnerOrUser, provider: ProviderType, options?: UseOptions): typeof fetch;
  /** Every candidate in order, and why it would or would not be taken now. Decrypts nothing, consumes nothing. */
  explain(owner: OwnerOrUser, provider: ProviderType, options?: UseOptions): Promise<Candidate[]>;

  /** Resolves when durable; an event id is counted once, however often it is sent. All or nothing. */
  recordUsage(event: UsageEvent | UsageEvent[]): Promise<void>;
  getUsageStats(keyId: string, range?: TimeRange): Promise<UsageStats>;

  setMember(member: { organizationId: string; userId: string; role: Role }): Promise<void>;
  removeMember(member: { organizationId: string; userId: string }): Promise<void>;
  listMembers(organizationId: string): Promise<Member[]>;

  /** The owner's trail, newest first. */
  listAuditEvents(owner: OwnerOrUser, filter?: ListAuditFilter): Promise<Page<AuditEvent>>;
  /** Proves that no event was changed, moved or taken away, and that what is stored is what they say; without an owner, for all. */
  verifyAudit(owner?: OwnerOrUser): Promise<AuditProof>;
  /** Absent fields are left as they are. A webhook secret that was made now is in the answer, this once. */
  setOwnerPolicy(owner: OwnerOrUser, policy: OwnerPolicyInput): Promise<OwnerPolicy>;
  getOwnerPolicy(owner: OwnerOrUser): Promise<OwnerPolicy>;
  /** Destroys the owner's key and everything that only it opens. The audit trail and the sums of usage stay. */
  deleteOwner(owner: OwnerOrUser): Promise<void>;
  /** Whether a leaked secret is one of ours. For the operator alone: needs the scope `system`. */
  identifyLeak(secret: string): Promise<LeakFound | null>;
}

/** Where diagnostics go; pino fits. It never receives a secret. */
export interface Logger {
  trace(fields: object, message?: string): void;
  debug(fields: object, message?: string): void;
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
  error(fields: object, message?: string): void;
  child(fields: object): Logger;
}

export type { AuditEvent, AuditProof, Candidate, Channel, Environment, KeyHealth, KeyRecord, LeakFound, Member, Owner, OwnerPolicy, Role, TimeRange, UsageEvent, UsageStats, ValidationResult };

import type { KeyData, ProviderConfig, ProviderType } from "@stack-2025/byok-providers";
import { listAuditEvents } from "./audit/list.ts";
import { verifyAudit } from "./audit/verify.ts";
import { identifyLeak } from "./access/identify-leak.ts";
import { listMembers, removeMember, setMember } from "./access/members.ts";
import type {
  ActiveKey, AddKey, Attempt, AuditEvent, AuditProof, BYOK, Candidate, KeyHealth, KeyRecord, LeakFound, ListAuditFilter, ListKeysFilter, Member, OwnerOrUser, OwnerPolicy, OwnerPolicyInput, Page, Role,
  RotateOptions, TimeRange, UpdateKey, UsageEvent, UsageStats, UseOptions, ValidationResult,
} from "./byok.ts";
import { addKey } from "./keys/add.ts";
import { getKeyHealth } from "./keys/get-health.ts";
import { getKey, listKeys } from "./keys/read.ts";
import { rollbackKey, rotateKey } from "./keys/rotate.ts";
import { testKey } from "./keys/test-key.ts";
import { deleteKey, updateKey } from "./keys/update.ts";
import { validateAllKeys } from "./keys/validate-all.ts";
import { deleteOwner } from "./policies/delete-owner.ts";
import { getOwnerPolicy, setOwnerPolicy } from "./policies/owner-policy.ts";
import { publicError } from "./public-error.ts";
import type { Scope } from "./scope.ts";
import { recordUsage } from "./usage/record.ts";
import { getUsageStats } from "./usage/stats.ts";
import { callWithKey } from "./use/call-with-key.ts";
import { explain } from "./use/explain.ts";
import { fetchFor } from "./use/fetch-for.ts";
import { checked, getActiveKey, getProviderConfig, requireUse } from "./use/get-active-key.ts";

/**
 * The public interface over one scope: the manager is the trusted one, `as(principal)` makes confined ones. It holds no
 * rule; each method finds its scope and calls the verb in its room.
 */
export abstract class View implements BYOK {
  /** Who acts, once the installation is open. */
  protected abstract scope(): Promise<Scope>;

  async #with<T>(verb: (scope: Scope) => Promise<T>): Promise<T> {
    let scope: Scope | undefined;
    try {
      scope = await this.scope();
      return await verb(scope);
    } catch (error) {
      if (scope) scope.core.refusals.note(scope, error);
      throw publicError(error);
    }
  }

  addKey<P extends ProviderType>(key: AddKey<P>): Promise<KeyRecord> {
    return this.#with((scope) => addKey(scope, key));
  }

  getKey(keyId: string): Promise<KeyRecord> {
    return this.#with((scope) => getKey(scope, keyId));
  }

  listKeys(owner: OwnerOrUser, filter?: ListKeysFilter): Promise<Page<KeyRecord>> {
    return this.#with((scope) => listKeys(scope, owner, filter));
  }

  updateKey(keyId: string, updates: UpdateKey): Promise<KeyRecord> {
    return this.#with((scope) => updateKey(scope, keyId, updates));
  }

  deleteKey(keyId: string): Promise<void> {
    return this.#with((scope) => deleteKey(scope, keyId));
  }

  testKey(keyId: string): Promise<boolean> {
    return this.#with((scope) => testKey(scope, keyId));
  }

  rotateKey(keyId: string, newKeyData: KeyData | { sealed: string }, options?: RotateOptions): Promise<KeyRecord> {
    return this.#with((scope) => rotateKey(scope, keyId, newKeyData, options));
  }

  rollbackKey(keyId: string): Promise<KeyRecord> {
    return this.#with((scope) => rollbackKey(scope, keyId));
  }

  getKeyHealth(keyId: string): Promise<KeyHealth> {
    return this.#with((scope) => getKeyHealth(scope, keyId));
  }

  validateAllKeys(owner: OwnerOrUser): Promise<ValidationResult[]> {
    return this.#with((scope) => validateAllKeys(scope, owner));
  }

  explain(owner: OwnerOrUser, provider: ProviderType, options?: UseOptions): Promise<Candidate[]> {
    return this.#with((scope) => explain(scope, owner, provider, options));
  }

  getActiveKey<P extends ProviderType>(owner: OwnerOrUser, provider: P, options?: UseOptions): Promise<ActiveKey<P>> {
    return this.#with((scope) => getActiveKey(scope, owner, provider, options));
  }

  getProviderConfig<P extends ProviderType>(owner: OwnerOrUser, provider: P, options?: UseOptions): Promise<ProviderConfig<P>> {
    return this.#with((scope) => getProviderConfig(scope, owner, provider, options));
  }

  withKey<P extends ProviderType, T>(owner: OwnerOrUser, provider: P, use: (key: ActiveKey<P>, attempt: Attempt) => Promise<T>, options?: UseOptions): Promise<T> {
    return this.#with((scope) => callWithKey(scope, owner, provider, use, options));
  }

  fetchFor(owner: OwnerOrUser, provider: ProviderType, options?: UseOptions): typeof fetch {
    const asked = checked(options);
    const begin = async () => {
      const scope = await this.scope();
      const ref = scope.core.ownerRef(owner);
      await requireUse(scope, ref, "keys:use");
      return { scope, owner: ref };
    };
    const send = fetchFor(begin, provider, asked);
    return (input, init) => this.#with(() => send(input, init));
  }

  recordUsage(event: UsageEvent | UsageEvent[]): Promise<void> {
    return this.#with((scope) => recordUsage(scope, event));
  }

  getUsageStats(keyId: string, range?: TimeRange): Promise<UsageStats> {
    return this.#with((scope) => getUsageStats(scope, keyId, range));
  }

  setMember(member: { organizationId: string; userId: string; role: Role }): Promise<void> {
    return this.#with((scope) => setMember(scope, member));
  }

  removeMember(member: { organizationId: string; userId: string }): Promise<void> {
    return this.#with((scope) => removeMember(scope, member));
  }

  listMembers(organizationId: string): Promise<Member[]> {
    return this.#with((scope) => listMembers(scope, organizationId));
  }

  listAuditEvents(owner: OwnerOrUser, filter?: ListAuditFilter): Promise<Page<AuditEvent>> {
    return this.#with((scope) => listAuditEvents(scope, owner, filter));
  }

  verifyAudit(owner?: OwnerOrUser): Promise<AuditProof> {
    return this.#with((scope) => verifyAudit(scope, owner));
  }

  setOwnerPolicy(owner: OwnerOrUser, policy: OwnerPolicyInput): Promise<OwnerPolicy> {
    return this.#with((scope) => setOwnerPolicy(scope, owner, policy));
  }

  getOwnerPolicy(owner: OwnerOrUser): Promise<OwnerPolicy> {
    return this.#with((scope) => getOwnerPolicy(scope, owner));
  }

  deleteOwner(owner: OwnerOrUser): Promise<void> {
    return this.#with((scope) => deleteOwner(scope, owner));
  }

  identifyLeak(secret: string): Promise<LeakFound | null> {
    return this.#with((scope) => identifyLeak(scope, secret));
  }
}

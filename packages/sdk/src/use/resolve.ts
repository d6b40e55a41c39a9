import { createHash } from "node:crypto";
import { EncryptionError } from "@stack-2025/byok-crypto";
import { widenToUser, type Database } from "@stack-2025/byok-db";
import { providerFor, type KeyData, type ProviderType } from "@stack-2025/byok-providers";
import type { ActiveKey, Environment, KeySource } from "../byok.ts";
import type { Clock } from "../clock.ts";
import type { Keyring } from "../custody/keyring.ts";
import { openKeyData } from "../keys/sealed-key-data.ts";
import { ownerId, type OwnerRef } from "../owners.ts";
import { environments, type Limits, type Role } from "../schema.ts";
import { activeKey } from "./active-key.ts";
import type { CandidateKey } from "./candidates.ts";

export interface ResolverOptions {
  database: Database;
  keyring: Keyring;
  clock: Clock;
  /** Resolved keys held in this process; false holds nothing. */
  cache: false | { ttlMs: number; max: number };
  /** Defaults at the end of every chain, after those stored for the system owner. */
  systemKeys: Partial<Record<ProviderType, KeyData>>;
  /** Told each time that a stored record does not open. */
  onUnreadable?: (key: { ownerId: string; keyId: string; version: number }) => void;
  baseUrl(provider: ProviderType): string | undefined;
}

interface Entry {
  readonly keys: readonly CandidateKey[];
  /** Everyone whose change makes this entry old. */
  readonly owners: readonly string[];
  readonly loadedAt: number;
}

/**
 * Which keys an owner has for a provider: the owner's, then its organizations', then the system's. Held in this process
 * and dropped when an owner it was read from changes; a cold read is one round trip, and callers that miss together
 * share it.
 */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #systemId: string;
  readonly #configured: ReadonlyMap<ProviderType, readonly CandidateKey[]>;
  /** owner → provider → entry: a nested map is several times faster than a composed name. */
  readonly #entries = new Map<string, Map<ProviderType, Entry>>();
  /** An owner → the owners whose entries hold something of it. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #flights = new Map<string, Promise<readonly CandidateKey[]>>();
  /** Counts drops, so that a fill whose owner changed after its read began is not kept. */
  #drops = 0;
  readonly #droppedAt = new Map<string, number>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#systemId = ownerId(options.database.installation.id, "system", "system");
    this.#configured = new Map(Object.entries(options.systemKeys).map(([type, data]) => [type as ProviderType, configuredKeys(type as ProviderType, data, this.#systemId, options.baseUrl(type as ProviderType))]));
  }

  /** The keys in order where they are held; undefined where they must be read. No I/O. */
  held(owner: string, provider: ProviderType): readonly CandidateKey[] | undefined {
    const entry = this.#entries.get(owner)?.get(provider);
    if (!entry || this.#options.cache === false) return undefined;
    return this.#options.clock.monotonic() - entry.loadedAt < this.#options.cache.ttlMs ? entry.keys : undefined;
  }

  /** The keys in order. A failure is never kept. */
  async keys(owner: OwnerRef, provider: ProviderType): Promise<readonly CandidateKey[]> {
    const held = this.held(owner.id, provider);
    if (held) return held;
    const name = `${owner.id} ${provider}`;
    const flying = this.#flights.get(name);
    if (flying) return flying;
    const flight = this.#load(owner, provider).finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    return flight;
  }

  async #load(owner: OwnerRef, provider: ProviderType): Promise<readonly CandidateKey[]> {
    const startedAt = this.#options.clock.monotonic();
    const dropsBefore = this.#drops;
    const { database } = this.#options;
    const rows = await database.read<Row>(
      { owners: owner.kind === "organization" ? [owner.id, this.#systemId] : [owner.id] },
      {
        name: "byok_resolve",
        text: resolveStatement,
        values: [owner.id, this.#systemId, provider],
        ...(owner.kind === "user" && { widen: widenToUser(owner.id, this.#systemId) }),
      },
    );
    const stored = rows.filter((row): row is KeyRow => row.key_id !== null);
    const rules = rulesOf(rows, stored, owner.id, this.#systemId);
    const keys = stored.map((row) => this.#candidate(row, owner.id, rules));
    keys.push(...(this.#configured.get(provider) ?? []).map((key) => ({ ...key, ...rules(this.#systemId) })));

    // Organizations without a key count too: a key that they add must be seen.
    const owners = [...new Set([owner.id, this.#systemId, ...rows.map((row) => row.owner_id)])];
    const changedMeanwhile = owners.some((one) => (this.#droppedAt.get(one) ?? 0) > dropsBefore);
    if (this.#options.cache !== false && !changedMeanwhile) this.#hold(owner.id, provider, { keys, owners, loadedAt: startedAt });
    return keys;
  }

  #hold(owner: string, provider: ProviderType, entry: Entry): void {
    const { cache } = this.#options;
    if (cache === false) return;
    const held = this.#entries.get(owner) ?? new Map<ProviderType, Entry>();
    held.set(provider, entry);
    // A Map keeps its order of insertion: the first owner is the one that was filled longest ago.
    this.#entries.delete(owner);
    this.#entries.set(owner, held);
    for (const one of entry.owners) {
      const dependents = this.#dependents.get(one) ?? new Set();
      dependents.add(owner);
      this.#dependents.set(one, dependents);
    }
    if (this.#entries.size > cache.max) this.#forget(this.#entries.keys().next().value as string);
  }

  #forget(owner: string): void {
    const held = this.#entries.get(owner);
    this.#entries.delete(owner);
    for (const entry of held?.values() ?? []) {
      for (const one of entry.owners) {
        const dependents = this.#dependents.get(one);
        dependents?.delete(owner);
        if (dependents?.size === 0) this.#dependents.delete(one);
      }
    }
  }

  /** An owner changed: whatever was read from it is read again at the next call. */
  drop(owner: string): void {
    this.#drops += 1;
    // Only reads under way compare; what no read can meet any more is forgotten with them.
    if (this.#flights.size === 0) this.#droppedAt.clear();
    this.#droppedAt.set(owner, this.#drops);
    for (const dependent of Array.from(this.#dependents.get(owner) ?? [])) this.#forget(dependent);
    this.#options.keyring.forget(owner);
  }

  clear(): void {
    this.#entries.clear();
    this.#dependents.clear();
  }

  /** Opens a version's record once, and keeps the result. */
  #opener(row: KeyRow, version: number, sealed: Buffer, tenantKeyVersion: number | null, wrapped: Buffer | null): () => ActiveKey {
    const { keyring, onUnreadable } = this.#options;
    const { owner_id: ownerId, key_id: keyId, provider, environment, alias } = row;
    let opened: ActiveKey | undefined;
    return () => {
      if (opened) return opened;
      try {
        if (tenantKeyVersion === null || wrapped === null) throw new EncryptionError("The record is under no key that this service holds.");
        const tenantKey = keyring.unwrap(ownerId, tenantKeyVersion, wrapped);
        const keyData = openKeyData(keyring, tenantKey, sealed, { ownerId, keyId, keyVersion: version, custody: "managed", provider, environment });
        return (opened = activeKey({ keyId, source: row.kind, provider, environment, alias, version }, keyData));
      } catch (error) {
        if (error instanceof EncryptionError) onUnreadable?.({ ownerId, keyId, version });
        throw error;
      }
    };
  }

  #candidate(row: KeyRow, forOwner: string, rules: (ownerId: string) => Rules): CandidateKey {
    const live = this.#live(row, forOwner, rules(row.owner_id));
    const { previous_version: version, previous_sealed: sealed, previous_until: until } = row;
    if (version === null || sealed === null || until === null) return live;
    // It stands for itself: what the provider said of the live version was not said of this one.
    const open = this.#opener(row, version, sealed, row.previous_tenant_key_version, row.previous_wrapped);
    return { ...live, previous: { ...live, version, status: "active", exhaustedUntil: null, graceUntil: until.getTime(), open } };
  }

  #live(row: KeyRow, forOwner: string, rules: Rules): CandidateKey {
    return {
      ...rules,
      keyId: row.key_id,
      ownerId: row.owner_id,
      organizationId: row.kind === "organization" ? row.external_id : null,
      source: row.kind,
      alias: row.alias,
      environment: row.environment,
      status: row.status,
      expiresAt: row.expires_at?.getTime() ?? null,
      exhaustedUntil: row.exhausted_until?.getTime() ?? null,
      sharedAccess: row.shared_access,
      sharedRoutes: row.shared_routes,
      role: row.owner_id === forOwner || row.kind === "system" ? null : row.role,
      allowedModels: row.allowed_models,
      limits: row.limits,
      version: row.live_version,
      custody: row.custody,
      graceUntil: null,
      previous: null,
      open: this.#opener(row, row.live_version, row.sealed, row.tenant_key_version, row.wrapped),
    };
  }
}

interface OwnerRow {
  owner_id: string;
  kind: KeySource;
  external_id: string;
  role: Role | null;
  /** The owner's policy; null where it has none. */
  own_keys_only: boolean | null;
  overflow: "never" | "system" | null;
  suspended: boolean | null;
  owner_limits: Limits | null;
  key_id: null;
}

interface KeyRow extends Omit<OwnerRow, "key_id"> {
  key_id: string;
  provider: ProviderType;
  environment: Environment;
  alias: string | null;
  status: CandidateKey["status"];
  shared_access: boolean;
  shared_routes: "inference" | "all";
  allowed_models: string[] | null;
  limits: Limits | null;
  expires_at: Date | null;
  exhausted_until: Date | null;
  live_version: number;
  custody: "managed" | "sealed";
  fallback: "allowed" | "never";
  sealed: Buffer;
  tenant_key_version: number | null;
  wrapped: Buffer | null;
  previous_version: number | null;
  previous_sealed: Buffer | null;
  previous_until: Date | null;
  previous_tenant_key_version: number | null;
  previous_wrapped: Buffer | null;
}
type Row = OwnerRow | KeyRow;

/** What policies say of the keys of one owner, when this caller asks. */
type Rules = Pick<CandidateKey, "suspended" | "forbidden" | "overflow" | "ownerLimits">;

/**
 * The policies that were read with the keys, as each owner's keys feel them. The system's keys are forbidden where the
 * caller's own policy says so, or where one of its keys, or of those shared with it, says `fallback: "never"` or belongs to
 * an owner that allows own keys only: whatever its state, while that key exists.
 */
function rulesOf(rows: readonly Row[], stored: readonly KeyRow[], caller: string, system: string): (ownerId: string) => Rules {
  const policies = new Map(rows.map((row) => [row.owner_id, row]));
  const own = policies.get(caller);
  const usable = (row: KeyRow): boolean => row.owner_id === caller || (row.kind === "organization" && row.shared_access && row.role !== "viewer");
  const forbidden = own?.own_keys_only === true || stored.some((row) => usable(row) && (row.fallback === "never" || row.own_keys_only === true));
  return (ownerId) => {
    const policy = policies.get(ownerId);
    const limited = [...new Set([caller, ownerId])].flatMap((id) => {
      const limits = policies.get(id)?.owner_limits;
      return limits ? [{ ownerId: id, limits }] : [];
    });
    return {
      suspended: own?.suspended === true || policy?.suspended === true,
      forbidden: ownerId === system && caller !== system && forbidden,
      overflow: policy?.overflow ?? "never",
      ownerLimits: limited,
    };
  };
}

/**
 * Every owner in the scope with its keys for one provider, of both environments (so that a refusal can say so): the own
 * ones, the organizations' and the system's, each by priority, then oldest first. Row security limits it to the scope;
 * the order alone is decided here.
 */
const resolveStatement = `
select o.owner_id, o.kind, o.external_id, m.role, p.own_keys_only, p.overflow, p.suspended, p.limits as owner_limits,
  k.key_id, k.provider, k.environment, k.alias, k.status, k.shared_access, k.shared_routes, k.allowed_models, k.limits,
  k.expires_at, k.live_version, k.custody, k.fallback, h.exhausted_until, v.sealed, v.tenant_key_version, t.wrapped,
  b.version as previous_version, b.sealed as previous_sealed, b.usable_until as previous_until, b.tenant_key_version as previous_tenant_key_version, bt.wrapped as previous_wrapped
from byok.owners o
left join byok.members m on m.owner_id = o.owner_id and m.user_owner_id = $1
left join byok.owner_policies p on p.owner_id = o.owner_id
left join (byok.keys k
  join byok.key_versions v on v.owner_id = k.owner_id and v.key_id = k.key_id and v.version = k.live_version
  left join byok.tenant_keys t on t.owner_id = v.owner_id and t.version = v.tenant_key_version
  left join byok.key_versions b on b.owner_id = k.owner_id and b.key_id = k.key_id and b.version = k.live_version - 1
  left join byok.tenant_keys bt on bt.owner_id = b.owner_id and bt.version = b.tenant_key_version
  left join byok.key_health h on h.owner_id = k.owner_id and h.key_id = k.key_id
) on k.owner_id = o.owner_id and k.provider = $3
order by case when o.owner_id = $1 then 0 when o.owner_id = $2 then 2 else 1 end, k.priority, k.created_at, k.key_id`;

/**
 * A default from the process's own configuration: it has a stable id of its own, is never stored, and cannot be looked up.
 * It ends every chain, those of both environments.
 */
function configuredKeys(provider: ProviderType, data: KeyData, systemId: string, baseUrl: string | undefined): CandidateKey[] {
  const keyData = providerFor(provider).parse(data, baseUrl);
  return environments.map((environment): CandidateKey => {
    const keyId = `key_${createHash("sha256").update(`byok configured system key ${provider} ${environment}`).digest("hex").slice(0, 32)}`;
    const key = activeKey({ keyId, source: "system", provider, environment, alias: null, version: 1 }, keyData);
    return {
      keyId, ownerId: systemId, organizationId: null, source: "system", alias: null, environment, status: "active", expiresAt: null, exhaustedUntil: null,
      sharedAccess: false, sharedRoutes: "inference", role: null, allowedModels: null, limits: null, version: 1, custody: "managed", configured: true, graceUntil: null, previous: null,
      suspended: false, forbidden: false, overflow: "never", ownerLimits: [],
      open: () => key,
    };
  });
}

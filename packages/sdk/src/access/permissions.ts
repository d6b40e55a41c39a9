/**
 * Who may do what: one table of roles and one of scopes, and the two questions that every verb asks before it acts.
 * Nothing is granted by default: an action that a row does not name is refused.
 */
import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import type { Core } from "../core.ts";
import type { OwnerRef } from "../owners.ts";
import type { Access, Scope } from "../scope.ts";
import type { Role } from "../schema.ts";

export const actions = [
  "keys:read", // masked records
  "keys:write", // add, change, delete, test
  "keys:use", // calls through us
  "keys:reveal", // plaintext
  "usage:read",
  "usage:write",
  "members:read",
  "members:write",
  "audit:read",
  "tokens:write",
  "policy:read",
  "policy:write", // what an owner sets for itself; what the operator decides needs `system`
  "owner:delete", // everything of the owner's
  "system", // the operator's own set of defaults
  "act:any", // names the owner of a call
] as const;
export type Action = (typeof actions)[number];

/** How far an action goes within one owner: every key, those with `sharedAccess: true`, or none. */
export type Reach = "all" | "shared" | "none";

type Row = Partial<Record<Action, Exclude<Reach, "none">>>;

const manage: Row = {
  "keys:read": "all",
  "keys:write": "all",
  "keys:use": "all",
  "keys:reveal": "all",
  "usage:read": "all",
  "usage:write": "all",
  "members:read": "all",
  "members:write": "all",
  "audit:read": "all",
  "tokens:write": "all",
  "policy:read": "all",
  "policy:write": "all",
};

/** Role × action, within the organization that gave the role. */
export const roleTable: Readonly<Record<Role, Row>> = {
  owner: { ...manage, "owner:delete": "all" },
  admin: manage,
  member: { "keys:read": "shared", "keys:use": "shared", "usage:read": "shared", "usage:write": "shared", "members:read": "all" },
  viewer: { "keys:read": "all", "usage:read": "all", "members:read": "all", "policy:read": "all" },
};

/** What a service token can be given. `alerts:write` has no verb of its own in this version. */
export const tokenScopes = [
  "keys:read",
  "keys:write",
  "keys:use",
  "keys:reveal",
  "usage:read",
  "usage:write",
  "alerts:write",
  "members:write",
  "audit:read",
  "tokens:write",
  "system",
  "act:any",
] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** Scope × action. */
export const scopeTable: Readonly<Record<TokenScope, readonly Action[]>> = {
  "keys:read": ["keys:read", "policy:read"],
  "keys:write": ["keys:write", "policy:write", "owner:delete"],
  "keys:use": ["keys:use"],
  "keys:reveal": ["keys:reveal"],
  "usage:read": ["usage:read"],
  "usage:write": ["usage:write"],
  "alerts:write": [],
  "members:write": ["members:read", "members:write"],
  "audit:read": ["audit:read"],
  "tokens:write": ["tokens:write"],
  system: ["system"],
  "act:any": ["act:any"],
};

/** True where one of a token's scopes has the action. */
export function scopesAllow(scopes: readonly string[], action: Action): boolean {
  return tokenScopes.some((scope) => scopes.includes(scope) && scopeTable[scope].includes(action));
}

/**
 * How far the caller may go with this owner. For verbs that can keep to shared keys; all others ask {@link requireOwner}.
 */
export async function reachOf(scope: Scope, owner: OwnerRef, action: Action): Promise<Reach> {
  const { access, core } = scope;
  switch (access.kind) {
    case "trusted":
      return "all";
    case "token":
      return tokenReach(access, owner, action);
    case "organization":
      return owner.kind === "organization" && owner.externalId === access.organizationId ? (roleTable[access.role][action] ?? "none") : "none";
    case "user":
      if (owner.kind === "user") return owner.externalId === access.userId && isTenantAction(action) ? "all" : "none";
      if (owner.kind === "system") return "none";
      if (access.organizationIds && !access.organizationIds.includes(owner.externalId)) return "none";
      return reachOfRole(await roleIn(core, access.userId, owner.id), action);
  }
}

/**
 * Lets the caller's verb go on where it may do this with every key of the owner.
 *
 * @throws PermissionDeniedError it may not; whether the owner exists does not show
 */
export async function requireOwner(scope: Scope, owner: OwnerRef, action: Action): Promise<void> {
  if ((await reachOf(scope, owner, action)) === "all") return;
  throw denied(scope.access, action);
}

/** Owners whose keys the caller may do something with. */
export interface VisibleOwners {
  /** Their database ids; `all`: no list is kept, `includes` alone decides. */
  readonly owners: readonly string[] | "all";
  /** Owners whose shared keys, and no others, the caller may do it with. */
  readonly shared: readonly string[];
  includes(ownerId: string): boolean;
}

/** For verbs that are given an id: what is not visible is answered like what does not exist. */
export async function visibleOwners(scope: Scope, action: Action): Promise<VisibleOwners> {
  const { access, core } = scope;
  switch (access.kind) {
    case "trusted":
      return { owners: "all", shared: [], includes: () => true };
    case "token": {
      if (!scopesAllow(access.scopes, action)) return listed([]);
      const system = core.ownerRef({ system: true }).id;
      const reachesSystem = scopesAllow(access.scopes, "system");
      if (access.owner) return listed([core.ownerRef(access.owner).id]);
      if (scopesAllow(access.scopes, "act:any")) return { owners: "all", shared: [], includes: (id) => id !== system || reachesSystem };
      return listed(reachesSystem ? [system] : []);
    }
    case "organization": {
      const own = [core.ownerRef({ organizationId: access.organizationId }).id];
      const reach = reachOfRole(access.role, action);
      return listed(reach === "all" ? own : [], reach === "shared" ? own : []);
    }
    case "user": {
      const own = isTenantAction(action) ? [core.ownerRef({ userId: access.userId }).id] : [];
      const narrowed = access.organizationIds?.map((id) => core.ownerRef({ organizationId: id }).id);
      const memberships = await rolesOf(core, access.userId);
      const reached = (reach: Reach): string[] =>
        memberships.filter((one) => reachOfRole(one.role, action) === reach && (narrowed?.includes(one.owner_id) ?? true)).map((one) => one.owner_id);
      return listed([...own, ...reached("all")], reached("shared"));
    }
  }
}

/** Nobody grants, or takes away, above their own role. */
export function mayGrant(own: Role, granted: Role): boolean {
  return own === "owner" || (own === "admin" && granted !== "owner");
}

const listed = (owners: readonly string[], shared: readonly string[] = []): VisibleOwners => ({ owners, shared, includes: (id) => owners.includes(id) });

const isTenantAction = (action: Action): boolean => action !== "system" && action !== "act:any";

const reachOfRole = (role: Role | undefined, action: Action): Reach => (role === undefined ? "none" : (roleTable[role][action] ?? "none"));

function tokenReach(access: Extract<Access, { kind: "token" }>, owner: OwnerRef, action: Action): Reach {
  if (!scopesAllow(access.scopes, action)) return "none";
  // An admin can make a token of the organization, which must not do what its maker may not.
  if (action === "owner:delete" && access.owner !== null && "organizationId" in access.owner) return "none";
  if (owner.kind === "system") return access.owner === null && scopesAllow(access.scopes, "system") ? "all" : "none";
  if (access.owner === null) return scopesAllow(access.scopes, "act:any") ? "all" : "none";
  const own = "userId" in access.owner ? { kind: "user", id: access.owner.userId } : { kind: "organization", id: access.owner.organizationId };
  return own.kind === owner.kind && own.id === owner.externalId ? "all" : "none";
}

function denied(access: Access, action: Action): PermissionDeniedError {
  if (access.kind === "token" && !scopesAllow(access.scopes, action)) {
    return new PermissionDeniedError(`This service token may not do this: it lacks a scope for ${action}.`, { details: { reason: "missing_scope", action } });
  }
  return new PermissionDeniedError(`The caller may not do this for this owner (${action}).`, { details: { reason: "foreign_owner", action } });
}

interface Membership {
  owner_id: string;
  role: Role;
}

/** The user's organizations, as the database says at this moment. */
async function rolesOf(core: Core, userId: string): Promise<Membership[]> {
  const user = core.ownerRef({ userId }).id;
  return core.database.read<Membership>(
    { owners: [user] },
    { name: "byok_memberships", text: "select owner_id, role from byok.members where user_owner_id = $1", values: [user] },
  );
}

async function roleIn(core: Core, userId: string, organization: string): Promise<Role | undefined> {
  const memberships = await rolesOf(core, userId);
  return memberships.find((one) => one.owner_id === organization)?.role;
}

import { ConflictError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import { appendAudit } from "../audit/append.ts";
import type { Member, Role } from "../byok.ts";
import { ensureOwner } from "../keys/store.ts";
import { parseInput, removeMemberInput, setMemberInput } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { markChanged } from "../use/changes.ts";
import { mayGrant, requireOwner } from "./permissions.ts";

/** Adds a member to an organization, or changes the role. The same call twice changes nothing. @throws ConflictError the last owner would go */
export async function setMember(scope: Scope, given: { organizationId: string; userId: string; role: Role }): Promise<void> {
  const { core } = scope;
  const { organizationId, userId, role } = parseInput(setMemberInput, given);
  const organization = core.ownerRef({ organizationId });
  const user = core.ownerRef({ userId });
  await requireOwner(scope, organization, "members:write");
  await core.database.inTenant({ owners: [organization.id, user.id] }, async (trx) => {
    await ensureOwner(trx, organization);
    const members = await trx.selectFrom("members").select(["user_owner_id", "role"]).where("owner_id", "=", organization.id).forUpdate().execute();
    const before = members.find((one) => one.user_owner_id === user.id)?.role;
    requireGrant(scope, members, before, role);
    if (before === role) return;
    if (before === "owner") requireAnotherOwner(members, user.id);
    await trx
      .insertInto("members")
      .values({ owner_id: organization.id, user_owner_id: user.id, user_id: userId, role, since: core.clock.now() })
      .onConflict((same) => same.columns(["owner_id", "user_owner_id"]).doUpdateSet({ role }))
      .execute();
    await appendAudit(trx, core, { ownerId: organization.id, actor: scope.actor, action: "member.set", target: `user:${userId}`, details: { role, before: before ?? null } });
    await markChanged(trx, [organization.id, user.id]);
  });
  core.resolver.drop(user.id);
}

/** Takes a member out. One who is none changes nothing. @throws ConflictError the last owner stays */
export async function removeMember(scope: Scope, given: { organizationId: string; userId: string }): Promise<void> {
  const { core } = scope;
  const { organizationId, userId } = parseInput(removeMemberInput, given);
  const organization = core.ownerRef({ organizationId });
  const user = core.ownerRef({ userId });
  await requireOwner(scope, organization, "members:write");
  await core.database.inTenant({ owners: [organization.id, user.id] }, async (trx) => {
    const members = await trx.selectFrom("members").select(["user_owner_id", "role"]).where("owner_id", "=", organization.id).forUpdate().execute();
    const before = members.find((one) => one.user_owner_id === user.id)?.role;
    requireGrant(scope, members, before);
    if (before === undefined) return;
    if (before === "owner") requireAnotherOwner(members, user.id);
    await trx.deleteFrom("members").where("owner_id", "=", organization.id).where("user_owner_id", "=", user.id).execute();
    await appendAudit(trx, core, { ownerId: organization.id, actor: scope.actor, action: "member.removed", target: `user:${userId}`, details: { before } });
    await markChanged(trx, [organization.id, user.id]);
  });
  core.resolver.drop(user.id);
}

/** The members, longest first. */
export async function listMembers(scope: Scope, organizationId: string): Promise<Member[]> {
  const { core } = scope;
  const organization = core.ownerRef({ organizationId });
  await requireOwner(scope, organization, "members:read");
  const rows = await core.database.inTenant({ owners: [organization.id] }, (trx) =>
    trx.selectFrom("members").select(["user_id", "role", "since"]).where("owner_id", "=", organization.id).orderBy("since").orderBy("user_id").execute(),
  );
  return rows.map((row) => ({ organizationId, userId: row.user_id, role: row.role as Role, since: row.since }));
}

/**
 * Nobody makes or unmakes what is above the own role, and only the operator makes an organization's first owner: the bare
 * manager, or a service-wide token. A token of the organization counts as an admin, since an admin can make it.
 */
function requireGrant(scope: Scope, members: readonly { user_owner_id: string; role: string }[], ...between: readonly (string | undefined)[]): void {
  const { access, core } = scope;
  if (access.kind === "trusted" || (access.kind === "token" && access.owner === null)) return;
  if (!members.some((one) => one.role === "owner")) {
    throw new PermissionDeniedError("The organization has no owner yet; only the operator makes the first one, with a service-wide token.", { details: { reason: "first_owner" } });
  }
  const own = access.kind === "user" ? members.find((one) => one.user_owner_id === core.ownerRef({ userId: access.userId }).id)?.role : access.kind === "organization" ? access.role : "admin";
  if (own !== undefined && between.every((role) => role === undefined || mayGrant(own as Role, role as Role))) return;
  throw new PermissionDeniedError("Only an owner of the organization makes or unmakes an owner.", { details: { reason: "above_own_role" } });
}

function requireAnotherOwner(members: readonly { user_owner_id: string; role: string }[], leaving: string): void {
  if (members.some((one) => one.role === "owner" && one.user_owner_id !== leaving)) return;
  throw new ConflictError("An organization keeps at least one owner; make another member owner first.");
}

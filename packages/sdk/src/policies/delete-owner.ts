import { ConflictError, InvalidInputError } from "@stack-2025/byok-crypto";
import type { TenantTransaction } from "@stack-2025/byok-db";
import { requireOwner } from "../access/permissions.ts";
import { appendAudit } from "../audit/append.ts";
import type { OwnerOrUser } from "../byok.ts";
import { holdOwner } from "../keys/store.ts";
import type { OwnerRef } from "../owners.ts";
import type { Scope } from "../scope.ts";
import { markChanged } from "../use/changes.ts";

/**
 * Destroys what an owner stored: its tenant keys, which alone open its records, and with them the keys, tokens, members,
 * policies and sealing keys, in one transaction. The audit trail and the sums of usage stay. An owner that comes back
 * begins anew, under a tenant key of a higher version. To delete one that is not there changes nothing.
 *
 * @throws ConflictError the user is the last owner of an organization (`details.organizationIds`)
 * @throws InvalidInputError the operator's own set is not deleted as a whole
 */
export async function deleteOwner(scope: Scope, owner: OwnerOrUser): Promise<void> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  await requireOwner(scope, ref, "owner:delete");
  if (ref.kind === "system") {
    const message = "is the operator's own set, which is not deleted as a whole: the service's tokens are in it; delete its keys";
    throw new InvalidInputError(`system: ${message}`, { issues: [{ path: "system", message }] });
  }
  const memberships = await core.database.read<{ owner_id: string }>(
    { owners: [ref.id] },
    { name: "byok_memberships_left", text: "select owner_id from byok.members where user_owner_id = $1 order by owner_id", values: [ref.id] },
  );
  const organizations = memberships.map((one) => one.owner_id);
  await core.database.inTenant({ owners: [ref.id, ...organizations] }, async (trx) => {
    // It waits for whoever adds something now. Changes of keys that are there are waited for where the keys are deleted.
    await holdOwner(trx, ref, "alone");
    const row = await trx.selectFrom("owners").select("deleted_at").where("owner_id", "=", ref.id).executeTakeFirst();
    await leave(trx, scope, ref, organizations);
    if (row && row.deleted_at === null) await destroy(trx, scope, ref);
    if (row || organizations.length > 0) await markChanged(trx, [ref.id, ...organizations]);
  });
  core.resolver.drop(ref.id);
}

async function leave(trx: TenantTransaction, scope: Scope, user: OwnerRef, organizations: readonly string[]): Promise<void> {
  const orphaned: string[] = [];
  for (const organization of organizations) {
    const members = await trx.selectFrom("members").select(["user_owner_id", "role"]).where("owner_id", "=", organization).forUpdate().execute();
    const own = members.find((one) => one.user_owner_id === user.id);
    if (!own) continue;
    if (own.role === "owner" && !members.some((one) => one.role === "owner" && one.user_owner_id !== user.id)) {
      const row = await trx.selectFrom("owners").select("external_id").where("owner_id", "=", organization).executeTakeFirst();
      orphaned.push(row?.external_id ?? organization);
      continue;
    }
    await trx.deleteFrom("members").where("owner_id", "=", organization).where("user_owner_id", "=", user.id).execute();
    await appendAudit(trx, scope.core, { ownerId: organization, actor: scope.actor, action: "member.removed", target: user.externalId, details: { before: own.role } });
  }
  if (orphaned.length === 0) return;
  throw new ConflictError("The user is the last owner of an organization; make another member owner, or delete the organization first.", {
    details: { organizationIds: orphaned, reason: "last_owner" },
  });
}

async function destroy(trx: TenantTransaction, scope: Scope, { id }: OwnerRef): Promise<void> {
  const { core } = scope;
  // Versions and health go with their key.
  const { numDeletedRows: keys } = await trx.deleteFrom("keys").where("owner_id", "=", id).executeTakeFirstOrThrow();
  await trx.deleteFrom("owner_policies").where("owner_id", "=", id).execute();
  await trx.deleteFrom("sealing_keys").where("owner_id", "=", id).execute();
  await trx.deleteFrom("service_tokens").where("owner_id", "=", id).execute();
  await trx.deleteFrom("members").where("owner_id", "=", id).execute();
  await trx.deleteFrom("limit_counters").where("owner_id", "=", id).execute();
  const destroyed = await trx.deleteFrom("tenant_keys").where("owner_id", "=", id).returning("version").execute();
  const last = Math.max(0, ...destroyed.map((one) => one.version));
  await trx
    .updateTable("owners")
    .set((eb) => ({ deleted_at: core.clock.now(), last_tenant_key_version: eb.fn<number>("greatest", ["last_tenant_key_version", eb.val(last)]) }))
    .where("owner_id", "=", id)
    .execute();
  await appendAudit(trx, core, { ownerId: id, actor: scope.actor, action: "owner.deleted", target: null, details: { keys: Number(keys), tenantKeyVersion: last } });
}

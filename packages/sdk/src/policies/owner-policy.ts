/**
 * What an owner allows, forbids and wants to hear of. Resolution reads it with the keys, in the same round trip, and no
 * option of a call overrides it.
 */
import { randomBytes } from "node:crypto";
import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import type { TenantTransaction } from "@stack-2025/byok-db";
import { requireOwner, scopesAllow } from "../access/permissions.ts";
import { appendAudit } from "../audit/append.ts";
import type { OwnerOrUser, OwnerPolicy, OwnerPolicyInput } from "../byok.ts";
import type { Core } from "../core.ts";
import { ensureOwner, json } from "../keys/store.ts";
import { ownerPolicyInput, parseInput, type Channel, type Limits } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { markChanged } from "../use/changes.ts";
import { requirePublicUrl } from "./public-url.ts";

const defaults: OwnerPolicy = { ownKeysOnly: false, overflow: "never", suspended: false, limits: null, notify: [], maxKeyAgeDays: null };

/**
 * Absent fields are left as they are, `null` clears. A webhook without a secret is given one, which is in this answer and in
 * no later one; one whose address was there already keeps its secret.
 *
 * @throws InvalidInputError an address is not https and public
 * @throws PermissionDeniedError the caller may not do this for this owner; `suspended` and `overflow: "system"` are the operator's
 */
export async function setOwnerPolicy(scope: Scope, owner: OwnerOrUser, given: OwnerPolicyInput): Promise<OwnerPolicy> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  const input = parseInput(ownerPolicyInput, given);
  await requireOwner(scope, ref, "policy:write");
  if (input.suspended !== undefined || input.overflow === "system") requireOperator(scope);
  for (const [index, channel] of (input.notify ?? []).entries()) {
    if (channel.type !== "email") await requirePublicUrl(`notify.${index}.url`, channel.url, core.allowPrivateUrls);
  }

  const policy = await core.database.inTenant({ owners: [ref.id] }, async (trx) => {
    await ensureOwner(trx, ref);
    // Of two changes at once the second waits here, and then sees the first.
    await trx.insertInto("owner_policies").values({ owner_id: ref.id, updated_at: core.clock.now() }).onConflict((same) => same.doNothing()).execute();
    await trx.selectFrom("owner_policies").select("owner_id").where("owner_id", "=", ref.id).forUpdate().execute();
    const before = await read(trx, core, ref.id);
    const { channels, made } = withSecrets(input.notify ?? before.notify, before.notify);
    const after: OwnerPolicy = {
      ownKeysOnly: input.ownKeysOnly ?? before.ownKeysOnly,
      overflow: input.overflow ?? before.overflow,
      suspended: input.suspended ?? before.suspended,
      limits: input.limits === undefined ? before.limits : input.limits,
      notify: channels,
      maxKeyAgeDays: input.maxKeyAgeDays === undefined ? before.maxKeyAgeDays : input.maxKeyAgeDays,
    };
    const row = {
      own_keys_only: after.ownKeysOnly,
      overflow: after.overflow,
      suspended: after.suspended,
      limits: json(after.limits),
      max_key_age_days: after.maxKeyAgeDays,
      updated_at: core.clock.now(),
      ...(await sealed(trx, core, ref.id, channels)),
    };
    await trx.updateTable("owner_policies").set(row).where("owner_id", "=", ref.id).execute();
    const fields = Object.keys(input).filter((name) => input[name as keyof typeof input] !== undefined);
    const switches = { ...(input.suspended !== undefined && { suspended: input.suspended }), ...(input.ownKeysOnly !== undefined && { ownKeysOnly: input.ownKeysOnly }) };
    await appendAudit(trx, core, { ownerId: ref.id, actor: scope.actor, action: "policy.set", target: null, details: { fields, ...switches } });
    await markChanged(trx, [ref.id]);
    return { ...after, notify: channels.map((channel) => (made.has(channel) ? channel : withoutSecret(channel))) };
  });
  core.resolver.drop(ref.id);
  return policy;
}

/** Webhooks come without their secrets. @throws PermissionDeniedError the caller may not see this owner's policy */
export async function getOwnerPolicy(scope: Scope, owner: OwnerOrUser): Promise<OwnerPolicy> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  await requireOwner(scope, ref, "policy:read");
  const policy = await core.database.inTenant({ owners: [ref.id] }, (trx) => read(trx, core, ref.id));
  return { ...policy, notify: policy.notify.map(withoutSecret) };
}

/** Suspending an owner, or letting its spend go to the operator, is the operator's to decide. */
function requireOperator({ access }: Scope): void {
  if (access.kind === "trusted" || (access.kind === "token" && access.owner === null && scopesAllow(access.scopes, "system"))) return;
  throw new PermissionDeniedError("Only the operator sets suspended, or overflow to system: the bare manager, or a service-wide token with the scope system.", {
    details: { reason: "operator_only" },
  });
}

async function read(trx: TenantTransaction, core: Core, ownerId: string): Promise<OwnerPolicy> {
  const row = await trx
    .selectFrom("owner_policies")
    .leftJoin("tenant_keys", (join) => join.onRef("tenant_keys.owner_id", "=", "owner_policies.owner_id").onRef("tenant_keys.version", "=", "owner_policies.notify_tenant_key_version"))
    .selectAll("owner_policies")
    .select("tenant_keys.wrapped")
    .where("owner_policies.owner_id", "=", ownerId)
    .executeTakeFirst();
  if (!row) return defaults;
  return {
    ownKeysOnly: row.own_keys_only,
    overflow: row.overflow as OwnerPolicy["overflow"],
    suspended: row.suspended,
    limits: row.limits as Limits | null,
    notify: row.notify === null || row.notify_tenant_key_version === null || row.wrapped === null ? [] : opened(core, ownerId, row.notify, row.notify_tenant_key_version, row.wrapped),
    maxKeyAgeDays: row.max_key_age_days,
  };
}

/** The channels' record is bound to the owner's policy: no row of a key can stand in for it. */
const placeOf = (ownerId: string) => ({ ownerId, keyId: "owner_policy", keyVersion: 1, custody: "managed" as const, provider: "", environment: "", field: "notify" });

async function sealed(trx: TenantTransaction, core: Core, ownerId: string, channels: readonly Channel[]): Promise<{ notify: Buffer | null; notify_tenant_key_version: number | null }> {
  if (channels.length === 0) return { notify: null, notify_tenant_key_version: null };
  const tenantKey = await core.keyring.tenantKey(trx, ownerId);
  const plain = Buffer.from(JSON.stringify(channels), "utf8");
  try {
    return { notify: Buffer.from(core.keyring.seal(tenantKey, plain, placeOf(ownerId))), notify_tenant_key_version: tenantKey.version };
  } finally {
    plain.fill(0);
  }
}

function opened(core: Core, ownerId: string, notify: Uint8Array, version: number, wrapped: Uint8Array): Channel[] {
  const plain = core.keyring.open(core.keyring.unwrap(ownerId, version, wrapped), notify, placeOf(ownerId));
  try {
    return JSON.parse(new TextDecoder().decode(plain)) as Channel[];
  } finally {
    plain.fill(0);
  }
}

/** `made`: those whose secret nobody has seen yet. */
function withSecrets(wanted: readonly Channel[], before: readonly Channel[]): { channels: Channel[]; made: Set<Channel> } {
  const made = new Set<Channel>();
  const channels = wanted.map((channel) => {
    if (channel.type !== "webhook" || channel.secret !== undefined) return channel;
    const kept = before.find((one) => one.type === "webhook" && one.url === channel.url);
    if (kept) return kept;
    const fresh = { ...channel, secret: `whsec_${randomBytes(32).toString("base64")}` };
    made.add(fresh);
    return fresh;
  });
  return { channels, made };
}

function withoutSecret(channel: Channel): Channel {
  return channel.type === "webhook" ? { type: "webhook", url: channel.url } : channel;
}

/**
 * Whom events name. People's ids are the product's own, often addresses, and the trail outlives its owner: so an event holds a
 * random id in their place, and what that stands for lies apart, sealed under the owner's key. Whoever deletes the key, or the
 * one row, leaves events that prove everything and name nobody.
 */
import type { TenantTransaction } from "@stack-2025/byok-db";
import type { Core } from "../core.ts";
import { isId, newId } from "../ids.ts";

type NameCore = Pick<Core, "keyring" | "clock">;

/** `user:` and `organization:` are followed by an id of the product's; every other actor and target is ours, and stays. */
const personal = /^(user|organization):(.*)$/s;
const purpose = "audit name";

/** The form in which a name stands in an event: `user:alice` as `user:nam_…`, always the same within one owner's trail. */
export async function nameInEvent(trx: TenantTransaction, core: NameCore, ownerId: string, name: string): Promise<string> {
  const [, kind, externalId] = personal.exec(name) ?? [];
  if (kind === undefined || externalId === undefined) return name;
  const found = await nameIdOf(trx, core, ownerId, name);
  return `${kind}:${found ?? (await keepName(trx, core, ownerId, name))}`;
}

/** As {@link nameInEvent}, for a search: undefined where no event of this owner names them. */
export async function searchedName(trx: TenantTransaction, core: NameCore, ownerId: string, name: string): Promise<string | undefined> {
  const [, kind, externalId] = personal.exec(name) ?? [];
  if (kind === undefined || externalId === undefined) return name;
  const found = await nameIdOf(trx, core, ownerId, name);
  if (found !== undefined) return `${kind}:${found}`;
  // As it stands in the event: what a reader is shown of a forgotten name can be searched for.
  return isId("name", externalId) ? name : undefined;
}

async function nameIdOf(trx: TenantTransaction, { keyring }: NameCore, ownerId: string, name: string): Promise<string | undefined> {
  const row = await trx
    .selectFrom("audit_names")
    .select("name_id")
    .where("owner_id", "=", ownerId)
    .where("fingerprint", "=", keyring.fingerprint(ownerId, purpose, name))
    .executeTakeFirst();
  return row?.name_id;
}

async function keepName(trx: TenantTransaction, core: NameCore, ownerId: string, name: string): Promise<string> {
  const id = newId("name");
  const owner = await trx.selectFrom("owners").select("deleted_at").where("owner_id", "=", ownerId).executeTakeFirst();
  // Nothing is sealed for an owner that is gone: it would be the one thing of it that could be read.
  if (owner?.deleted_at) return id;
  const tenantKey = await core.keyring.tenantKey(trx, ownerId);
  const sealed = core.keyring.seal(tenantKey, Buffer.from(name, "utf8"), namePlace(ownerId, id));
  const kept = await trx
    .insertInto("audit_names")
    .values({
      owner_id: ownerId, name_id: id, fingerprint: core.keyring.fingerprint(ownerId, purpose, name), sealed: Buffer.from(sealed),
      tenant_key_version: tenantKey.version, created_at: core.clock.now(),
    })
    .onConflict((same) => same.columns(["owner_id", "fingerprint"]).doNothing())
    .returning("name_id")
    .executeTakeFirst();
  if (kept) return kept.name_id;
  const other = await nameIdOf(trx, core, ownerId, name);
  if (other === undefined) throw new Error("the name that another transaction wrote is not there");
  return other;
}

/** Where a name's record stands. Moved to another name or owner, it does not open. */
export const namePlace = (ownerId: string, nameId: string) =>
  ({ ownerId, keyId: nameId, keyVersion: 1, custody: "managed" as const, provider: "byok", environment: "audit", field: "name" });

/**
 * What the names in these events stand for, by the form in the event. A name whose row or key is gone is left out.
 *
 * @throws EncryptionError a name's record was changed
 */
export async function readNames(trx: TenantTransaction, { keyring }: Pick<Core, "keyring">, ownerId: string, inEvents: readonly (string | null)[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const one of inEvents) {
    const [, kind, id] = personal.exec(one ?? "") ?? [];
    if (kind !== undefined && id !== undefined) ids.set(id, `${kind}:${id}`);
  }
  if (ids.size === 0) return new Map();
  const rows = await trx
    .selectFrom("audit_names")
    .innerJoin("tenant_keys", (join) => join.onRef("tenant_keys.owner_id", "=", "audit_names.owner_id").onRef("tenant_keys.version", "=", "audit_names.tenant_key_version"))
    .select(["audit_names.name_id", "audit_names.sealed", "audit_names.tenant_key_version", "tenant_keys.wrapped"])
    .where("audit_names.owner_id", "=", ownerId)
    .where("audit_names.name_id", "in", [...ids.keys()])
    .execute();
  return new Map(
    rows.map((row) => {
      const tenantKey = keyring.unwrap(ownerId, row.tenant_key_version, row.wrapped);
      return [ids.get(row.name_id)!, Buffer.from(keyring.open(tenantKey, row.sealed, namePlace(ownerId, row.name_id))).toString("utf8")];
    }),
  );
}

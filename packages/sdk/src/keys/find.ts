import { KeyNotFoundError } from "@stack-2025/byok-crypto";
import type { ProviderType } from "@stack-2025/byok-providers";
import { visibleOwners, type Action } from "../access/permissions.ts";
import type { Environment, Owner } from "../byok.ts";
import { isId } from "../ids.ts";
import { toOwner, type OwnerRef } from "../owners.ts";
import type { Limits } from "../schema.ts";
import type { Scope } from "../scope.ts";

/** Where a key is, and whose. */
export interface FoundKey {
  keyId: string;
  ownerId: string;
  owner: Owner;
  ownerKind: OwnerRef["kind"];
  provider: ProviderType;
  environment: Environment;
  limits: Limits | null;
  createdAt: Date;
  liveVersion: number;
  custody: "managed" | "sealed";
  fingerprint: string | null;
  sharedAccess: boolean;
}

/**
 * The key with this id, where the caller may do this with it. One that is another tenant's, one that never existed and
 * a string that is no id of ours are answered alike, with the same number of statements.
 *
 * @throws KeyNotFoundError
 */
export async function findKey(scope: Scope, keyId: string, action: Action): Promise<FoundKey> {
  const found = await findKeys(scope, [keyId], action);
  return found.get(keyId)!;
}

/** `findKey` for several; all are there, or it throws. */
export async function findKeys(scope: Scope, keyIds: readonly string[], action: Action): Promise<Map<string, FoundKey>> {
  const visible = await visibleOwners(scope, action);
  const asked = [...new Set(keyIds)];
  const possible = asked.filter((keyId) => isId("key", keyId));
  const owners = visible.owners === "all" ? await ownersOf(scope, possible) : [...visible.owners, ...visible.shared];
  const found = owners.length === 0 ? [] : await look(scope, possible, owners);
  const byId = new Map(found.filter((row) => visible.includes(row.ownerId) || (row.sharedAccess && visible.shared.includes(row.ownerId))).map((row) => [row.keyId, row]));
  if (!asked.every((keyId) => byId.has(keyId))) throw keyNotFound();
  return byId;
}

/** It repeats nothing of what it was asked: an id of another tenant's, one of nobody's and no id at all look alike. */
export function keyNotFound(): KeyNotFoundError {
  return new KeyNotFoundError("There is no such key.");
}

/** Whose keys these are, for callers who may do this for every owner: each id is presented to the policy that looks by id. */
async function ownersOf({ core }: Scope, keyIds: readonly string[]): Promise<string[]> {
  const rows = await Promise.all(
    keyIds.map((keyId) =>
      core.database.read<{ owner_id: string }>({ owners: [], lookup: { keyId } }, { name: "byok_key_owner", text: "select owner_id from byok.keys where key_id = $1", values: [keyId] }),
    ),
  );
  return [...new Set(rows.flat().map((row) => row.owner_id))];
}

async function look({ core }: Scope, keyIds: readonly string[], owners: readonly string[]): Promise<FoundKey[]> {
  const rows = await core.database.read<{
    key_id: string; owner_id: string; kind: OwnerRef["kind"]; external_id: string; provider: ProviderType; environment: Environment; limits: Limits | null; created_at: Date;
    live_version: number; custody: "managed" | "sealed"; fingerprint: string | null; shared_access: boolean;
  }>(
    { owners },
    {
      name: "byok_keys_found",
      text: `select k.key_id, k.owner_id, o.kind, o.external_id, k.provider, k.environment, k.limits, k.created_at,
          k.live_version, k.custody, k.fingerprint, k.shared_access
        from byok.keys k join byok.owners o using (owner_id) where k.key_id = any($1::text[])`,
      values: [[...keyIds]],
    },
  );
  return rows.map((row) => ({
    keyId: row.key_id, ownerId: row.owner_id, owner: toOwner(row.kind, row.external_id), ownerKind: row.kind,
    provider: row.provider, environment: row.environment, limits: row.limits, createdAt: row.created_at,
    liveVersion: row.live_version, custody: row.custody, fingerprint: row.fingerprint, sharedAccess: row.shared_access,
  }));
}

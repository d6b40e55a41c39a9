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

/** `findKey` for several; all are there, or it throws for the first that is not. */
export async function findKeys(scope: Scope, keyIds: readonly string[], action: Action): Promise<Map<string, FoundKey>> {
  const visible = await visibleOwners(scope, action);
  const found = new Map<string, FoundKey>();
  for (const keyId of new Set(keyIds)) {
    const row = isId("key", keyId) ? await look(scope, keyId, visible.owners) : undefined;
    if (!row || !visible.includes(row.ownerId)) throw keyNotFound();
    found.set(keyId, row);
  }
  return found;
}

/** It repeats nothing of what it was asked: an id of another tenant's, one of nobody's and no id at all look alike. */
export function keyNotFound(): KeyNotFoundError {
  return new KeyNotFoundError("There is no such key.");
}

async function look(scope: Scope, keyId: string, owners: readonly string[] | "all"): Promise<FoundKey | undefined> {
  const { database } = scope.core;
  let within = owners;
  if (within === "all") {
    const rows = await database.read<{ owner_id: string }>({ owners: [], lookup: { keyId } }, { name: "byok_key_owner", text: "select owner_id from byok.keys where key_id = $1", values: [keyId] });
    if (rows.length === 0) return undefined;
    within = rows.map((row) => row.owner_id);
  }
  if (within.length === 0) return undefined;
  const [row] = await database.read<{ owner_id: string; kind: OwnerRef["kind"]; external_id: string; provider: ProviderType; environment: Environment; limits: Limits | null; created_at: Date }>(
    { owners: within },
    {
      name: "byok_key_found",
      text: "select k.owner_id, o.kind, o.external_id, k.provider, k.environment, k.limits, k.created_at from byok.keys k join byok.owners o using (owner_id) where k.key_id = $1",
      values: [keyId],
    },
  );
  return row && { keyId, ownerId: row.owner_id, owner: toOwner(row.kind, row.external_id), ownerKind: row.kind, provider: row.provider, environment: row.environment, limits: row.limits, createdAt: row.created_at };
}

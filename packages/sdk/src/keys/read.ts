import canonicalize from "canonicalize";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { reachOf, requireOwner } from "../access/permissions.ts";
import type { KeyRecord, ListKeysFilter, OwnerOrUser, Page } from "../byok.ts";
import { page } from "../page.ts";
import { listKeysFilter, parseInput } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { findKey, keyNotFound } from "./find.ts";
import { findRow, findRows, toKeyRecord } from "./store.ts";

/** @throws KeyNotFoundError there is no such key, or none that the caller may know of */
export async function getKey(scope: Scope, keyId: string): Promise<KeyRecord> {
  const { ownerId } = await findKey(scope, keyId, "keys:read");
  return readRecord(scope, ownerId, keyId);
}

/** The record of a key whose owner is known. */
export async function readRecord(scope: Scope, ownerId: string, keyId: string): Promise<KeyRecord> {
  const { core } = scope;
  const row = await core.database.inTenant({ owners: [ownerId] }, (trx) => findRow(trx, ownerId, keyId));
  if (!row) throw keyNotFound();
  return toKeyRecord(row, core.clock.now());
}

const defaultPage = 100;

/** The owner's own keys, oldest first; never an organization's for a user. A member sees those that are shared. @throws InvalidInputError a forged or foreign cursor */
export async function listKeys(scope: Scope, owner: OwnerOrUser, given: ListKeysFilter = {}): Promise<Page<KeyRecord>> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  const { cursor, limit = defaultPage, ...filter } = parseInput(listKeysFilter, given);
  const reach = await reachOf(scope, ref, "keys:read");
  if (reach === "none") await requireOwner(scope, ref, "keys:read");
  const now = core.clock.now();

  // A cursor holds for one owner and one filter: taken elsewhere, it is refused.
  const binding = canonicalize({ list: "keys", owner: ref.id, reach, filter }) ?? "";
  const after = cursor === undefined ? undefined : position(core.keyring.openCursor(binding, cursor));

  const rows = await core.database.inTenant({ owners: [ref.id] }, (trx) => findRows(trx, ref.id, { ...filter, sharedOnly: reach === "shared", after, now, limit: limit + 1 }));
  const items = rows.slice(0, limit).map((row) => toKeyRecord(row, now));
  const last = rows.length > limit ? items.at(-1) : undefined;
  return page(items, last ? core.keyring.sealCursor(binding, `${last.createdAt.toISOString()} ${last.id}`) : null);
}

function position(payload: string | undefined): { at: Date; id: string } {
  const [at, id] = payload?.split(" ") ?? [];
  if (at === undefined || id === undefined) {
    throw new InvalidInputError("cursor: is none of this listing; begin again without one", { issues: [{ path: "cursor", message: "is none of this listing" }] });
  }
  return { at: new Date(at), id };
}

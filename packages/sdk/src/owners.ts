import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { parseInput, owner as ownerSchema, type Owner } from "./schema.ts";
import type { OwnerOrUser } from "./byok.ts";

/** An owner as the database keys it. */
export interface OwnerRef {
  /** `owner_id`: a uuid that follows from installation, kind and external id, so that it needs no look-up. */
  id: string;
  kind: "user" | "organization" | "system";
  externalId: string;
}

/** The owner's database id. The same owner has another id in another installation, so a copied row finds no owner. */
export function ownerRef(installationId: string, owner: OwnerOrUser): OwnerRef {
  const parsed = parseInput(ownerSchema, typeof owner === "string" ? { userId: owner } : owner);
  const kind = parsed.userId !== undefined ? "user" : parsed.organizationId !== undefined ? "organization" : "system";
  const externalId = parsed.userId ?? parsed.organizationId ?? "system";
  return { id: ownerId(installationId, kind, externalId), kind, externalId };
}

/** Owners that come again and again, by the bare string that names a user. */
const refsHeld = 100_000;

/** Makes `ownerRef` for one installation, which remembers the users that it has seen. */
export function rememberingOwnerRef(installationId: string): (owner: OwnerOrUser) => OwnerRef {
  const held = new LRUCache<string, OwnerRef>({ max: refsHeld });
  return (owner) => {
    if (typeof owner !== "string") return ownerRef(installationId, owner);
    const known = held.get(owner);
    if (known) return known;
    const ref = ownerRef(installationId, owner);
    held.set(owner, ref);
    return ref;
  };
}

/** RFC 9562 version 8: our own bits, here the head of a SHA-256 over length-prefixed parts. */
export function ownerId(installationId: string, kind: OwnerRef["kind"], externalId: string): string {
  const hash = createHash("sha256");
  for (const part of ["byok/1/owner", installationId, kind, externalId]) {
    const bytes = Buffer.from(part, "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  const digest = hash.digest().subarray(0, 16);
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The owner as the public interface names it. */
export function toOwner(kind: OwnerRef["kind"], externalId: string): Owner {
  if (kind === "user") return { userId: externalId };
  return kind === "organization" ? { organizationId: externalId } : { system: true };
}

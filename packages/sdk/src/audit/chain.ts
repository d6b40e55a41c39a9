/**
 * One link of an owner's audit chain: the bytes that are hashed and signed, made the same way when it is written and when it
 * is proved. docs/audit.md is this file in words; a change here makes old trails unprovable.
 */
import canonicalize from "canonicalize";
import { sha256Base64url } from "@stack-2025/byok-crypto";

/** The fields of an event that its hash covers. `seq` counts from 1, as text; `at` is ISO 8601 in UTC, to the millisecond. */
export interface Link {
  event_id: string;
  owner_id: string;
  seq: string;
  at: string;
  actor: string;
  action: string;
  target: string | null;
  details: unknown;
  ip: string | null;
  /** The hash of the link before; of the first one, {@link genesisHash}. */
  previous_hash: string;
}

const utf8 = new TextEncoder();

/** What comes before every chain's first link. */
export const genesisBytes: Uint8Array = utf8.encode("byok audit chain");
export const genesisHash = sha256Base64url(genesisBytes);

/** The link's canonical JSON (RFC 8785) in UTF-8: what is hashed (SHA-256, base64url) and signed. */
export function linkBytes(link: Link): Uint8Array {
  const { event_id, owner_id, seq, at, actor, action, target, details, ip, previous_hash } = link;
  return canonicalBytes({ event_id, owner_id, seq, at, actor, action, target, details, ip, previous_hash });
}

/** @throws Error the value has no JSON form */
export function canonicalBytes(value: unknown): Uint8Array {
  const text = canonicalize(value);
  if (text === undefined) throw new Error("what is to be signed has no canonical form");
  return utf8.encode(text);
}

export const hashOf = (bytes: Uint8Array): string => sha256Base64url(bytes);

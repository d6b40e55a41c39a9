import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";

/** Every id prefix, in one table. Ids are random and sortable by time; an id is never a capability. */
const prefixes = { key: "key", audit: "aud", name: "nam", token: "tok", request: "req" } as const;

/** `key_` and the 32 hex digits of a uuid v7. */
export function newId(kind: keyof typeof prefixes): string {
  return `${prefixes[kind]}_${uuidv7().replaceAll("-", "")}`;
}

const pattern = /^[a-z]{3}_[0-9a-f]{32}$/;

/** False for a string that cannot be an id of ours: then nothing is asked. */
export function isId(kind: keyof typeof prefixes, value: string): boolean {
  return pattern.test(value) && value.startsWith(`${prefixes[kind]}_`);
}

/** The moment an id of ours was minted; used to find an event's day. */
export function mintedAt(id: string): Date {
  return new Date(Number.parseInt(id.slice(4, 16), 16));
}

/** 256 random bits as base64url. */
export function randomText(): string {
  return randomBytes(32).toString("base64url");
}

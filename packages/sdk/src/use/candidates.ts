import type { Candidate, CandidateReason } from "@stack-2025/byok-crypto";
import type { Route } from "@stack-2025/byok-providers";
import type { ActiveKey, Environment, KeySource } from "../byok.ts";
import type { Limits, Role } from "../schema.ts";
import type { Parked } from "./parked.ts";

/** A key that could serve a call, as resolution reads it. The secret stays sealed until `open()`. */
export interface CandidateKey {
  readonly keyId: string;
  readonly ownerId: string;
  readonly organizationId: string | null;
  readonly source: KeySource;
  readonly alias: string | null;
  readonly environment: Environment;
  readonly status: "active" | "unchecked" | "invalid" | "exhausted" | "disabled";
  readonly expiresAt: number | null;
  readonly exhaustedUntil: number | null;
  readonly sharedAccess: boolean;
  readonly sharedRoutes: "inference" | "all";
  /** The caller's role in the organization that owns the key; null where it owns the key itself. */
  readonly role: Role | null;
  readonly allowedModels: readonly string[] | null;
  readonly limits: Limits | null;
  /** Of policies that bind the call: the caller's own, and that of the organization or the operator whose key it is. */
  readonly ownerLimits: readonly { ownerId: string; limits: Limits }[];
  /** The key's owner, or the caller, is suspended. */
  readonly suspended: boolean;
  /** A system key that the caller's policy, or a key of its with `fallback: "never"`, forbids. */
  readonly forbidden: boolean;
  /** Where the owner's limits may move the spend to. */
  readonly overflow: "never" | "system";
  readonly version: number;
  readonly custody: "managed" | "sealed";
  /** On a version that was replaced: until when it may still be used. Null on the live one. */
  readonly graceUntil: number | null;
  /** The version before the live one, while it is kept: the last resort when the provider refuses the live one. */
  readonly previous: CandidateKey | null;
  /** Opens the record once and keeps the result. @throws EncryptionError each time, where it does not open */
  open(): ActiveKey;
}

/** What a call asks of a key. */
export interface Ask {
  environment: Environment;
  organizationId: string | undefined;
  keyId: string | undefined;
  model: string | null;
  fallbackToSystem: boolean;
  /** The vendor's route; `unknown` is one that no table lists; null: no call is made, only the key is handed out. */
  route: Route | "unknown" | null;
}

export interface Judged {
  key: CandidateKey;
  reason: CandidateReason;
  until: Date | null;
}

/**
 * Every key that could come into question for this call, in order, and why it is taken or passed over. Decrypts nothing.
 * Of a key that its provider refuses, the version in its grace comes behind all keys of the caller and its organizations,
 * and before the system's: it is the customer's own account that pays.
 */
export function judge(keys: readonly CandidateKey[], ask: Ask, now: number, parked: Parked): Judged[] {
  const judged: Judged[] = [];
  for (const key of keys) {
    if (ask.keyId !== undefined && key.keyId !== ask.keyId) continue;
    if (ask.organizationId !== undefined && key.organizationId !== null && key.organizationId !== ask.organizationId) continue;
    if (key.source === "system" && !ask.fallbackToSystem) continue;
    const until = { at: null as number | null };
    const reason = reasonOf(key, ask, now, parked, until);
    judged.push({ key, reason, until: until.at === null ? null : new Date(until.at) });
  }
  const refused = judged.filter(({ key, reason }) => reason === "invalid" || (reason === "rate_limited" && parked.suspected(key, now)));
  for (const { key } of refused) {
    const resort = lastResort(key, ask, now, parked);
    if (resort) addResort(judged, resort);
  }
  return judged;
}

/** The version before, where it may be used for this call. */
export function lastResort({ previous }: CandidateKey, ask: Ask, now: number, parked: Parked): Judged | undefined {
  if (!previous || previous.graceUntil === null || previous.graceUntil <= now) return undefined;
  return reasonOf(previous, ask, now, parked, { at: null }) === "usable" ? { key: previous, reason: "usable", until: null } : undefined;
}

/** Before the system's keys. One that is there already stays where it is. */
export function addResort(judged: Judged[], resort: Judged): void {
  if (judged.some(({ key }) => key === resort.key)) return;
  const system = judged.findIndex(({ key }) => key.source === "system");
  judged.splice(system === -1 ? judged.length : system, 0, resort);
}

function reasonOf(key: CandidateKey, ask: Ask, now: number, parked: Parked, until: { at: number | null }): CandidateReason {
  if (key.environment !== ask.environment) return "wrong_environment";
  if (key.role !== null && (key.role === "viewer" || !key.sharedAccess)) return "not_shared";
  if (key.suspended) return "suspended";
  if (key.forbidden) return "own_keys_only";
  if (key.status === "disabled") return "disabled";
  if (key.expiresAt !== null && key.expiresAt <= now) return "expired";
  if (key.status === "invalid") return "invalid";
  if (key.status === "exhausted" && (key.exhaustedUntil === null || key.exhaustedUntil > now)) {
    until.at = key.exhaustedUntil;
    return "exhausted";
  }
  if (key.custody === "sealed") return "sealed";
  if (ask.model !== null && key.allowedModels !== null && !allowsModel(key.allowedModels, ask.model)) return "model_not_allowed";
  if (ask.route !== null && !allowsRoute(key, ask.route)) return "route_not_allowed";
  const parkedUntil = parked.until(key, ask.model, now);
  if (parkedUntil !== null) {
    until.at = parkedUntil;
    return "rate_limited";
  }
  return "usable";
}

/** Entries are exact, or end in `*`. */
export function allowsModel(allowed: readonly string[], model: string): boolean {
  return allowed.some((entry) => (entry.endsWith("*") ? model.startsWith(entry.slice(0, -1)) : entry === model));
}

/**
 * On a system key only inference passes that reads nobody's stored state; on a shared key listing is refused to members
 * unless the key says otherwise, and management to all but admins. A route that no table lists passes on the caller's own
 * key alone.
 */
function allowsRoute(key: CandidateKey, route: Route | "unknown"): boolean {
  if (key.source === "system") return route !== "unknown" && route.class === "inference" && !route.stateful;
  if (key.role === null) return true;
  if (route === "unknown") return false;
  const admin = key.role === "owner" || key.role === "admin";
  if (route.class === "manage") return admin;
  if (route.class === "list") return admin || key.sharedRoutes === "all";
  return true;
}

export function toCandidate({ key, reason, until }: Judged): Candidate {
  // Of a key that is not shared with the caller, its name is not either.
  return { keyId: key.keyId, source: key.source, alias: reason === "not_shared" ? null : key.alias, usable: reason === "usable", reason, until };
}

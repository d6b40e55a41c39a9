/** The sdk's shapes as they travel: dates are ISO text, owners are flat fields. Outputs are strict, so nothing travels that was not meant to. */
import { z } from "zod";
import type { Candidate, Owner } from "@stack-2025/byok-core";
import { auditEvent, environment, externalId, keyHealth, keyRecord, member, provider, usageStats } from "@stack-2025/byok-core/internal";

/** Every reason of a candidate: one that is missing here does not compile. */
const candidateReasons = Object.keys({
  usable: 1, disabled: 1, expired: 1, invalid: 1, exhausted: 1, rate_limited: 1, over_budget: 1, model_not_allowed: 1, route_not_allowed: 1, unpriced: 1, suspended: 1, own_keys_only: 1,
  wrong_environment: 1, not_shared: 1, sealed: 1,
} satisfies Record<Candidate["reason"], 1>) as Candidate["reason"][];

const isoDate = z.date().transform((date) => date.toISOString());

export const keyRecordWire = keyRecord.extend({
  expiresAt: isoDate.nullable(),
  createdAt: isoDate,
  updatedAt: isoDate,
  lastUsedAt: isoDate.nullable(),
  lastCheckedAt: isoDate.nullable(),
});

export const keyPageWire = z.strictObject({ items: z.array(keyRecordWire), nextCursor: z.string().nullable() });

export const auditPageWire = z.strictObject({ items: z.array(auditEvent.extend({ at: isoDate })), nextCursor: z.string().nullable() });
export const keyHealthWire = keyHealth.extend({ checkedAt: isoDate.nullable(), exhaustedUntil: isoDate.nullable(), expiresAt: isoDate.nullable() });

export const candidateWire = z.strictObject({
  keyId: z.string(),
  source: z.enum(["user", "organization", "system"]),
  alias: z.string().nullable(),
  usable: z.boolean(),
  reason: z.enum(candidateReasons),
  until: isoDate.nullable(),
});

export const memberWire = member.extend({ since: isoDate });

export const usageStatsWire = usageStats.extend({
  from: isoDate,
  to: isoDate,
  limits: z.array(usageStats.shape.limits.element.extend({ resetsAt: isoDate })),
});

export const tokenRecordWire = z.strictObject({
  id: z.string(),
  name: z.string(),
  owner: z.union([z.strictObject({ userId: z.string() }), z.strictObject({ organizationId: z.string() })]).nullable(),
  scopes: z.array(z.string()),
  createdAt: isoDate,
  expiresAt: isoDate.nullable(),
  revokedAt: isoDate.nullable(),
});

export const newTokenWire = z.strictObject({ id: z.string(), token: z.string(), scopes: z.array(z.string()), expiresAt: isoDate.nullable() });

/** What is revealed is copied without the hooks that keep it from printing: it is to be printed, this once. */
const revealed = z.unknown().transform((value) => plainCopy(value) as Record<string, unknown>);

export const activeKeyWire = z.strictObject({
  keyId: z.string(),
  source: z.enum(["user", "organization", "system"]),
  provider,
  environment,
  alias: z.string().nullable(),
  version: z.number(),
  decryptedKey: z.string(),
  keyData: revealed,
  metadata: z.record(z.string(), z.string()),
});

export const providerConfigWire = revealed;

/** An owner as flat fields; none are the owner that the token is bound to. */
export const ownerFields = { userId: externalId.optional(), organizationId: externalId.optional(), system: z.literal(true).optional() };

/** The owner that was named, or the other one where none was. Several are handed on: the manager says what is wrong with them. */
export function ownerIn(
  input: { userId?: string | undefined; organizationId?: string | undefined; system?: true | undefined },
  otherwise: Owner | null,
): Owner {
  const { userId, organizationId, system } = input;
  const named = { ...(userId !== undefined && { userId }), ...(organizationId !== undefined && { organizationId }), ...(system && { system }) };
  return (Object.keys(named).length === 0 && otherwise ? otherwise : named) as Owner;
}

function plainCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainCopy);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainCopy(one)]));
}

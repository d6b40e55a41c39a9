/**
 * The shapes of the public interface, each declared once: the type, the check, the service's procedures, its document and
 * its forms all come from here. Browser-safe: nothing but zod and the provider names.
 */
import { z } from "zod";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { providerTypes } from "@stack-2025/byok-providers/provider-type";
import { text } from "./text.ts";

/** Parses an argument. @throws InvalidInputError with every fault: its path, what is wrong, never the value. */
export function parseInput<T>(schema: z.ZodType<T, unknown>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  const first = issues[0];
  throw new InvalidInputError(first ? `${first.path || "input"}: ${first.message}` : "the input is malformed", { issues });
}

export const environments = ["development", "production"] as const;
export const environment = z.enum(environments);
export type Environment = z.infer<typeof environment>;
export const provider = z.enum(providerTypes);

/** Ids that the product's own systems use for a user or an organization. */
export const externalId = text(1, 255);
/** An id of ours. Any string passes: one that is no id of ours is answered like one that does not exist. */
export const keyId = z.string();

const ownerFields = { userId: externalId.optional(), organizationId: externalId.optional(), system: z.literal(true).optional() };
function exactlyOneOwner(value: { userId?: unknown; organizationId?: unknown; system?: unknown }, issue: z.RefinementCtx): void {
  const given = [value.userId, value.organizationId, value.system].filter((one) => one !== undefined).length;
  if (given !== 1) {
    issue.addIssue({ code: "custom", path: ["userId"], message: `give exactly one of userId, organizationId and system; ${given} were given` });
  }
}
/** An owner as flat fields, the form it has on the wire. */
export const owner = z.strictObject(ownerFields).superRefine(exactlyOneOwner);
/** Whose keys: a user, an organization, or the operator's own set of defaults. */
export type Owner = { userId: string } | { organizationId: string } | { system: true };

export const roles = ["owner", "admin", "member", "viewer"] as const;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;

const count = z.number().int("must be a whole number").positive("must be greater than 0").max(Number.MAX_SAFE_INTEGER);
const usd = z
  .union([z.number().positive("must be greater than 0").max(1e9), z.string().regex(/^\d{1,9}(\.\d{1,6})?$/, "must be an amount in USD with at most six decimals")])
  .refine((value) => Number(value) > 0, "must be greater than 0")
  .refine((value) => /^\d{1,10}(\.\d{1,6})?$/.test(String(value)), "must have at most six decimals");

export const limits = z.strictObject({
  requestsPerMinute: count.optional(),
  requestsPerDay: count.optional(),
  tokensPerMinute: count.optional(),
  tokensPerDay: count.optional(),
  concurrency: count.optional(),
  costPerDay: usd.optional(),
  costPerMonth: usd.optional(),
  strict: z.boolean().optional(),
});
/** Limits of a key. All are positive; windows are fixed, UTC, by the database's clock. */
export type Limits = z.infer<typeof limits>;

/** A date: a `Date`, or ISO 8601 text with a zone. */
export const date = z.union([
  z.date().refine((value) => value.getUTCFullYear() < 10_000, "must be before the year 10000"),
  z.iso.datetime({ offset: true, message: "must be a date with a time zone, such as 2026-12-31T00:00:00Z" }).transform((value) => new Date(value)),
]);

const alias = text(1, 100);
const tag = text(1, 50).refine((value) => /^[\p{L}\p{N}]/u.test(value), "must begin with a letter or a digit");
const tags = z.array(tag).max(50, "at most 50 tags are kept").transform((values) => [...new Set(values)]);
const allowedModels = z
  .array(text(1, 200).refine((value) => !value.slice(0, -1).includes("*"), "may have a * at its end only"))
  .min(1, "is empty; leave it out to allow every model")
  .max(1_000);
const rotateEvery = z.string().regex(/^[1-9]\d{0,3}d$/, "must be a number of days, such as 90d");
const priority = z.number().int("must be a whole number").min(-1_000_000).max(1_000_000);
const idempotencyKey = text(1, 255);

const settings = {
  alias: alias.optional(),
  sharedAccess: z.boolean().optional(),
  priority: priority.optional(),
  limits: limits.optional(),
  perUserLimits: limits.optional(),
  allowedModels: allowedModels.optional(),
  expiresAt: date.optional(),
  tags: tags.optional(),
  fallback: z.enum(["allowed", "never"]).optional(),
  sharedRoutes: z.enum(["inference", "all"]).optional(),
  rotateEvery: rotateEvery.optional(),
  onRevoke: z.enum(["close", "finish"]).optional(),
};

export const addKeyInput = z
  .strictObject({
    ...ownerFields,
    ...settings,
    provider,
    keyData: z.unknown(),
    sealed: z.string().max(65_536).optional(),
    environment: environment.default("production"),
    validate: z.enum(["now", "background", "skip"]).default("now"),
    custody: z.enum(["managed", "sealed"]).default("managed"),
    idempotencyKey: idempotencyKey.optional(),
  })
  .superRefine(exactlyOneOwner)
  .superRefine((value, issue) => {
    if (value.sharedAccess && value.organizationId === undefined) {
      issue.addIssue({ code: "custom", path: ["sharedAccess"], message: "is for an organization's keys only" });
    }
  });

export const updateKeyInput = z.strictObject({
  ...settings,
  alias: alias.nullish(),
  limits: limits.nullish(),
  perUserLimits: limits.nullish(),
  allowedModels: allowedModels.nullish(),
  expiresAt: date.nullish(),
  rotateEvery: rotateEvery.nullish(),
  status: z.enum(["active", "disabled"]).optional(),
});

const yearMs = 366 * 24 * 60 * 60_000;
export const rotateOptions = z.strictObject({
  validate: z.enum(["now", "background", "skip"]).default("now"),
  graceMs: z.number().int("must be a whole number of milliseconds").nonnegative("must not be negative").max(yearMs, "is more than a year").default(24 * 60 * 60_000),
});

export const page = { cursor: z.string().max(2_048).optional(), limit: z.number().int().min(1).max(200).optional() };
export const keyStatuses = ["active", "unchecked", "invalid", "exhausted", "expired", "disabled"] as const;
export const keyStatus = z.enum(keyStatuses);
export type KeyStatus = z.infer<typeof keyStatus>;

export const listKeysFilter = z.strictObject({
  provider: provider.optional(),
  environment: environment.optional(),
  status: keyStatus.optional(),
  tag: tag.optional(),
  ...page,
});

export const listAuditFilter = z.strictObject({
  action: text(1, 100).optional(),
  target: text(1, 300).optional(),
  actor: text(1, 300).optional(),
  timeRange: z.lazy(() => timeRange).optional(),
  ...page,
});

export const useOptions = z.strictObject({
  environment: environment.default("production"),
  organizationId: externalId.optional(),
  keyId: keyId.optional(),
  model: text(1, 200).optional(),
  label: text(1, 100).optional(),
  fallbackToSystem: z.boolean().default(true),
});

export const keyRecord = z.strictObject({
  id: z.string(),
  owner: z.union([z.strictObject({ userId: z.string() }), z.strictObject({ organizationId: z.string() }), z.strictObject({ system: z.literal(true) })]),
  provider,
  environment,
  alias: z.string().nullable(),
  hint: z.string().nullable(),
  status: keyStatus,
  statusReason: z.string().nullable(),
  priority: z.number(),
  sharedAccess: z.boolean(),
  sharedRoutes: z.enum(["inference", "all"]),
  fallback: z.enum(["allowed", "never"]),
  limits: limits.nullable(),
  perUserLimits: limits.nullable(),
  allowedModels: z.array(z.string()).nullable(),
  expiresAt: z.date().nullable(),
  rotateEvery: z.string().nullable(),
  onRevoke: z.enum(["close", "finish"]),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  version: z.number(),
  custody: z.enum(["managed", "sealed"]),
  createdAt: z.date(),
  updatedAt: z.date(),
  lastUsedAt: z.date().nullable(),
  lastCheckedAt: z.date().nullable(),
});
/** A stored key as everyone who may see it sees it: everything but the secret. */
export type KeyRecord = z.infer<typeof keyRecord>;

export const keyHealth = z.strictObject({
  keyId: z.string(),
  status: keyStatus,
  healthy: z.boolean(),
  checkedAt: z.date().nullable(),
  latencyMs: z.number().nullable(),
  consecutiveFailures: z.number(),
  exhaustedUntil: z.date().nullable(),
  expiresAt: z.date().nullable(),
  balance: z.strictObject({ amount: z.string(), currency: z.string() }).nullable(),
  reasons: z.array(z.string()),
});
/** What is known of a key, and in words why it is not healthy. */
export type KeyHealth = z.infer<typeof keyHealth>;

export const validationResult = z.strictObject({
  keyId: z.string(),
  provider,
  alias: z.string().nullable(),
  valid: z.boolean(),
  status: keyStatus,
  latencyMs: z.number().nullable(),
  reason: z.string().nullable(),
});
/** What a provider says of one key; `reason` is a sentence for the key's owner. */
export type ValidationResult = z.infer<typeof validationResult>;

export const channel = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("webhook"),
    url: z.string().max(2_048),
    secret: z.string().regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, "must be whsec_ and 24 to 64 bytes in base64; leave it out to have one made").optional(),
  }),
  z.strictObject({ type: z.literal("email"), to: z.string().max(254).regex(/^[^\s@,;<>"\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/, "must be one e-mail address") }),
  z.strictObject({ type: z.literal("slack"), url: z.string().max(2_048) }),
]);
/** Where an owner wants to hear of things. A webhook's `secret` is shown once, by the call that made it. */
export type Channel = z.infer<typeof channel>;

export const ownerPolicyInput = z.strictObject({
  ownKeysOnly: z.boolean().optional(),
  overflow: z.enum(["never", "system"]).optional(),
  suspended: z.boolean().optional(),
  limits: limits.nullish(),
  notify: z.array(channel).max(20, "at most 20 channels are kept").optional(),
  maxKeyAgeDays: z.number().int("must be a whole number of days").positive("must be greater than 0").max(36_500).nullish(),
});
export const ownerPolicy = z.strictObject({
  ownKeysOnly: z.boolean(),
  overflow: z.enum(["never", "system"]),
  suspended: z.boolean(),
  limits: limits.nullable(),
  notify: z.array(channel),
  maxKeyAgeDays: z.number().nullable(),
});
/** What an owner allows, forbids and wants to hear of. */
export type OwnerPolicy = z.infer<typeof ownerPolicy>;

/** 64 KiB hold every credential that there is; what is longer is no secret. */
export const leakedSecret = z.string().min(1, "is empty").max(65_536, "is longer than any secret; give the secret alone");
export const leakFound = z.strictObject({ keyId: z.string(), owner: z.union([z.strictObject({ userId: z.string() }), z.strictObject({ organizationId: z.string() }), z.strictObject({ system: z.literal(true) })]), provider, status: keyStatus });
/** The key that a leaked secret belongs to. */
export type LeakFound = z.infer<typeof leakFound>;

const tokens = z.number().int("must be a whole number").nonnegative("must not be negative").max(Number.MAX_SAFE_INTEGER);
export const usageEvent = z.strictObject({
  id: text(1, 200).optional(),
  keyId,
  userId: externalId.optional(),
  label: text(1, 100).optional(),
  at: date.optional(),
  operation: text(1, 100).optional(),
  model: text(1, 200).optional(),
  requests: tokens.optional(),
  inputTokens: tokens.optional(),
  outputTokens: tokens.optional(),
  cachedInputTokens: tokens.optional(),
  cacheWriteTokens: tokens.optional(),
  reasoningTokens: tokens.optional(),
  audioInputTokens: tokens.optional(),
  audioOutputTokens: tokens.optional(),
  audioSeconds: z.number().nonnegative("must not be negative").max(1e9).optional(),
  characters: tokens.optional(),
  segments: tokens.optional(),
  units: z.record(text(1, 50), tokens).optional(),
  cost: z
    .union([z.number().nonnegative("must not be negative").max(1e9), z.string().regex(/^\d{1,9}(\.\d{1,20})?$/, "must be a decimal amount in USD")])
    .optional(),
  outcome: z.enum(["ok", "error"]).optional(),
  latencyMs: tokens.optional(),
});
/** What one call used, as a caller reports it. Token kinds are inclusive. */
export type UsageEvent = z.input<typeof usageEvent>;
export const usageEventList = z.array(usageEvent).min(1, "is empty").max(1_000, "at most 1,000 events go in one call");
export const usageEvents = z
  .union([usageEvent, usageEventList])
  .transform((value) => (Array.isArray(value) ? value : [value]));

const relativeRange = z.string().regex(/^[1-9]\d{0,3}[hdwm]$/, "must be a number and one of h, d, w, m, such as 30d");
export const timeRange = z.union([
  relativeRange.transform((value) => value as `${number}${"h" | "d" | "w" | "m"}`),
  z
    .strictObject({ from: date, to: date.optional() })
    .refine((value) => value.to === undefined || value.from < value.to, { path: ["from"], message: "must be before to" }),
]);
export type TimeRange = `${number}${"h" | "d" | "w" | "m"}` | { from: Date; to?: Date };

const totals = {
  requests: z.number(),
  errors: z.number(),
  tokens: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cachedInputTokens: z.number(),
  cacheWriteTokens: z.number(),
  reasoningTokens: z.number(),
  audioInputTokens: z.number(),
  audioOutputTokens: z.number(),
  audioSeconds: z.number(),
  characters: z.number(),
  segments: z.number(),
  cost: z.string(),
  unpriced: z.number(),
};
export const usageTotals = z.strictObject(totals);
/** Sums. `cost` is an exact decimal in USD; `unpriced` counts the events that no price was known for. */
export type UsageTotals = z.infer<typeof usageTotals>;
export const usageStats = z.strictObject({
  ...totals,
  keyId: z.string(),
  from: z.date(),
  to: z.date(),
  byModel: z.record(z.string(), usageTotals),
  limits: z.array(z.strictObject({ name: z.string(), used: z.union([z.number(), z.string()]), limit: z.union([z.number(), z.string()]), resetsAt: z.date() })),
});
export type UsageStats = z.infer<typeof usageStats>;

export const setMemberInput = z.strictObject({ organizationId: externalId, userId: externalId, role });
export const removeMemberInput = z.strictObject({ organizationId: externalId, userId: externalId });
export const member = z.strictObject({ organizationId: z.string(), userId: z.string(), role, since: z.date() });
export type Member = z.infer<typeof member>;

const ownerRecord = z.union([z.strictObject({ userId: z.string() }), z.strictObject({ organizationId: z.string() }), z.strictObject({ system: z.literal(true) })]);
export const auditEvent = z.strictObject({
  id: z.string(),
  at: z.date(),
  actor: z.string(),
  action: z.string(),
  target: z.string().nullable(),
  owner: ownerRecord,
  details: z.record(z.string(), z.unknown()),
  ip: z.string().nullable(),
  hash: z.string(),
});
/** One link of an owner's trail. `hash` is that of the stored event, in which people are named by ids of ours. */
export type AuditEvent = z.infer<typeof auditEvent>;
export const auditProof = z.strictObject({ ok: z.boolean(), events: z.number(), head: z.string(), brokenAt: z.string().nullable() });
/**
 * What a proof found. `head` is the last link's hash (of several owners: a hash over all of theirs). `brokenAt` is null, or
 * names the first fault as `<owner>#<sequence number>: <what is wrong>`.
 */
export type AuditProof = z.infer<typeof auditProof>;

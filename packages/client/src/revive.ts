/** What came over the wire, in the types of the interface: dates are dates again, pages can be iterated. */
import type { AppRouter } from "@stack-2025/byok-api";
import type { AuditEvent, Candidate, KeyHealth, KeyRecord, Member, Page, UsageStats } from "@stack-2025/byok-core";
import type { inferRouterOutputs } from "@trpc/server";

type Wire = inferRouterOutputs<AppRouter>;

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

export function toKeyRecord(wire: Wire["keys"]["get"]): KeyRecord {
  return {
    ...wire,
    expiresAt: date(wire.expiresAt),
    createdAt: new Date(wire.createdAt),
    updatedAt: new Date(wire.updatedAt),
    lastUsedAt: date(wire.lastUsedAt),
    lastCheckedAt: date(wire.lastCheckedAt),
  };
}

export function toKeyHealth(wire: Wire["keys"]["health"]): KeyHealth {
  return { ...wire, checkedAt: date(wire.checkedAt), exhaustedUntil: date(wire.exhaustedUntil), expiresAt: date(wire.expiresAt) };
}

export function toCandidate(wire: Wire["keys"]["explain"][number]): Candidate {
  return { ...wire, until: date(wire.until) };
}

export const toPage = ({ items, nextCursor }: Wire["keys"]["list"]): Page<KeyRecord> => pageOf(items.map(toKeyRecord), nextCursor);

export const toAuditPage = ({ items, nextCursor }: Wire["audit"]["list"]): Page<AuditEvent> => pageOf(items.map((one) => ({ ...one, at: new Date(one.at) })), nextCursor);

function pageOf<T>(items: T[], nextCursor: string | null): Page<T> {
  return Object.defineProperty({ items, nextCursor }, Symbol.iterator, { value: () => items[Symbol.iterator]() }) as unknown as Page<T>;
}

export function toUsageStats(wire: Wire["usage"]["stats"]): UsageStats {
  return {
    ...wire,
    from: new Date(wire.from),
    to: new Date(wire.to),
    limits: wire.limits.map((limit) => ({ ...limit, resetsAt: new Date(limit.resetsAt) })),
  };
}

export function toMember(wire: Wire["members"]["list"][number]): Member {
  return { ...wire, since: new Date(wire.since) };
}

/** All limits that bind a call: the key's own, those of its owner's policy, and those of the policy of whoever calls. */
import type { Limits } from "../schema.ts";
import type { Limiter, Reservation, Reserved, Share } from "./limiter.ts";

/** The counters of an owner as a whole lie beside those of its keys, under a name that is no key's id. */
const wholeOwner = "owner";

export interface Limited {
  ownerId: string;
  keyId: string;
  limits: Limits | null;
  ownerLimits: readonly { ownerId: string; limits: Limits }[];
}

/** The shares that a call takes, in a fixed order. */
export function shareOf({ ownerId, keyId, limits, ownerLimits }: Limited): Share[] {
  return [{ ownerId, keyId, limits }, ...ownerLimits.map((one) => ({ ownerId: one.ownerId, keyId: wholeOwner, limits: one.limits }))];
}

/** Takes a share of each, or of none. */
export async function reserveAll(limiter: Limiter, limited: Limited): Promise<Reserved> {
  if (limited.ownerLimits.length === 0) return limiter.reserve(limited);
  const taken: Reservation[] = [];
  for (const share of shareOf(limited)) {
    const reserved = await limiter.reserve(share);
    if ("refused" in reserved) {
      await Promise.all(taken.map((one) => one.release()));
      return reserved;
    }
    taken.push(reserved.granted);
  }
  return {
    granted: {
      settle: async (usage, costNanos) => void (await Promise.all(taken.map((one) => one.settle(usage, costNanos)))),
      release: async () => void (await Promise.all(taken.map((one) => one.release()))),
    },
  };
}

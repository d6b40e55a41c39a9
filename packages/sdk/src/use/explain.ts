import { providerFor, type ProviderType } from "@stack-2025/byok-providers";
import { requireOwner } from "../access/permissions.ts";
import type { Candidate, OwnerOrUser, UseOptions } from "../byok.ts";
import { shareOf } from "../limits/reserve-all.ts";
import type { Scope } from "../scope.ts";
import { toCandidate } from "./candidates.ts";
import { checked } from "./get-active-key.ts";
import { candidates, limitKeptBy } from "./with-key.ts";

/**
 * Every key that a call with these options would look at, in order, and why it would or would not be taken now, its limits
 * included. Decrypts nothing, calls nobody, and takes nothing of any limit.
 */
export async function explain(scope: Scope, owner: OwnerOrUser, provider: ProviderType, given?: UseOptions): Promise<Candidate[]> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  const options = checked(given);
  providerFor(provider);
  await requireOwner(scope, ref, "keys:read");
  const judged = await candidates(scope, { owner: ref, provider, options, model: options.model ?? null, route: null });
  for (const one of judged) {
    if (one.reason !== "usable") continue;
    for (const share of shareOf(one.key)) {
      const full = await core.limiter.peek(share);
      if (full && one.reason === "usable") [one.reason, one.until] = [full.reason, full.until];
    }
  }
  return judged.map((one) => {
    // A customer's limit never moves spend to the operator: what keeps the system's key back is that limit.
    const kept = one.reason === "usable" ? limitKeptBy(one, judged, []) : undefined;
    return toCandidate(kept ? { ...one, reason: kept.reason === "usable" ? "rate_limited" : kept.reason, until: kept.until } : one);
  });
}

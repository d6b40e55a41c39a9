/** The next key for a caller that calls providers by itself and fails over by itself: `withKey` of the typed client. */
import { providerFor, type ProviderType } from "@stack-2025/byok-providers";
import type { ActiveKey, Owner, UseOptions } from "../byok.ts";
import type { Scope } from "../scope.ts";
import { openFor } from "../use/open-for.ts";
import { refusal } from "../use/refusal.ts";
import { candidates } from "../use/with-key.ts";
import { requireOwner } from "./permissions.ts";
import { auditReveal } from "./reveal.ts";

/**
 * The first usable key that is none of `except`, revealed. System keys are no candidates: they are never revealed.
 *
 * @throws BYOKError no key is left
 */
export async function revealNext(scope: Scope, owner: Owner, provider: ProviderType, options: UseOptions, except: readonly string[]): Promise<ActiveKey> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  providerFor(provider);
  await requireOwner(scope, ref, "keys:reveal");
  const judged = await candidates(scope, { owner: ref, provider, options, model: options.model ?? null, route: null });
  const left = judged.filter(({ key }) => key.source !== "system" && !except.includes(key.keyId));
  const chosen = left.find((one) => one.reason === "usable")?.key;
  if (!chosen) throw refusal(left, provider, options.environment ?? "production", core.clock.now().getTime());
  const key = await openFor(scope, chosen);
  await auditReveal(scope, key);
  return key;
}

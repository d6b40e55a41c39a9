/** The next key for a caller that calls providers by itself and fails over by itself: `withKey` of the typed client. */
import { providerFor, type ProviderType } from "@stack-2025/byok-providers";
import type { ActiveKey, Owner, UseOptions } from "../byok.ts";
import type { Scope } from "../scope.ts";
import { refusal } from "../use/refusal.ts";
import { lastResort } from "../use/candidates.ts";
import { askOf, candidates } from "../use/with-key.ts";
import { requireOwner } from "./permissions.ts";
import { auditReveal } from "./reveal.ts";

/**
 * The first usable key that is none of `except`, revealed. System keys are no candidates: they are never revealed. When no
 * other is left, the version before of a key that stands once in `except` is the last resort, while its grace lasts.
 *
 * @throws BYOKError no key is left
 */
export async function revealNext(scope: Scope, owner: Owner, provider: ProviderType, options: UseOptions, except: readonly string[]): Promise<ActiveKey> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  providerFor(provider);
  await requireOwner(scope, ref, "keys:reveal");
  const request = { owner: ref, provider, options, model: options.model ?? null, route: null };
  const judged = await candidates(scope, request);
  const now = core.clock.now().getTime();
  const tried = (keyId: string): number => except.filter((one) => one === keyId).length;
  const left = judged.filter(({ key }) => key.source !== "system" && tried(key.keyId) === 0);
  // Where the live version is known to be dead, the one before is among the candidates already.
  const refused = judged.filter(({ key }) => key.source !== "system" && tried(key.keyId) === 1 && !judged.some((one) => one.key === key.previous));
  const resort = refused.map(({ key }) => lastResort(key, askOf(request), now, core.parked)?.key).find((key) => key !== undefined);
  const chosen = left.find((one) => one.reason === "usable")?.key ?? resort;
  if (!chosen) throw refusal(left, provider, options.environment ?? "production", now);
  const key = chosen.open();
  await auditReveal(scope, key);
  return key;
}

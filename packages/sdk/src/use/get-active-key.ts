import { providerFor, type ProviderConfig, type ProviderType } from "@stack-2025/byok-providers";
import { requireOwner } from "../access/permissions.ts";
import { auditReveal } from "../access/reveal.ts";
import type { ActiveKey, OwnerOrUser, UseOptions } from "../byok.ts";
import type { OwnerRef } from "../owners.ts";
import { parseInput, useOptions } from "../schema.ts";
import type { Scope } from "../scope.ts";
import type { CandidateKey, Judged } from "./candidates.ts";
import { guardDeeply } from "./guard-printing.ts";
import { openFor } from "./open-for.ts";
import { refusal } from "./refusal.ts";
import { candidates, spendsForTheOwner } from "./with-key.ts";

/**
 * The key that a call should use now. It consumes nothing of any limit. Inside the process that holds the root key this
 * is use; for a service token it is a reveal, needs `keys:reveal`, and is in the audit before the key leaves.
 *
 * @throws KeyNotFoundError the owner has no key; otherwise the error of the best candidate, with every candidate's reason
 */
export async function getActiveKey<P extends ProviderType>(scope: Scope, owner: OwnerOrUser, provider: P, given?: UseOptions): Promise<ActiveKey<P>> {
  const ref = scope.core.ownerRef(owner);
  const options = checked(given);
  providerFor(provider);
  await requireUse(scope, ref, scope.access.kind === "token" ? "keys:reveal" : "keys:use");
  const chosen = choose(await candidates(scope, { owner: ref, provider, options, model: options.model ?? null, route: null }), scope, provider, options);
  const key = (await openFor(scope, chosen)) as ActiveKey<P>;
  if (scope.access.kind === "token") await auditReveal(scope, key);
  return key;
}

/** Constructor options of the provider's official SDK, with its base URL where one is set. */
export async function getProviderConfig<P extends ProviderType>(scope: Scope, owner: OwnerOrUser, provider: P, options?: UseOptions): Promise<ProviderConfig<P>> {
  const key = await getActiveKey(scope, owner, provider, options);
  const config = providerFor(provider).config(key.keyData, scope.core.baseUrl(provider)) as ProviderConfig<P>;
  return guardDeeply(config as object, "ProviderConfig") as ProviderConfig<P>;
}

/** The options, with their defaults. A signal passes as it is. @throws InvalidInputError */
export function checked(given: UseOptions | undefined): UseOptions & typeof defaults {
  if (given === undefined) return defaults;
  const { signal, ...options } = given;
  return { ...parseInput(useOptions, options), ...(signal && { signal }) };
}

const defaults = Object.freeze(parseInput(useOptions, {}));

/** @throws PermissionDeniedError the caller may not use this owner's keys */
export async function requireUse(scope: Scope, owner: OwnerRef, action: "keys:use" | "keys:reveal"): Promise<void> {
  if (scope.access.kind === "trusted") return;
  // A member uses an organization's keys through the own account, where resolution keeps to the shared ones.
  await requireOwner(scope, owner, action);
}

function choose(judged: readonly Judged[], scope: Scope, provider: string, options: UseOptions): CandidateKey {
  for (const one of judged) if (one.reason === "usable" && !spendsForTheOwner(one, judged, [])) return one.key;
  throw refusal(judged, provider, options.environment ?? "production", scope.core.clock.now().getTime());
}


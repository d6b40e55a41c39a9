import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import { providerFor } from "@stack-2025/byok-providers";
import type { Scope } from "../scope.ts";
import { findKey, keyNotFound } from "./find.ts";
import { recordOutcome } from "./health.ts";
import { probe, type Probed } from "./probe.ts";
import { readLive } from "./read-live.ts";

/**
 * Asks the provider now, and records the outcome: true, or false and the key's status says why.
 *
 * @throws PermissionDeniedError the key is sealed (`details.reason`)
 * @throws ProviderUnavailableError it cannot be told; the status is left as it was
 */
export async function testKey(scope: Scope, keyId: string): Promise<boolean> {
  const { ownerId } = await findKey(scope, keyId, "keys:write");
  const probed = await probeStored(scope, ownerId, keyId);
  return probed.status === "active";
}

/** @throws as `testKey` does, and EncryptionError: the record does not open */
export async function probeStored(scope: Scope, ownerId: string, keyId: string): Promise<Probed> {
  const { core } = scope;
  const live = await readLive(core, ownerId, keyId);
  if (!live) throw keyNotFound();
  if (live.custody === "sealed") {
    throw new PermissionDeniedError("The key is sealed to its owner: the service cannot read it, and so cannot test it.", { details: { keyId, reason: "sealed" } });
  }
  await core.openings.require(scope.actor, { ownerId, keyId, version: live.version });
  const probed = await probe(core, providerFor(live.provider), live.open());
  await recordOutcome(core, { ownerId, keyId, version: live.version }, probed, scope.actor);
  core.resolver.drop(ownerId);
  return probed;
}

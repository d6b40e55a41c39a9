import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import { providerFor } from "@stack-2025/byok-providers";
import type { Scope } from "../scope.ts";
import { findKey, keyNotFound } from "./find.ts";
import { recordOutcome } from "./health.ts";
import { probe } from "./probe.ts";
import { openKeyData } from "./sealed-key-data.ts";

/**
 * Asks the provider now, and records the outcome: true, or false and the key's status says why.
 *
 * @throws PermissionDeniedError the key is sealed (`details.reason`)
 * @throws ProviderUnavailableError it cannot be told; the status is left as it was
 */
export async function testKey(scope: Scope, keyId: string): Promise<boolean> {
  const { core } = scope;
  const found = await findKey(scope, keyId, "keys:write");
  const row = await core.database.inTenant({ owners: [found.ownerId] }, (trx) =>
    trx
      .selectFrom("keys")
      .innerJoin("key_versions", (join) =>
        join.onRef("key_versions.owner_id", "=", "keys.owner_id").onRef("key_versions.key_id", "=", "keys.key_id").onRef("key_versions.version", "=", "keys.live_version"),
      )
      .leftJoin("tenant_keys", (join) => join.onRef("tenant_keys.owner_id", "=", "key_versions.owner_id").onRef("tenant_keys.version", "=", "key_versions.tenant_key_version"))
      .select(["keys.live_version", "key_versions.sealed", "key_versions.tenant_key_version", "tenant_keys.wrapped"])
      .where("keys.owner_id", "=", found.ownerId)
      .where("keys.key_id", "=", keyId)
      .executeTakeFirst(),
  );
  if (!row) throw keyNotFound();
  if (row.tenant_key_version === null || row.wrapped === null) {
    throw new PermissionDeniedError("The key is sealed to its owner: the service cannot read it, and so cannot test it.", { details: { keyId, reason: "sealed" } });
  }
  const tenantKey = core.keyring.unwrap(found.ownerId, row.tenant_key_version, row.wrapped);
  const place = { ownerId: found.ownerId, keyId, keyVersion: row.live_version, custody: "managed" as const, provider: found.provider, environment: found.environment };
  const keyData = openKeyData(core.keyring, tenantKey, row.sealed, place);

  const provider = providerFor(found.provider);
  const probed = await probe(core, provider, keyData);
  await recordOutcome(core, { ownerId: found.ownerId, keyId }, probed, scope.actor);
  return probed.status === "active";
}

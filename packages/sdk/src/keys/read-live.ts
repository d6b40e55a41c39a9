import { EncryptionError } from "@stack-2025/byok-crypto";
import type { KeyData, ProviderType } from "@stack-2025/byok-providers";
import type { Environment } from "../byok.ts";
import type { Core } from "../core.ts";
import { openKeyData } from "./sealed-key-data.ts";
import { announceUnreadable } from "./unreadable.ts";

/** The live version of a key, with its secret still sealed. */
export interface LiveVersion {
  version: number;
  createdAt: Date;
  provider: ProviderType;
  environment: Environment;
  custody: "managed" | "sealed";
  /** @throws EncryptionError the record does not open, or is sealed to its owner */
  open(): KeyData;
}

/** Undefined where the key is gone. */
export async function readLive(core: Core, ownerId: string, keyId: string): Promise<LiveVersion | undefined> {
  const row = await core.database.inTenant({ owners: [ownerId] }, (trx) =>
    trx
      .selectFrom("keys")
      .innerJoin("key_versions", (join) =>
        join.onRef("key_versions.owner_id", "=", "keys.owner_id").onRef("key_versions.key_id", "=", "keys.key_id").onRef("key_versions.version", "=", "keys.live_version"),
      )
      .leftJoin("tenant_keys", (join) => join.onRef("tenant_keys.owner_id", "=", "key_versions.owner_id").onRef("tenant_keys.version", "=", "key_versions.tenant_key_version"))
      .select([
        "keys.live_version", "keys.provider", "keys.environment", "keys.custody", "key_versions.sealed", "key_versions.created_at", "key_versions.tenant_key_version", "tenant_keys.wrapped",
      ])
      .where("keys.owner_id", "=", ownerId)
      .where("keys.key_id", "=", keyId)
      .executeTakeFirst(),
  );
  if (!row) return undefined;
  const { live_version: version, tenant_key_version: tenantKeyVersion, wrapped, sealed } = row;
  const provider = row.provider as ProviderType;
  const environment = row.environment as Environment;
  return {
    version, provider, environment,
    createdAt: row.created_at,
    custody: row.custody as LiveVersion["custody"],
    open() {
      try {
        if (tenantKeyVersion === null || wrapped === null) throw new EncryptionError("The record is under no key that this service holds.");
        const tenantKey = core.keyring.unwrap(ownerId, tenantKeyVersion, wrapped);
        return openKeyData(core.keyring, tenantKey, sealed, { ownerId, keyId, keyVersion: version, custody: "managed", provider, environment });
      } catch (error) {
        if (error instanceof EncryptionError) announceUnreadable(core, { ownerId, keyId, version });
        throw error;
      }
    },
  };
}

/**
 * The place of a sealed record: everything that says whose it is and where it lies. A record opens there and nowhere else,
 * so a ciphertext that a database writer moves to another row, owner, field or environment is worthless (SECURITY S-04).
 */
import { contextOf } from "./context.ts";
import { envelopeSuite, envelopeVersion } from "./envelope.ts";
import { labels } from "./labels.ts";

/** The place of a record in table `key_versions`. */
export interface Place {
  installationId: string;
  ownerId: string;
  tenantKeyVersion: number;
  /** The row: id of the provider key. */
  keyId: string;
  /** The row: version of the provider key, from 1. */
  keyVersion: number;
  field: string;
  custody: "managed" | "sealed";
  provider: string;
  environment: string;
}

const table = "key_versions";

/** @throws RangeError where the place would take 1,024 bytes or more */
export function placeContext(place: Place): Uint8Array {
  return contextOf(
    labels.record,
    envelopeVersion,
    envelopeSuite,
    place.installationId,
    place.ownerId,
    place.tenantKeyVersion,
    table,
    place.keyId,
    place.keyVersion,
    place.field,
    place.custody,
    place.provider,
    place.environment,
  );
}

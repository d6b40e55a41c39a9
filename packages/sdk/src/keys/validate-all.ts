import { BYOKError } from "@stack-2025/byok-crypto";
import { providerFor } from "@stack-2025/byok-providers";
import { requireOwner } from "../access/permissions.ts";
import type { KeyRecord, OwnerOrUser, ValidationResult } from "../byok.ts";
import type { Scope } from "../scope.ts";
import { probeStored } from "./test-key.ts";
import { findRows, toKeyRecord } from "./store.ts";

const batch = 200;

/**
 * Asks the providers about all of an owner's keys, 8 at a time and 120 a minute for each provider, and records what they
 * say: 500 keys of one provider take four minutes. One key's trouble is its own result, and stops no other.
 */
export async function validateAllKeys(scope: Scope, owner: OwnerOrUser): Promise<ValidationResult[]> {
  const { core } = scope;
  const ref = core.ownerRef(owner);
  await requireOwner(scope, ref, "keys:write");
  const keys: KeyRecord[] = [];
  for (;;) {
    const now = core.clock.now();
    const last = keys.at(-1);
    const after = last && { at: last.createdAt, id: last.id };
    const rows = await core.database.inTenant({ owners: [ref.id] }, (trx) => findRows(trx, ref.id, { after, now, limit: batch }));
    keys.push(...rows.map((row) => toKeyRecord(row, now)));
    if (rows.length < batch) break;
  }
  return Promise.all(keys.map((key) => validate(scope, ref.id, key)));
}

async function validate(scope: Scope, ownerId: string, key: KeyRecord): Promise<ValidationResult> {
  const { core } = scope;
  const said = { keyId: key.id, provider: key.provider, alias: key.alias };
  const vendor = providerFor(key.provider).name;
  if (key.custody === "sealed") {
    return { ...said, valid: false, status: key.status, latencyMs: null, reason: `This key is sealed: only you can read it, so we cannot ask ${vendor} about it.` };
  }
  try {
    const probed = await core.probePace.run(ownerId, key.provider, () => probeStored(scope, ownerId, key.id));
    const valid = probed.status === "active";
    const status = key.status === "disabled" || key.status === "expired" ? key.status : probed.status;
    return { ...said, valid, status, latencyMs: probed.latencyMs, reason: sentence(vendor, status, valid, probed.reason) };
  } catch (error) {
    if (!(error instanceof BYOKError)) throw error;
    return { ...said, valid: false, status: key.status, latencyMs: null, reason: trouble(vendor, error) };
  }
}

/** For the customer who looks at the list; null where there is nothing to say. */
function sentence(vendor: string, status: KeyRecord["status"], valid: boolean, told: string | null): string | null {
  const because = told === null ? "" : ` (${told})`;
  if (!valid && status === "exhausted") return `${vendor} knows this key, but the account behind it is out of credit${because}.`;
  if (!valid) return `${vendor} does not accept this key${because}. Issue a new one there, and rotate this key to it.`;
  if (status === "disabled") return `${vendor} accepts this key, but it is disabled here.`;
  if (status === "expired") return `${vendor} accepts this key, but the expiry date that was set for it has passed.`;
  return told === null ? null : `${vendor} accepts this key${because}.`;
}

function trouble(vendor: string, error: BYOKError): string {
  switch (error.code) {
    case "PROVIDER_UNAVAILABLE":
      return `${vendor} could not be asked about this key just now; what was known of it stands.`;
    case "KEY_NOT_FOUND":
      return "This key was deleted while it was being checked.";
    case "ENCRYPTION":
      return "What we keep of this key can no longer be opened. Issue a new one, and rotate this key to it.";
    default:
      return `This key could not be checked: ${error.message}`;
  }
}

/**
 * A key leaves the process in plaintext: what the service asks before it hands one out, and what the audit keeps of it.
 * Inside the process that holds the root key, handing out a key is use, not a reveal.
 */
import { KeyNotFoundError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import { appendAudit } from "../audit/append.ts";
import type { ActiveKey } from "../byok.ts";
import type { Scope } from "../scope.ts";

/**
 * Writes the reveal into the audit of the key's owner; only then may the key be handed out.
 *
 * @throws PermissionDeniedError a system key, or an organization's key for a token that is bound to a user
 */
export async function auditReveal(scope: Scope, key: Pick<ActiveKey, "keyId" | "source" | "version" | "provider">): Promise<void> {
  const { access, core } = scope;
  const details = { keyId: key.keyId, provider: key.provider };
  if (key.source === "system") {
    throw new PermissionDeniedError("A system key is never revealed; call the provider through the proxy or fetchFor.", { details: { ...details, reason: "system_key" } });
  }
  if (key.source === "organization" && access.kind === "token" && access.owner !== null && "userId" in access.owner) {
    throw new PermissionDeniedError("An organization's key is not revealed to one of its members; call the provider through the proxy or fetchFor.", {
      details: { ...details, reason: "organization_key" },
    });
  }
  const [row] = await core.database.read<{ owner_id: string }>(
    { owners: [], lookup: { keyId: key.keyId } },
    { name: "byok_key_home", text: "select owner_id from byok.keys where key_id = $1", values: [key.keyId] },
  );
  // Deleted since it was resolved: then it is not handed out either.
  if (!row) throw new KeyNotFoundError("There is no such key.", { details: { keyId: key.keyId } });
  const ownerId = row.owner_id;
  await core.database.inTenant({ owners: [ownerId] }, (trx) =>
    appendAudit(trx, core, { ownerId, actor: scope.actor, action: "key.revealed", target: key.keyId, details: { version: key.version } }),
  );
}

import type { ActiveKey } from "../byok.ts";
import type { Scope } from "../scope.ts";
import type { CandidateKey } from "./candidates.ts";

/**
 * The key, opened for whoever acts, once that is in its owner's trail.
 *
 * @throws EncryptionError it does not open
 * @throws DatabaseUnavailableError the event could not be written: then nothing is opened
 */
export async function openFor({ core, actor }: Pick<Scope, "core" | "actor">, key: CandidateKey): Promise<ActiveKey> {
  if (!key.configured && !core.openings.known(actor, key)) await core.openings.require(actor, key);
  return key.open();
}

/**
 * What can go wrong between this process and the home of a root key, in the two words that callers act on: it is away, and may
 * be back; or it says that the bytes are not its own. Answers are never quoted: one of them is an installation key in the clear.
 */
import { EncryptionError } from "@stack-2025/byok-crypto";

/**
 * The root key cannot be used now. Nothing falls back to anything else meanwhile.
 *
 * @param problem a short word or status, free of secrets
 */
export function rootUnavailable(rootKeyId: string, problem: string): EncryptionError {
  return new EncryptionError(
    `Root key ${rootKeyId} cannot be used now (${problem}). Check that its service can be reached, that the key is enabled, and that this process may use it.`,
    { details: { reason: "root_unavailable", retryable: true, rootKeyId, problem } },
  );
}

/** The root key was asked and refused: no other try can help. */
export function doesNotUnwrap(rootKeyId: string): EncryptionError {
  return new EncryptionError(
    `What root key ${rootKeyId} should unwrap does not open: it was changed, moved from its place, or wrapped by another key. Restore it from a backup.`,
  );
}

/** What tells secrets apart without opening them. All of it is keyed by owner: equal secrets of two owners look unlike. */
import type { KeyData, Provider } from "@stack-2025/byok-providers";
import type { Keyring } from "../custody/keyring.ts";

/** The same credentials of one owner and provider give the same text, however their fields were written. */
export function keyFingerprint(keyring: Keyring, ownerId: string, provider: Provider, keyData: KeyData): string {
  return keyring.fingerprint(ownerId, provider.type, provider.canonical(keyData));
}

/** One for each secret value: whoever finds one of them does not know which provider's it is, or what goes with it. */
export function secretFingerprints(keyring: Keyring, ownerId: string, provider: Provider, keyData: KeyData): string[] {
  const secrets = new Set([provider.principal(keyData), ...provider.secrets(keyData)]);
  return leakFingerprints(keyring, ownerId, [...secrets]);
}

/** What leaked secrets are looked for by, without the white space around them. `leak` is no provider: it never meets the fingerprint of a key. */
export function leakFingerprints(keyring: Keyring, ownerId: string, secrets: readonly string[]): string[] {
  const fingerprint = keyring.fingerprinter(ownerId);
  return secrets.map((secret) => fingerprint("leak", secret.trim()));
}

/** What a vendor says may hold the key that we sent. It passes through here before it is kept, logged or raised. */

/** Overwrites every exact copy of a secret with as many `*`, the longest secret first. Length and all else stay as they were. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) {
    if (secret !== "") clean = clean.replaceAll(secret, () => "*".repeat(secret.length));
  }
  return clean;
}

// Which account a key belongs to. Vendors limit and bill accounts, not keys, and their answers name the account; so two keys are
// of two accounts unless their text says otherwise.
import { createHash } from "node:crypto";

/**
 * Sixteen hexadecimal digits that name the key's account. Keys that hold the same `-acctNAME-` share it.
 */
export function accountOf(key: string): string {
  const named = /-acct[0-9a-z]+-/i.exec(key)?.[0].toLowerCase();
  return createHash("sha256").update(named ?? key).digest("hex").slice(0, 16);
}

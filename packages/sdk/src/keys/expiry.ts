import { InvalidInputError } from "@stack-2025/byok-crypto";

/** @throws InvalidInputError the date is not ahead */
export function requireFuture(expiresAt: Date | null | undefined, now: Date): void {
  if (!expiresAt || expiresAt > now) return;
  throw new InvalidInputError("expiresAt: lies in the past; give a moment ahead, or leave it out", { issues: [{ path: "expiresAt", message: "lies in the past" }] });
}

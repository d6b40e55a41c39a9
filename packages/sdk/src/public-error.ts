import { BYOKError, ProviderUnavailableError } from "@stack-2025/byok-crypto";
import { DatabaseUnavailableError } from "@stack-2025/byok-db";

/** What a caller sees of an error: ours as they are, a database that is away as one to retry, everything else as it came. */
export function publicError(error: unknown): unknown {
  if (error instanceof BYOKError || !(error instanceof DatabaseUnavailableError)) return error;
  return new ProviderUnavailableError("byok's database cannot be reached just now; try again.", {
    details: { reason: "database_unavailable", retryable: true, commitUnknown: error.commitUnknown },
  });
}

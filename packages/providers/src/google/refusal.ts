/** Our refusals in the shape of Google's APIs; our code is the reason of an `ErrorInfo`. */
import type { BYOKError, ErrorCode } from "@stack-2025/byok-crypto";
import { refuse } from "../refusal-status.ts";
import type { Refusal } from "../provider.ts";

/** Google's own word for our codes, where it is not that of a bad request. */
const states: Partial<Record<ErrorCode, string>> = {
  KEY_NOT_FOUND: "NOT_FOUND",
  NOT_FOUND: "NOT_FOUND",
  PERMISSION_DENIED: "PERMISSION_DENIED",
  UNAUTHENTICATED: "UNAUTHENTICATED",
  QUOTA_EXCEEDED: "RESOURCE_EXHAUSTED",
  RATE_LIMITED: "RESOURCE_EXHAUSTED",
  CONFLICT: "ABORTED",
  PROVIDER_UNAVAILABLE: "UNAVAILABLE",
  ENCRYPTION: "INTERNAL",
  CONFIGURATION: "INTERNAL",
};

export function googleRefusal(error: BYOKError): Refusal {
  return refuse(error, (status) => ({
    error: {
      code: status,
      message: error.message,
      status: states[error.code] ?? "INVALID_ARGUMENT",
      details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: error.code, domain: "byok", metadata: {} }],
    },
  }));
}

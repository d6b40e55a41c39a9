/** What each of our codes is in HTTP and in tRPC. One table for every door; a new code does not compile until it stands here. */
import type { TRPC_ERROR_CODE_KEY } from "@trpc/server";
import type { ErrorCode } from "@stack-2025/byok-crypto";

export const errorStatus = {
  KEY_NOT_FOUND: { http: 404, trpc: "NOT_FOUND" },
  NOT_FOUND: { http: 404, trpc: "NOT_FOUND" },
  KEY_VALIDATION: { http: 422, trpc: "UNPROCESSABLE_CONTENT" },
  INVALID_INPUT: { http: 400, trpc: "BAD_REQUEST" },
  PERMISSION_DENIED: { http: 403, trpc: "FORBIDDEN" },
  UNAUTHENTICATED: { http: 401, trpc: "UNAUTHORIZED" },
  QUOTA_EXCEEDED: { http: 429, trpc: "TOO_MANY_REQUESTS" },
  RATE_LIMITED: { http: 429, trpc: "TOO_MANY_REQUESTS" },
  CONFLICT: { http: 409, trpc: "CONFLICT" },
  PROVIDER_UNAVAILABLE: { http: 503, trpc: "SERVICE_UNAVAILABLE" },
  ENCRYPTION: { http: 500, trpc: "INTERNAL_SERVER_ERROR" },
  CONFIGURATION: { http: 500, trpc: "INTERNAL_SERVER_ERROR" },
} as const satisfies Record<ErrorCode, { http: number; trpc: TRPC_ERROR_CODE_KEY }>;

/** `Retry-After`: whole seconds, at least one. */
export const retryAfter = (milliseconds: number): string => String(Math.max(1, Math.ceil(milliseconds / 1_000)));

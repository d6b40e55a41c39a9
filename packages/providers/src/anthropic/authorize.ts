/** How a request to Anthropic carries its credential. */
import { bearerToken } from "../credential-places.ts";
import { workspaceHeader } from "./config.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

/** SDK 1.x says Bearer, 0.x and others `x-api-key`. Two different tokens in the two places are none. */
export function presentedToken({ headers }: VendorRequest): string | null {
  const bearer = bearerToken(headers["authorization"]);
  const key = /^[^\s,]+$/.exec(headers["x-api-key"] ?? "")?.[0] ?? null;
  return bearer !== null && key !== null && bearer !== key ? null : (key ?? bearer);
}

/**
 * Always `x-api-key`, whichever header and version the caller used: Anthropic takes it under both versions, Bearer is the
 * documented form of 2026-10-21 alone, and gateways in front of Anthropic know the older header.
 */
export function authorize<R extends VendorRequest>(request: R, { apiKey, workspaceId }: KeyData<"anthropic">): R {
  return {
    ...request,
    headers: { ...request.headers, "x-api-key": apiKey, ...(workspaceId !== undefined && { [workspaceHeader]: workspaceId }) },
  };
}

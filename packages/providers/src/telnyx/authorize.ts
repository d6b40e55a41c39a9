/** How a request to Telnyx carries its credential. */
import { bearerToken } from "../credential-places.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

export function presentedToken({ headers }: VendorRequest): string | null {
  return bearerToken(headers["authorization"]);
}

export function authorize<R extends VendorRequest>(request: R, { apiKey }: KeyData<"telnyx">): R {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${apiKey}` } };
}

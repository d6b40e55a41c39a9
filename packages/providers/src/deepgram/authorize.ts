/** How a request to Deepgram carries its credential: the scheme is `Token` for a key, `Bearer` for a temporary token. */
import { bearerToken } from "../credential-places.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

export function presentedToken({ headers }: VendorRequest): string | null {
  const header = headers["authorization"];
  return /^token +([^\s,]+)$/i.exec(header ?? "")?.[1] ?? bearerToken(header);
}

export function authorize<R extends VendorRequest>(request: R, { apiKey }: KeyData<"deepgram">): R {
  return { ...request, headers: { ...request.headers, authorization: `Token ${apiKey}` } };
}

/** Where Google's SDKs put their credential. */
import { bearerToken } from "../credential-places.ts";
import type { VendorRequest } from "../provider.ts";

/** An API key stands in `x-goog-api-key`, in older clients and WebSockets in `?key=`; an access token is a Bearer. Two different ones are none. */
export function googleToken({ path, headers }: VendorRequest): string | null {
  const query = path.includes("?") ? new URLSearchParams(path.slice(path.indexOf("?"))) : null;
  const found = [/^[^\s,]+$/.exec(headers["x-goog-api-key"] ?? "")?.[0], bearerToken(headers["authorization"]), query?.get("key"), query?.get("access_token")].filter((token) => token);
  const [first] = found;
  return first !== undefined && found.every((token) => token === first) ? first : null;
}

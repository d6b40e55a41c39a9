import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { KeyData, Provider, VendorRequest } from "@stack-2025/byok-providers";

/** Origin and path joined so that no path can change the host or climb out of the operator's base path. */
export function vendorUrl(baseUrl: string | undefined, provider: Provider, keyData: KeyData, request: VendorRequest): URL {
  const base = new URL(baseUrl ?? provider.origin(keyData, request.path));
  const prefix = base.pathname.replace(/\/$/, "");
  const mark = request.path.indexOf("?");
  const url = new URL(base.origin);
  url.pathname = prefix + (mark === -1 ? request.path : request.path.slice(0, mark));
  url.search = mark === -1 ? "" : request.path.slice(mark);
  if (url.origin !== base.origin || (prefix !== "" && !url.pathname.startsWith(`${prefix}/`))) {
    throw new InvalidInputError("path: leaves the provider's address; give the path as the provider documents it", { issues: [{ path: "path", message: "leaves the provider's address" }] });
  }
  return url;
}

export function pathnameOf(path: string): string {
  const mark = path.indexOf("?");
  return mark === -1 ? path : path.slice(0, mark);
}

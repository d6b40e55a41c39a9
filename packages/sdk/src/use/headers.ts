import type { Provider } from "@stack-2025/byok-providers";

/** RFC 9110 section 7.6.1, and what an intermediary adds of its own accord. */
const hopByHop = new Set(["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);
const notForwarded = new Set(["host", "content-length", "expect", "cookie", "origin", "referer", "forwarded", "via", "authorization", "x-api-key", "x-goog-api-key", "api-key"]);
/** What a vendor says to a browser about its own origin is not about ours. */
const notReturned = new Set(["set-cookie", "set-cookie2", "alt-svc", "nel", "report-to", "clear-site-data", "strict-transport-security"]);

/** The caller's headers without credentials of any kind, hop-by-hop headers, and what tells of the caller. */
export function forwardedHeaders(headers: Readonly<Record<string, string>>, provider: Provider): Record<string, string> {
  const named = new Set((headers["connection"] ?? "").toLowerCase().split(",").map((name) => name.trim()));
  const own = new Set(provider.credentialHeaders);
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) =>
        !hopByHop.has(name) && !named.has(name) && !notForwarded.has(name) && !own.has(name) && !name.startsWith("byok-") && !name.startsWith("x-forwarded-") && !name.startsWith(":"),
    ),
  );
}

/** The path without the query parameters in which the provider takes a credential. */
export function forwardedPath(path: string, provider: Provider): string {
  const mark = path.indexOf("?");
  if (mark === -1 || provider.credentialParameters.length === 0) return path;
  const kept = path
    .slice(mark + 1)
    .split("&")
    .filter((pair) => !provider.credentialParameters.includes(decodeURIComponentSafely(pair.split("=")[0] ?? "")));
  return kept.length > 0 ? `${path.slice(0, mark)}?${kept.join("&")}` : path.slice(0, mark);
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not percent-encoding: it is compared as it stands.
  }
}

/** The provider's headers without hop-by-hop ones, cookies, and any value that holds one of the secrets. */
export function returnedHeaders(headers: Readonly<Record<string, string | string[]>>, secrets: readonly string[]): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => !hopByHop.has(name) && !notReturned.has(name) && !name.startsWith("access-control-") && !secrets.some((secret) => String(value).includes(secret)),
    ),
  );
}

/** One value a name, as classifiers read them. */
export function flatHeaders(headers: Readonly<Record<string, string | string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]));
}

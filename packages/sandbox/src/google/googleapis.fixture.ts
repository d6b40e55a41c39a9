import type { ServiceAccountFile } from "../vault.ts";

/**
 * Options of Google's libraries with which every host of theirs, the token endpoint included, is `base`: they have no setting for a
 * base URL with a path, but take the `fetch` that they are given.
 */
export function googleOptions(base: string, who: { credentials: ServiceAccountFile } | { apiKey: string }) {
  const fetchImplementation: typeof fetch = (input, init) => {
    const asked = new URL(input instanceof Request ? input.url : input);
    if (!asked.hostname.endsWith("googleapis.com")) throw new Error(`${asked.host} is not Google's.`);
    return fetch(`${base}${asked.pathname}${asked.search}`, init);
  };
  return { ...who, clientOptions: { transporterOptions: { fetchImplementation } } };
}

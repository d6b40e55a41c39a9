/** How a request to Vertex AI carries its credential, and where the account stands in its path. */
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";
import { locationOf, projectOf } from "./hosts.ts";

/** Only these take an express key, and only below this path. */
const express = /^(\/v1\w*)\/projects\/me\/locations\/me(\/publishers\/)/;

/**
 * A caller does not know the account of the key that will be taken: `me` in the place of project or location becomes the
 * key's own, and a call without them (as express keys make it) is made in the account's project.
 */
function pathFor(method: string, path: string, keyData: KeyData<"vertex">): string {
  const project = projectOf(keyData);
  if (project === undefined) return path.replace(express, "$1$2");
  const here = `/projects/${project}/locations/${locationOf(keyData)}`;
  // Models are looked up without a project.
  const placed = method === "GET" ? path : path.replace(/^(\/v1\w*)(?=\/publishers\/)/, (version) => `${version}${here}`);
  return placed
    .replace(/^(\/v1\w*\/projects\/)me(?=\/)/, (_all, before: string) => `${before}${project}`)
    .replace(/^(\/v1\w*\/projects\/[^/]+\/locations\/)me(?=[/?]|$)/, (_all, before: string) => `${before}${locationOf(keyData)}`);
}

export function authorize<R extends VendorRequest>(request: R, keyData: KeyData<"vertex">, accessToken?: string): R {
  const path = pathFor(request.method, request.path, keyData);
  if ("apiKey" in keyData) return { ...request, path, headers: { ...request.headers, "x-goog-api-key": keyData.apiKey } };
  return { ...request, path, headers: accessToken === undefined ? { ...request.headers } : { ...request.headers, authorization: `Bearer ${accessToken}` } };
}

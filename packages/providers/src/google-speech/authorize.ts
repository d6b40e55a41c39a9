/** How a request to Google's speech APIs carries its credential. */
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";
import { projectOf } from "./hosts.ts";

/** A caller does not know the account of the key that will be taken: `me` in the place of the project becomes the key's own. */
export function authorize<R extends VendorRequest>(request: R, keyData: KeyData<"google_speech">, accessToken?: string): R {
  const project = projectOf(keyData);
  const path = project === undefined ? request.path : request.path.replace(/^(\/v\d\w*\/projects\/)me(?=\/)/, (_all, before: string) => `${before}${project}`);
  if ("apiKey" in keyData) return { ...request, path, headers: { ...request.headers, "x-goog-api-key": keyData.apiKey } };
  return { ...request, path, headers: accessToken === undefined ? { ...request.headers } : { ...request.headers, authorization: `Bearer ${accessToken}` } };
}

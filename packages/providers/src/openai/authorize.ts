/** How a request to OpenAI carries its credential. */
import { bearerToken } from "../credential-places.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

export function presentedToken({ headers }: VendorRequest): string | null {
  return bearerToken(headers["authorization"]);
}

/** Organization and project come from the key alone: the caller's own were stripped. */
export function authorize<R extends VendorRequest>(request: R, keyData: KeyData<"openai">): R {
  const headers: Record<string, string> = { ...request.headers, authorization: `Bearer ${keyData.apiKey}` };
  if (keyData.organization !== undefined) headers["openai-organization"] = keyData.organization;
  if (keyData.project !== undefined) headers["openai-project"] = keyData.project;
  return { ...request, headers };
}

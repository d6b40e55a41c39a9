/** How a request to Gemini carries its credential: in a header, never in the query, which lands in logs. */
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

/** The endpoints of OpenAI's shape document Bearer. A key that is sent in two places is refused by Google. */
export function authorize<R extends VendorRequest>(request: R, { apiKey }: KeyData<"gemini">): R {
  const credential = /^\/v1\w*\/openai\//.test(request.path) ? { authorization: `Bearer ${apiKey}` } : { "x-goog-api-key": apiKey };
  return { ...request, headers: { ...request.headers, ...credential } };
}

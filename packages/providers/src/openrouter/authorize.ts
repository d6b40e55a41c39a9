/** How a request to OpenRouter carries its credential. */
import { bearerToken } from "../credential-places.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

/** OpenRouter's own SDK and OpenAI's say Bearer; Anthropic's older one, which its messages also serve, `x-api-key`. */
export function presentedToken({ headers }: VendorRequest): string | null {
  const bearer = bearerToken(headers["authorization"]);
  const key = /^[^\s,]+$/.exec(headers["x-api-key"] ?? "")?.[0] ?? null;
  return bearer !== null && key !== null && bearer !== key ? null : (bearer ?? key);
}

export function authorize<R extends VendorRequest>(request: R, { apiKey }: KeyData<"openrouter">): R {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${apiKey}` } };
}

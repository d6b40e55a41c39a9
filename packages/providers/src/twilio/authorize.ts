/** How a request to Twilio carries its credential: Basic, with the account's SID and token or the key's SID and secret. */
import { basicPassword } from "../credential-places.ts";
import type { KeyData } from "../key-data.ts";
import type { VendorRequest } from "../provider.ts";

/** User and password of Basic authentication. */
export function loginOf(keyData: KeyData<"twilio">): { username: string; password: string } {
  return keyData.authToken === undefined
    ? { username: keyData.apiKeySid, password: keyData.apiKeySecret }
    : { username: keyData.accountSid, password: keyData.authToken };
}

/** What stands after `Basic` in the header. The checks let ASCII alone through. */
export function basicLogin(keyData: KeyData<"twilio">): string {
  const { username, password } = loginOf(keyData);
  return btoa(`${username}:${password}`);
}

/** The token is the password; the user name is whatever the SDK was given. */
export function presentedToken({ headers }: VendorRequest): string | null {
  return basicPassword(headers["authorization"]);
}

/** A caller does not know the account of the key that will be taken: `me` in its place becomes the key's own. */
export function authorize<R extends VendorRequest>(request: R, keyData: KeyData<"twilio">): R {
  return {
    ...request,
    path: request.path.replace(/^(\/2010-04-01\/Accounts\/)me(?=[./?]|$)/, (_all, accounts: string) => `${accounts}${keyData.accountSid}`),
    headers: { ...request.headers, authorization: `Basic ${basicLogin(keyData)}` },
  };
}

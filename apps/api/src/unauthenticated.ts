import { PermissionDeniedError } from "@stack-2025/byok-crypto";

/** The one answer to every failure to sign in, whatever is wrong with what was presented. */
export const unauthenticated = (): PermissionDeniedError =>
  new PermissionDeniedError("The request carries no valid byok token. Send a service token that is neither expired nor revoked.", { code: "UNAUTHENTICATED" });

/** A Telnyx key and, for checking webhooks, the account's public key. */
import { z } from "zod";
import { identifierField, secretField } from "../credentials.ts";
import type { CredentialFault, CredentialSchema } from "../credentials.ts";

/** 32 bytes of Ed25519 in base64. White space and what cannot be seen are named by the checks of every field. */
const notAPublicKey = (key: string): CredentialFault | undefined =>
  /^[\x21-\x7e]+$/.test(key) && !/^[A-Za-z0-9+/]{43}=$/.test(key) ? { problem: "wrong_kind", message: "is no public key: that is 44 characters of base64. Copy it from the portal, Keys & Credentials, Public Key." } : undefined;

export const telnyxCredentials: CredentialSchema<"telnyx"> = z.strictObject({
  apiKey: secretField({ provider: "telnyx", what: "a Telnyx key" }, { title: "API key", description: "From portal.telnyx.com, API Keys. It begins with KEY." }),
  publicKey: identifierField("the account's public key", { title: "Public key", description: "For webhooks: the account's Ed25519 key." }, notAPublicKey).optional(),
});

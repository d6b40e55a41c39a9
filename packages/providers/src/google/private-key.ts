/** The private key of a service account: PKCS #8 in PEM, RSA of 2,048 bits or more, as Google hands it out. */
import { createPrivateKey } from "node:crypto";
import type { CredentialFault } from "../credentials.ts";

const shape = /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PRIVATE KEY-----\n$/;
const again = "Download a new JSON key of the service account, and give the file as it is.";

/** Line breaks that were escaped on the way (`\n` as two signs, from a variable or a form) are line breaks again. */
export function repairedPem(pem: string): string {
  return `${pem.replaceAll(String.raw`\r`, "").replaceAll(String.raw`\n`, "\n").replaceAll(/\r\n?/g, "\n").trim()}\n`;
}

/** What is wrong with a repaired PEM. What the parser says is dropped, since it may tell of its input. */
export function privateKeyFault(pem: string): CredentialFault | undefined {
  if (pem.includes("BEGIN CERTIFICATE")) return { problem: "wrong_kind", message: `is a certificate, which is public; the private key belongs here. ${again}` };
  if (pem.includes("ENCRYPTED")) return { problem: "wrong_kind", message: `is encrypted with a passphrase. Give it without one. ${again}` };
  if (!shape.test(pem)) return { problem: "not_a_private_key", message: `is no private key in PEM: it begins with -----BEGIN PRIVATE KEY-----, and ends likewise. ${again}` };
  let key;
  try {
    key = createPrivateKey(pem);
  } catch {
    return { problem: "not_a_private_key", message: `cannot be read; it may have been cut or changed. ${again}` };
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa") return { problem: "wrong_kind", message: `is no RSA key; Google's service accounts have RSA keys. ${again}` };
  if (bits < 2_048 || bits > 8_192) return { problem: "wrong_kind", message: `is an RSA key of ${bits} bits; Google's have 2,048 or more. ${again}` };
  return undefined;
}

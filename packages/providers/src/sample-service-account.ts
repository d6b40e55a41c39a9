/** Makes service accounts with real keys. For tests alone: nothing that ships imports it. */
import { generateKeyPairSync } from "node:crypto";

let made: string | undefined;

/** An RSA key in PEM, made once a run. */
export function samplePrivateKey(): string {
  made ??= generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return made;
}

/** The fields of a JSON key, as Google's console makes them; `undefined` in `more` takes one away. */
export function sampleAccount(more: Record<string, unknown> = {}): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    type: "service_account",
    project_id: "test-project",
    private_key_id: "0000000000000000000000000000000000000000",
    private_key: samplePrivateKey(),
    client_email: "byok-test@test-project.iam.gserviceaccount.com",
    client_id: "000000000000000000000",
    auth_uri: "https://accounts.google.com/o/oauth2/auth",
    token_uri: "https://oauth2.googleapis.com/token",
    auth_provider_x509_cert_url: "https://www.googleapis.com/oauth2/v1/certs",
    client_x509_cert_url: "https://www.googleapis.com/robot/v1/metadata/x509/byok-test%40test-project.iam.gserviceaccount.com",
    universe_domain: "googleapis.com",
    ...more,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

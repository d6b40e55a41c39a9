// Who may present what on whose behalf: service accounts whose keys this sandbox made, and the tokens that it issued for keys and
// accounts. It outlives a reset, as a vendor's tokens outlive its accounts' contents: a client that holds one need not sign in again.
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";

/** A service account's file, as Google lets it be downloaded. */
export interface ServiceAccountFile {
  type: "service_account";
  project_id: string;
  private_key_id: string;
  /** PKCS #8, PEM. */
  private_key: string;
  client_email: string;
  client_id: string;
  auth_uri: string;
  token_uri: string;
  auth_provider_x509_cert_url: string;
  client_x509_cert_url: string;
  universe_domain: string;
}

export interface ServiceAccountOptions {
  /** The part of the e-mail address before the `@`; a word of a fault between dashes works in it. A fresh one by default. */
  name?: string;
  /** `test-project` by default. */
  projectId?: string;
}

/** An account as the token exchange knows it. */
export interface ServiceAccount {
  readonly email: string;
  readonly projectId: string;
  readonly keyId: string;
  readonly privateKey: string;
  readonly publicKey: KeyObject;
}

/** A token that stands for a key. */
export interface IssuedToken {
  /** Which of the vendor's tokens it is: `access`, `client_secret`, `grant`, `live`; `key` for a key that was made on request. */
  readonly purpose: string;
  /** Whose it is; empty for a key that was made on request, which is its own. */
  readonly key: string;
  readonly aliases: readonly string[];
  /** The account, where the key's text does not tell it. */
  readonly account?: string;
  readonly expiresAt: Date;
  /** How often it may open something; unbounded by default. */
  uses: number;
  /** The only model that it opens. */
  readonly constraint?: string;
}

export class Vault {
  readonly #accounts = new Map<string, ServiceAccount>();
  readonly #tokens = new Map<string, IssuedToken>();
  readonly #deleted = new Set<string>();

  /** Makes an account and registers its public key. All accounts of a process have one key pair: making one is slow. */
  makeServiceAccount(options: ServiceAccountOptions, signInAt: string): ServiceAccountFile {
    const { privateKey, publicKey } = keyPair();
    const projectId = options.projectId ?? "test-project";
    const keyId = randomBytes(20).toString("hex");
    const email = `${options.name ?? `byok-test-${keyId.slice(0, 8)}`}@${projectId}.iam.gserviceaccount.com`;
    this.#accounts.set(email, { email, projectId, keyId, privateKey, publicKey });
    return {
      type: "service_account",
      project_id: projectId,
      private_key_id: keyId,
      private_key: privateKey,
      client_email: email,
      client_id: BigInt(`0x${keyId.slice(0, 16)}`)
        .toString()
        .padStart(21, "1")
        .slice(0, 21),
      auth_uri: "https://accounts.google.com/o/oauth2/auth",
      token_uri: signInAt,
      auth_provider_x509_cert_url: "https://www.googleapis.com/oauth2/v1/certs",
      client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(email)}`,
      universe_domain: "googleapis.com",
    };
  }

  serviceAccount(email: string): ServiceAccount | undefined {
    return this.#accounts.get(email);
  }

  /** A fresh token: `prefix` and 32 characters that nobody can guess. */
  issue(prefix: string, token: Omit<IssuedToken, "uses"> & { uses?: number }): string {
    const text = `${prefix}${randomBytes(24).toString("base64url")}`;
    this.#tokens.set(text, { uses: Number.POSITIVE_INFINITY, ...token });
    return text;
  }

  token(text: string): IssuedToken | undefined {
    return this.#tokens.get(text);
  }

  /** A key that its account deleted at the vendor. */
  delete(key: string): void {
    this.#deleted.add(key);
  }

  isDeleted(key: string): boolean {
    return this.#deleted.has(key);
  }

  /** Takes deleted keys again. */
  forgetDeleted(): void {
    this.#deleted.clear();
  }
}

/** Where accounts of the sandbox at `url` sign in. */
export function tokenUri(url: string): string {
  return `${url}/vertex/token`;
}

let made: { privateKey: string; publicKey: KeyObject } | undefined;

function keyPair(): { privateKey: string; publicKey: KeyObject } {
  if (made === undefined) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    made = { privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), publicKey: createPublicKey(privateKey) };
  }
  return made;
}

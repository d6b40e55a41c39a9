/**
 * A root key that stays in AWS KMS. It wraps with `Encrypt` and `Decrypt` of a symmetric key; the context goes along as the
 * encryption context, which KMS authenticates and writes, in base64url, into its own audit trail.
 */
import { ConfigurationError, type RootKey } from "@stack-2025/byok-crypto";
import type { KMSClient } from "@aws-sdk/client-kms";
import { attempts, defaultTimeoutMs } from "./attempts.ts";
import { doesNotUnwrap, rootUnavailable } from "./failure.ts";
import { loadPeer } from "./load-peer.ts";
import { requireRootKeyId, requireText } from "./root-key-id.ts";

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface AwsKmsOptions {
  /** ARN, id or alias of a symmetric key for encrypting. The process needs `kms:Encrypt` and `kms:Decrypt` on it. */
  keyId: string;
  /** Default: where the AWS SDK finds it, in the environment or its files. */
  region?: string;
  /** For a VPC endpoint, or a KMS of one's own. */
  endpoint?: string;
  /** Default: the AWS SDK's chain, roles of the machine included. */
  credentials?: AwsCredentials | (() => Promise<AwsCredentials>);
  /** The name it is stored under, default `aws-kms:` and `keyId`: give one to keep it where the key is called by another name. */
  id?: string;
  /** Milliseconds that one of three tries may take; default 2,000. */
  timeoutMs?: number;
}

/** The name of the one pair in the encryption context: what a key policy can ask for. */
const contextName = "byok-context";
/** Everything together, credentials that have to be fetched included. */
const spareMs = 3_000;

/**
 * @throws ConfigurationError `@aws-sdk/client-kms` is not installed, or an option is missing. Whether the key can be used shows at
 * its first use: as EncryptionError, `details.reason: "root_unavailable"` and AWS's name for it in `details.problem`
 */
export async function awsKmsRootKey(options: AwsKmsOptions): Promise<RootKey> {
  const KeyId = requireText("keyId", options.keyId);
  const id = requireRootKeyId(options.id ?? `aws-kms:${KeyId}`);
  const { DecryptCommand, EncryptCommand, KMSClient } = await loadPeer("@aws-sdk/client-kms", "in AWS KMS", () => import("@aws-sdk/client-kms"));
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const { region, endpoint, credentials } = options;
  const client: KMSClient = new KMSClient({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    // AWS's own retries: exponential, with full jitter, and none where the answer is final.
    maxAttempts: attempts,
    retryMode: "standard",
    requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  });
  await requireRegion(client);
  const limit = () => ({ abortSignal: AbortSignal.timeout(attempts * timeoutMs + spareMs) });

  return Object.freeze({
    id,
    async wrap(plain: Uint8Array, context: Uint8Array) {
      try {
        const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: plain, EncryptionContext: encryptionContext(context) }), limit());
        if (CiphertextBlob?.length) return CiphertextBlob;
      } catch (error) {
        throw rootUnavailable(id, problemOf(error));
      }
      throw rootUnavailable(id, "bad_answer");
    },
    async unwrap(wrapped: Uint8Array, context: Uint8Array) {
      if (wrapped.length === 0) throw doesNotUnwrap(id);
      try {
        const { Plaintext } = await client.send(new DecryptCommand({ KeyId, CiphertextBlob: wrapped, EncryptionContext: encryptionContext(context) }), limit());
        if (Plaintext) return Plaintext;
      } catch (error) {
        const problem = problemOf(error);
        throw refusals.has(problem) ? doesNotUnwrap(id) : rootUnavailable(id, problem);
      }
      throw rootUnavailable(id, "bad_answer");
    },
  });
}

/**
 * KMS's words for "not mine": the bytes or the context were changed, or another key wrapped them. All else is about the key or the
 * way to it. https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html, read 2026-11-24.
 */
const refusals: ReadonlySet<string> = new Set(["InvalidCiphertextException", "IncorrectKeyException"]);

function encryptionContext(context: Uint8Array): Record<string, string> {
  return { [contextName]: Buffer.from(context).toString("base64url") };
}

/** The error's name. Its message and what hangs on it are left behind: of an answer that does not parse they quote the text. */
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  const name = error.name === "Error" ? code : error.name;
  return /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name) ? name : "unknown";
}

async function requireRegion(client: KMSClient): Promise<void> {
  try {
    await client.config.region();
  } catch {
    throw new ConfigurationError("region is not set, and the AWS SDK finds none: set the option, or AWS_REGION.", { details: { field: "region" } });
  }
}

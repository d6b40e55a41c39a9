/**
 * For tests: the part of AWS KMS that a root key talks to, in its wire format (AWS JSON 1.1, one POST to `/` with X-Amz-Target).
 * Shapes and error names from https://docs.aws.amazon.com/kms/latest/APIReference/, read 2026-11-24.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { z } from "zod";
import { startHttpHome, type Answer, type Call, type HttpHome } from "./http-home.fixture.ts";

const asked = z.object({
  KeyId: z.string(),
  Plaintext: z.base64().optional(),
  CiphertextBlob: z.base64().optional(),
  EncryptionContext: z.record(z.string(), z.string()),
});
type Asked = z.infer<typeof asked>;

export interface KmsHome extends HttpHome {
  /** Keys by id or ARN; deleting or disabling one is what an operator does. */
  keys: Map<string, { bytes: Buffer; enabled: boolean }>;
}

export async function startKms(): Promise<KmsHome> {
  const keys: KmsHome["keys"] = new Map();
  const home = await startHttpHome((call) => answerTo(call, keys));
  return Object.assign(home, { keys });
}

function answerTo(call: Call, keys: KmsHome["keys"]): Answer {
  const [, operation] = /^TrentService\.(\w+)$/.exec(String(call.headers["x-amz-target"])) ?? [];
  if (call.method !== "POST" || call.path !== "/" || call.headers["content-type"] !== "application/x-amz-json-1.1") return refusal("UnknownOperationException");
  if (!call.headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=")) return refusal("MissingAuthenticationTokenException");
  const request = asked.parse(JSON.parse(call.body));
  const key = keys.get(request.KeyId);
  if (!key) return refusal("NotFoundException");
  if (!key.enabled) return refusal("DisabledException");
  const answer = operation === "Encrypt" ? encrypt(key.bytes, request) : decrypt(key.bytes, request);
  return answer ? { status: 200, body: JSON.stringify({ ...answer, KeyId: request.KeyId, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" }) } : refusal("InvalidCiphertextException");
}

function encrypt(key: Buffer, { Plaintext = "", EncryptionContext }: Asked) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(aad(EncryptionContext));
  const ciphertext = Buffer.concat([cipher.update(Plaintext, "base64"), cipher.final()]);
  return { CiphertextBlob: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]).toString("base64") };
}

function decrypt(key: Buffer, { CiphertextBlob = "", EncryptionContext }: Asked) {
  const blob = Buffer.from(CiphertextBlob, "base64");
  if (blob.length < 28) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, blob.subarray(0, 12), { authTagLength: 16 })
    .setAAD(aad(EncryptionContext))
    .setAuthTag(blob.subarray(12, 28));
  try {
    return { Plaintext: Buffer.concat([decipher.update(blob.subarray(28)), decipher.final()]).toString("base64") };
  } catch {
    return undefined;
  }
}

function aad(context: Record<string, string>): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).toSorted(([one], [other]) => (one < other ? -1 : 1))));
}

/** An error as KMS answers it. */
export function refusal(type: string, status = 400): Answer {
  return { status, contentType: "application/x-amz-json-1.1", body: JSON.stringify({ __type: type, message: "told by the fixture" }) };
}

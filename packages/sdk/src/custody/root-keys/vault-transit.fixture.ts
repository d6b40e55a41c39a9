/**
 * For tests: the two calls of Vault's transit engine, in its wire format. Paths, fields and messages are those of OpenBao
 * (`builtin/logical/transit/path_encrypt.go`, `path_decrypt.go`, `sdk/helper/keysutil/policy.go`), read 2026-11-24.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { z } from "zod";
import { startHttpHome, type Answer, type Call, type HttpHome } from "./http-home.fixture.ts";

const asked = z.object({ plaintext: z.base64().optional(), ciphertext: z.string().optional(), associated_data: z.base64().default("") });

export interface TransitHome extends HttpHome {
  /** Keys by mount and name, `transit/byok`. */
  keys: Map<string, Buffer>;
  /** Such as Vault before 1.13, which knows no `associated_data`. */
  ignoresContext: boolean;
}

export async function startTransit(token: string): Promise<TransitHome> {
  const more = { keys: new Map<string, Buffer>(), ignoresContext: false };
  const home: TransitHome = Object.assign(await startHttpHome((call) => answerTo(call, token, home)), more);
  return home;
}

function answerTo(call: Call, token: string, { keys, ignoresContext }: TransitHome): Answer {
  const [, mount = "", operation, name = ""] = /^\/v1\/(.+)\/(encrypt|decrypt)\/([^/]+)$/.exec(call.path) ?? [];
  if (call.headers["x-vault-token"] !== token) return refusal(403, "permission denied");
  if (call.method !== "POST" || operation === undefined) return refusal(404, `no handler for route "${call.path}". route entry not found.`);
  const key = keys.get(`${mount}/${name}`);
  if (!key) return refusal(400, "encryption key not found");
  const request = asked.parse(JSON.parse(call.body));
  const context = Buffer.from(ignoresContext ? "" : request.associated_data, "base64");
  return operation === "encrypt" ? encrypt(key, request.plaintext ?? "", context) : decrypt(key, request.ciphertext ?? "", context);
}

function encrypt(key: Buffer, plaintext: string, context: Buffer): Answer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(context);
  const sealed = Buffer.concat([nonce, cipher.update(plaintext, "base64"), cipher.final(), cipher.getAuthTag()]);
  return answer({ ciphertext: `vault:v1:${sealed.toString("base64")}`, key_version: 1 });
}

function decrypt(key: Buffer, ciphertext: string, context: Buffer): Answer {
  const [, version, sealed = ""] = /^vault:v(\d+):(.*)$/.exec(ciphertext) ?? [];
  if (version === undefined) return refusal(400, "invalid ciphertext: no prefix");
  if (version !== "1") return refusal(400, "invalid ciphertext: version is too new");
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < 28) return refusal(400, "invalid ciphertext length");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: 16 }).setAAD(context).setAuthTag(bytes.subarray(-16));
  try {
    return answer({ plaintext: Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString("base64") });
  } catch {
    return refusal(400, "cipher: message authentication failed");
  }
}

function answer(data: object): Answer {
  return { status: 200, body: JSON.stringify({ request_id: "3b1d8d4a", lease_id: "", renewable: false, lease_duration: 0, data, wrap_info: null, warnings: null, auth: null }) };
}

/** An error as Vault answers it. */
export function refusal(status: number, ...errors: string[]): Answer {
  return { status, body: JSON.stringify({ errors }) };
}

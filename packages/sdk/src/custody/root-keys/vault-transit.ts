/**
 * A root key that stays in the transit engine of HashiCorp Vault or OpenBao: two HTTP calls, `encrypt` and `decrypt`, with the
 * context as `associated_data`. Vaults before 1.13 do not know that field and ignore it, so what is wrapped also holds the
 * context's digest, and opens in no other.
 */
import { Agent, request } from "undici";
import { z } from "zod";
import { ConfigurationError, engine, type RootKey } from "@stack-2025/byok-crypto";
import { defaultTimeoutMs, final, withRetries } from "./attempts.ts";
import { doesNotUnwrap, rootUnavailable } from "./failure.ts";
import { requireRootKeyId, requireText } from "./root-key-id.ts";

export interface VaultTransitOptions {
  /** `https://vault.example.com:8200`; plain HTTP only to this machine. */
  address: string;
  /** A token that may update `encrypt/<key>` and `decrypt/<key>`; as a function it is asked for at each use, so that it may be renewed. */
  token: string | (() => string | Promise<string>);
  /** Name of a key of an AEAD type; `aes256-gcm96` is the default of both. */
  key: string;
  /** Where the engine is mounted; default `transit`. */
  mount?: string;
  /** Of Vault Enterprise, HCP or OpenBao. */
  namespace?: string;
  /** The name it is stored under, default `vault-transit:` with mount and key: give one where two Vaults have a key of one name. */
  id?: string;
  /** Milliseconds that one of three tries may take; default 2,000. */
  timeoutMs?: number;
}

const digestBytes = 32;
/** An answer is under 1 kB; one that is not comes from something else. */
const mostAnswerBytes = 64 * 1024;
/** Worth another try besides 5xx: not caught up yet, and too many requests. */
const passing: ReadonlySet<number> = new Set([412, 429]);

const encrypted = z.object({ data: z.object({ ciphertext: z.string().min(1).max(8192) }) });
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) });
const refused = z.object({ errors: z.array(z.string()) });

/** @throws ConfigurationError an option is missing or malformed. Whether the key can be used shows at its first use */
export function vaultTransitRootKey(options: VaultTransitOptions): RootKey {
  const { timeoutMs = defaultTimeoutMs, namespace, token } = options;
  const mount = requirePath("mount", options.mount ?? "transit");
  const key = requirePath("key", options.key);
  const id = requireRootKeyId(options.id ?? `vault-transit:${mount}/${key}`);
  const base = baseOf(options.address);
  const dispatcher = new Agent({ maxResponseSize: mostAnswerBytes, connect: { timeout: timeoutMs } });

  const post = async (operation: "encrypt" | "decrypt", body: object): Promise<unknown> => {
    const headers = { "content-type": "application/json", "x-vault-request": "true", "x-vault-token": await tokenOf(token, id), ...(namespace !== undefined && { "x-vault-namespace": namespace }) };
    return withRetries(async () => {
      const answer = await send(new URL(`v1/${mount}/${operation}/${key}`, base), { headers, body: JSON.stringify(body) });
      if (answer.status === 200) return answer.json;
      if (answer.status === 400 && operation === "decrypt" && isRefusal(answer.json)) throw final(doesNotUnwrap(id));
      const error = rootUnavailable(id, `http_${answer.status}`);
      throw answer.status >= 500 || passing.has(answer.status) ? error : final(error);
    });
  };

  const send = async (url: URL, { headers, body }: { headers: Record<string, string>; body: string }) => {
    try {
      const { statusCode, body: answer } = await request(url, { method: "POST", headers, body, dispatcher, signal: AbortSignal.timeout(timeoutMs) });
      return { status: statusCode, json: jsonOf(await answer.text()) };
    } catch (error) {
      throw rootUnavailable(id, problemOf(error));
    }
  };

  return Object.freeze({
    id,
    async wrap(plain: Uint8Array, context: Uint8Array) {
      const bound = Buffer.concat([engine.sha256(context), plain]);
      try {
        const answer = encrypted.safeParse(await post("encrypt", { plaintext: bound.toString("base64"), associated_data: base64(context) }));
        if (!answer.success) throw rootUnavailable(id, "bad_answer");
        return Uint8Array.from(Buffer.from(answer.data.data.ciphertext, "utf8"));
      } finally {
        engine.wipe(bound);
      }
    },
    async unwrap(wrapped: Uint8Array, context: Uint8Array) {
      const ciphertext = Buffer.from(wrapped).toString("utf8");
      if (!/^[\x21-\x7e]+$/.test(ciphertext)) throw doesNotUnwrap(id);
      const answer = decrypted.safeParse(await post("decrypt", { ciphertext, associated_data: base64(context) }));
      if (!answer.success) throw rootUnavailable(id, "bad_answer");
      const bound = Buffer.from(answer.data.data.plaintext, "base64");
      try {
        if (!engine.equalBytes(bound.subarray(0, digestBytes), engine.sha256(context))) throw doesNotUnwrap(id);
        return Uint8Array.from(bound.subarray(digestBytes));
      } finally {
        engine.wipe(bound);
      }
    },
  });
}

/**
 * Vault answers 400 to all that it holds for the caller's fault; these are about the bytes, the rest about the key.
 * OpenBao, `sdk/helper/keysutil/policy.go` and Go's `crypto/cipher`, read 2026-11-24.
 */
function isRefusal(json: unknown): boolean {
  const answer = refused.safeParse(json);
  return answer.success && answer.data.errors.some((error) => /message authentication failed|^invalid ciphertext/.test(error));
}

function baseOf(address: string): URL {
  const url = URL.parse(requireText("address", address).replace(/\/*$/, "/"));
  const isPlain = url?.protocol === "http:" && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url && (url.protocol === "https:" || isPlain) && url.username === "" && url.password === "" && url.search === "" && url.hash === "") return url;
  throw new ConfigurationError(
    "address is not a plain https:// URL of a Vault, or an http:// one of this machine: keys would travel in the clear, or to nowhere.",
    { details: { field: "address" } },
  );
}

/** Names as Vault allows them; so no path leads elsewhere. */
function requirePath(field: string, value: unknown): string {
  const path = requireText(field, value).replaceAll(/^\/+|\/+$/g, "");
  if (path.split("/").every((part) => /^\w(?:[\w.-]*\w)?$/.test(part)) && (field === "mount" || !path.includes("/"))) return path;
  throw new ConfigurationError(`${field} is not a name of letters, digits, "_", "-" and ".".`, { details: { field } });
}

async function tokenOf(token: VaultTransitOptions["token"], id: string): Promise<string> {
  const value = typeof token === "function" ? await token() : token;
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  throw rootUnavailable(id, "no_token");
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Undefined where it is none: the parser's message would quote it. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError") return "timeout";
  return "code" in error && typeof error.code === "string" && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : "unreachable";
}

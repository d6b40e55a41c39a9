/**
 * A root key that stays in an HSM, reached through PKCS#11. It wraps with `CKM_AES_GCM` under a nonce of ours, the context being
 * the additional data: version(1) nonce(12) ciphertext tag(16). A token that insists on nonces of its own is refused at the first
 * wrap, since each one is unwrapped again before it is given out.
 */
import { ConfigurationError, EncryptionError, engine, type RootKey } from "@stack-2025/byok-crypto";
import { defaultTimeoutMs } from "./attempts.ts";
import { doesNotUnwrap, rootUnavailable } from "./failure.ts";
import { loadPeer } from "./load-peer.ts";
import { openToken, type Pkcs11Package, type TokenPlace } from "./pkcs11-token.ts";
import { requireRootKeyId, requireText } from "./root-key-id.ts";

export interface Pkcs11Options extends TokenPlace {
  /** The name it is stored under, default `pkcs11:` with token and key. */
  id?: string;
  /** Milliseconds that the token may take for a call; default 2,000. One that takes longer is not asked again until it answers. */
  timeoutMs?: number;
}

const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const sealedAt = 1 + nonceBytes;

/**
 * @throws ConfigurationError `pkcs11js` is not installed or not built, the module does not load, or an option is missing. Whether
 * token, PIN and key are right shows at the first use: as EncryptionError, `details.reason: "root_unavailable"` and the token's
 * word in `details.problem`
 */
export async function pkcs11RootKey(options: Pkcs11Options): Promise<RootKey> {
  const { default: pkcs11js } = await loadPeer("pkcs11js", "in an HSM", () => import("pkcs11js"));
  return pkcs11RootKeyWith(pkcs11js, options);
}

/** The same, with a copy of the package that the caller has loaded. */
export function pkcs11RootKeyWith(pkcs11js: Pkcs11Package, options: Pkcs11Options): RootKey {
  const { label, slot, keyLabel, timeoutMs = defaultTimeoutMs } = options;
  for (const field of ["module", "pin", "keyLabel"] as const) requireText(field, options[field]);
  if ((label === undefined) === (slot === undefined)) throw new ConfigurationError("One of label and slot has to be given, and not both.", { details: { field: "label" } });
  const id = requireRootKeyId(options.id ?? `pkcs11:${label ?? slot}/${keyLabel}`.replaceAll(" ", "_"));
  const token = openToken(pkcs11js, id, options, timeoutMs);

  const opens = async (sealed: Uint8Array, plain: Uint8Array, nonce: Uint8Array, context: Uint8Array): Promise<boolean> => {
    try {
      const again = await token.decrypt(sealed, nonce, context);
      const isSame = engine.equalBytes(again, plain);
      engine.wipe(again);
      return isSame;
    } catch (error) {
      if (error instanceof EncryptionError && error.details["reason"] === undefined) return false;
      throw error;
    }
  };

  return Object.freeze({
    id,
    async wrap(plain: Uint8Array, context: Uint8Array) {
      const nonce = engine.randomBytes(nonceBytes);
      const sealed = await token.encrypt(plain, nonce, context);
      if (!(await opens(sealed, plain, nonce, context))) throw rootUnavailable(id, "nonce_ignored");
      return Uint8Array.of(formatVersion, ...nonce, ...sealed);
    },
    async unwrap(wrapped: Uint8Array, context: Uint8Array) {
      if (wrapped[0] !== formatVersion || wrapped.length < sealedAt + tagBytes) throw doesNotUnwrap(id);
      return token.decrypt(wrapped.subarray(sealedAt), wrapped.subarray(1, sealedAt), context);
    },
  });
}

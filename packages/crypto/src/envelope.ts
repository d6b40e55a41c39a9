/**
 * The byte format of everything sealed or wrapped, and the one place that calls the cipher. Envelope v1, suite 1:
 *
 *     version(1) suite(1) keyVersion(4, big-endian) salt(32) commitment(32) nonce(12) ciphertext tag(16)
 *
 * HKDF-SHA256(key, salt, context) gives 64 bytes: the AES-256-GCM key of this one envelope, and a commitment to it.
 * Plain GCM does not commit: one ciphertext can be made that opens under two keys. So the commitment is compared, in
 * constant time, before the cipher runs. And since each envelope has a cipher key of its own, no key ever meets 2^32 random
 * nonces (NIST SP 800-38D section 8.3). The idea is that of the committing suites of the AWS Encryption SDK.
 */
import { engine, type Engine, type SymmetricKey } from "./engine.ts";
import { EncryptionError } from "./errors.ts";

export const envelopeVersion = 1;
export const envelopeSuite = 1;

const keyVersionAt = 2;
const saltAt = 6;
const commitmentAt = saltAt + 32;
const nonceAt = commitmentAt + 32;
const sealedAt = nonceAt + 12;
const tagBytes = 16;

/**
 * @param keyVersion the version of `key`, 1 to 2^32-1; it stands in the header, so that opening never tries keys in turn
 * @param context what the envelope is bound to; see `contextOf`
 * @throws RangeError on a version out of range; whatever a failing random generator throws
 */
export function sealEnvelope(
  key: SymmetricKey,
  keyVersion: number,
  plain: Uint8Array,
  context: Uint8Array,
  using: Engine = engine,
): Uint8Array {
  requireVersion(keyVersion);
  const random = using.randomBytes(32 + 12);
  const salt = random.subarray(0, 32);
  const nonce = random.subarray(32);
  const derived = derive(using, key, salt, context);
  const sealed = using.sealGcm(derived.cipherKey, nonce, plain, context);

  const envelope = new Uint8Array(sealedAt + sealed.length);
  envelope[0] = envelopeVersion;
  envelope[1] = envelopeSuite;
  new DataView(envelope.buffer).setUint32(keyVersionAt, keyVersion);
  envelope.set(salt, saltAt);
  envelope.set(derived.commitment, commitmentAt);
  envelope.set(nonce, nonceAt);
  envelope.set(sealed, sealedAt);
  return envelope;
}

/**
 * @param keyVersion the version of `key`; an envelope that names another is refused
 * @throws EncryptionError always the same, whether header, commitment, context or tag is to blame
 */
export function openEnvelope(
  key: SymmetricKey,
  keyVersion: number,
  envelope: Uint8Array,
  context: Uint8Array,
  using: Engine = engine,
): Uint8Array {
  if (envelopeKeyVersion(envelope) !== keyVersion) throw doesNotOpen();
  if (envelope.length < sealedAt + tagBytes) throw doesNotOpen();
  const { cipherKey, commitment } = derive(using, key, envelope.subarray(saltAt, commitmentAt), context);
  if (!using.equalBytes(commitment, envelope.subarray(commitmentAt, nonceAt))) throw doesNotOpen();
  try {
    return using.openGcm(cipherKey, envelope.subarray(nonceAt, sealedAt), envelope.subarray(sealedAt), context);
  } catch {
    // The engine's own error would tell a forger which check failed.
    throw doesNotOpen();
  }
}

/**
 * Which version of its key an envelope was made with, read from the header and not yet authenticated: good for choosing the
 * key to open it with, and for nothing else.
 *
 * @throws EncryptionError `details.reason: "unsupported_envelope"` on a version or suite that this release does not know
 */
export function envelopeKeyVersion(envelope: Uint8Array): number {
  if (envelope.length === 0) throw doesNotOpen();
  if (envelope[0] !== envelopeVersion) throw doesNotOpen("unsupported_envelope");
  if (envelope.length < saltAt) throw doesNotOpen();
  if (envelope[1] !== envelopeSuite) throw doesNotOpen("unsupported_envelope");
  const version = new DataView(envelope.buffer, envelope.byteOffset).getUint32(keyVersionAt);
  if (version === 0) throw doesNotOpen();
  return version;
}

/** The one error of everything that does not open (SECURITY S-09). */
export function doesNotOpen(reason?: "unsupported_envelope"): EncryptionError {
  return new EncryptionError(
    "A sealed value does not open: it was changed, moved from its place, or sealed under another key. Restore it from a backup, or store the key again.",
    reason === undefined ? {} : { details: { reason } },
  );
}

/** @throws RangeError on anything but a whole number from 1 to 2^32-1 */
export function requireVersion(version: number): number {
  if (version >>> 0 !== version || version === 0) throw new RangeError(`A version is a whole number from 1 to 4294967295, not ${version}.`);
  return version;
}

function derive(using: Engine, key: SymmetricKey, salt: Uint8Array, context: Uint8Array): { cipherKey: SymmetricKey; commitment: Uint8Array } {
  const bytes = using.hkdf(key, salt, context, 64);
  const cipherKey = using.importKey(bytes.subarray(0, 32));
  const commitment = bytes.slice(32);
  using.wipe(bytes);
  return { cipherKey, commitment };
}

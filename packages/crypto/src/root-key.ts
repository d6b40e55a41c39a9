/**
 * The key above all keys. It is made once, at start, from a passphrase or from 32 bytes, or stays in a KMS, an HSM or Vault
 * behind the same three members; nothing below knows the difference. It wraps the installation keys and nothing else.
 */
import { contextOf } from "./context.ts";
import { engine, type SymmetricKey } from "./engine.ts";
import { readEncryptionKey } from "./encryption-key.ts";
import { openEnvelope, sealEnvelope } from "./envelope.ts";
import { ConfigurationError, EncryptionError } from "./errors.ts";
import { hex } from "./encoding.ts";
import { labels } from "./labels.ts";

/** A root key of any kind. `context` is authenticated with what is wrapped, and must be the same bytes to unwrap. */
export interface RootKey {
  /** A public name, stored beside what it wraps: which root key is needed, not what it is. */
  readonly id: string;
  wrap(plain: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
  /**
   * Rejects with an `EncryptionError` where the bytes or the context are not those of a `wrap` under this key; any other
   * rejection means that the key's service is away. The bytes are handed over: they are wiped after use.
   */
  unwrap(wrapped: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
}

/** How a passphrase becomes a root key in one installation. Public, stored in the database, and therefore not trusted. */
export interface Derivation {
  /** At least 16 bytes. */
  salt: Uint8Array;
  /** Of PBKDF2-HMAC-SHA256: 600,000 to 10,000,000. */
  iterations: number;
}

/** OWASP's number for PBKDF2-HMAC-SHA256 (password storage cheat sheet, read 2026-11-24). */
const leastIterations = 600_000;
const mostIterations = 10_000_000;
const leastSaltBytes = 16;

/** Envelopes name a version of their key; a root key has an id in its stead, and this number. */
const rootVersion = 1;

/** A derivation for a new installation: 32 random bytes of salt, 600,000 iterations. */
export const newDerivation = (): Derivation => ({ salt: engine.randomBytes(32), iterations: leastIterations });

/**
 * The root key from the option `encryptionKey` (setting `BYOK_ENCRYPTION_KEY`): a passphrase, 32 bytes, `base64:…`, `hex:…`,
 * or a `RootKey`, which is returned as it is. A passphrase takes about 100 ms (PBKDF2); everything else takes none.
 *
 * @throws ConfigurationError on anything else, on a weak or example value, and, before deriving, on a derivation that a
 * database writer has weakened or made endless. No message quotes the value.
 */
export async function rootKeyFrom(encryptionKey: string | Uint8Array | RootKey | undefined, derivation: Derivation): Promise<RootKey> {
  const given = readEncryptionKey(encryptionKey);
  if (given.kind === "root") return given.root;
  try {
    requireSound(derivation);
    if (given.kind === "bytes") return rootKeyOf(engine.importKey(given.bytes));
    const bytes = await engine.pbkdf2(given.passphrase, derivation.salt, derivation.iterations);
    try {
      return rootKeyOf(engine.importKey(bytes));
    } finally {
      engine.wipe(bytes);
    }
  } finally {
    engine.wipe(given.kind === "bytes" ? given.bytes : given.passphrase);
  }
}

/**
 * A record to store when the installation is made. It opens under this root, in this installation, and proves the root key
 * at every later start before anything is written.
 */
export async function makeRootCheck(root: RootKey, installationId: string): Promise<Uint8Array> {
  const { context, proof } = rootCheck(root, installationId);
  return wrapUnder(root, proof, context);
}

/**
 * Whether `root` is the key that made `check` for this installation.
 *
 * @throws EncryptionError where that cannot be told: the root key's service is away, or the record is of another release
 */
export async function proveRootKey(root: RootKey, installationId: string, check: Uint8Array): Promise<boolean> {
  const { context, proof } = rootCheck(root, installationId);
  try {
    return engine.equalBytes(await unwrapUnder(root, check, context), proof);
  } catch (error) {
    if (error instanceof EncryptionError && error.details["reason"] === undefined) return false;
    throw error;
  }
}

/** `root.wrap`, with whatever its service threw as our error. */
export async function wrapUnder(root: RootKey, plain: Uint8Array, context: Uint8Array): Promise<Uint8Array> {
  try {
    return ownBytes(await root.wrap(plain, context), plain);
  } catch (error) {
    throw asEncryptionError(root, error);
  }
}

/** `root.unwrap`, with whatever its service threw as our error. The bytes are the caller's to wipe. */
export async function unwrapUnder(root: RootKey, wrapped: Uint8Array, context: Uint8Array): Promise<Uint8Array> {
  try {
    return ownBytes(await root.unwrap(wrapped, context), wrapped);
  } catch (error) {
    throw asEncryptionError(root, error);
  }
}

function rootKeyOf(key: SymmetricKey): RootKey {
  return Object.freeze({
    id: `root_${hex(engine.hmac(key, contextOf(labels.rootId)).subarray(0, 8))}`,
    wrap: async (plain: Uint8Array, context: Uint8Array) => sealEnvelope(key, rootVersion, plain, contextOf(labels.rootWrap, context)),
    unwrap: async (wrapped: Uint8Array, context: Uint8Array) =>
      openEnvelope(key, rootVersion, wrapped, contextOf(labels.rootWrap, context)),
  });
}

function rootCheck(root: RootKey, installationId: string): { context: Uint8Array; proof: Uint8Array } {
  const context = contextOf(labels.rootCheck, installationId, root.id);
  return { context, proof: engine.sha256(context) };
}

function requireSound({ salt, iterations }: Derivation): void {
  if (!Number.isSafeInteger(iterations) || iterations < leastIterations || iterations > mostIterations) {
    throw new ConfigurationError(
      `The installation's stored derivation says ${iterations} iterations; ${leastIterations} to ${mostIterations} are accepted. ` +
        "Somebody has changed the row in table installation: restore it from a backup.",
      { details: { field: "installation.iterations" } },
    );
  }
  if (!(salt instanceof Uint8Array) || salt.length < leastSaltBytes) {
    throw new ConfigurationError(
      `The installation's stored salt is shorter than ${leastSaltBytes} bytes. ` +
        "Somebody has changed the row in table installation: restore it from a backup.",
      { details: { field: "installation.salt" } },
    );
  }
}

/** A service of the caller's own may answer with anything, its argument included, which somebody else will wipe. */
function ownBytes(answer: unknown, argument: Uint8Array): Uint8Array {
  if (!(answer instanceof Uint8Array)) throw new TypeError("A RootKey answers with a Uint8Array.");
  return answer.buffer === argument.buffer ? Uint8Array.from(answer) : answer;
}

function asEncryptionError(root: RootKey, error: unknown): EncryptionError {
  if (error instanceof EncryptionError) return error;
  return new EncryptionError(`The service of root key ${root.id} failed. Check that it can be reached and that this process may use the key.`, {
    details: { reason: "root_unavailable", rootKeyId: root.id },
    cause: error,
  });
}

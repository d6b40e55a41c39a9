/**
 * A token of an HSM: found, logged into and asked. It is connected when it is first needed, and again after it failed; each call
 * has a session of its own. The standard has no way to break a call off, so one that hangs keeps a thread of this process: then
 * nothing more is asked of that token until it answers.
 */
import type { Handle, Mechanism, PKCS11 } from "pkcs11js";
import { ConfigurationError, EncryptionError, engine } from "@stack-2025/byok-crypto";
import { final, withRetries } from "./attempts.ts";
import { doesNotUnwrap, rootUnavailable } from "./failure.ts";

/** The package `pkcs11js`. */
export type Pkcs11Package = typeof import("pkcs11js");

/** Where a key is. */
export interface TokenPlace {
  /** Path of the vendor's PKCS#11 library. */
  module: string;
  /** The token by its label, which stays when slots are numbered anew. Either this or `slot`. */
  label?: string;
  /** The token by the id of its slot. */
  slot?: number;
  /** The user's PIN. A token that refuses it is not asked again by this process: many lock after a few. */
  pin: string;
  /** Label of an AES key on the token that may encrypt and decrypt; there has to be exactly one. */
  keyLabel: string;
}

export interface Token {
  /** `CKM_AES_GCM`, a tag of 16 bytes at the end. @throws EncryptionError `root_unavailable` */
  encrypt(plain: Uint8Array, nonce: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
  /** @throws EncryptionError `root_unavailable`, or without a reason where nonce, context and bytes are not those of `encrypt` */
  decrypt(sealed: Uint8Array, nonce: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
}

interface Connection {
  slot: Handle;
  key: Handle;
  /** Held open: a user is logged in as long as one session lives. */
  login: Handle;
}

type Call = (session: Handle, mechanism: Mechanism, key: Handle) => Promise<Buffer>;

/** Return values of PKCS #11 3.1, section 2.1.4 of its header (OASIS, read 2026-11-24). */
const userAlreadyLoggedIn = 0x100;
const alreadyInitialized = 0x191;
const pinRefused: ReadonlySet<number> = new Set([0xa0, 0xa1, 0xa2, 0xa3, 0xa4]);
/** Encrypted data invalid, of a wrong length, not authentic. */
const dataRefused: ReadonlySet<number> = new Set([0x40, 0x41, 0x42]);
/** General error and function failed: what some, SoftHSM among them, say of a bad tag, and others of a broken token. */
const unclear: ReadonlySet<number> = new Set([0x05, 0x06]);
const tagBytes = 16;

/** The token will not open these bytes, or says no more than that something failed. */
class DataRefused extends Error {
  readonly isClear: boolean;
  constructor(problem: string, isClear: boolean) {
    super(problem);
    this.isClear = isClear;
  }
}

/** @throws ConfigurationError the module does not load. The token itself is first looked for when it is needed */
export function openToken(pkcs11js: Pkcs11Package, rootKeyId: string, place: TokenPlace, timeoutMs: number): Token {
  const module = loadModule(pkcs11js, place.module);
  let connection: Connection | undefined;
  let refusal: EncryptionError | undefined;
  let isHanging = false;

  const call = (nonce: Uint8Array, context: Uint8Array, start: Call): Promise<Uint8Array> =>
    withRetries(async () => {
      if (isHanging) throw final(rootUnavailable(rootKeyId, "timeout"));
      if (refusal) throw final(refusal);
      try {
        connection ??= connect(pkcs11js, module, place);
        return await inSession(connection, nonce, context, start);
      } catch (error) {
        throw judged(error);
      }
    });

  const inSession = async ({ slot, key }: Connection, nonce: Uint8Array, context: Uint8Array, start: Call): Promise<Uint8Array> => {
    const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
    const answer = start(session, gcm(pkcs11js, nonce, context), key).finally(() => closeSession(module, session));
    const bytes = await withinTime(answer, timeoutMs, () => {
      isHanging = true;
      const settled = (): void => {
        isHanging = false;
      };
      answer.then(settled, settled);
      return final(rootUnavailable(rootKeyId, "timeout"));
    });
    const own = Uint8Array.from(bytes);
    engine.wipe(bytes);
    return own;
  };

  const judged = (error: unknown): Error => {
    if (error instanceof DataRefused) return final(error);
    if (!(error instanceof Error) || !("code" in error)) return error instanceof Error ? error : new Error("a token threw what is no error");
    const unavailable = rootUnavailable(rootKeyId, problemOf(error));
    if (typeof error.code === "number" && pinRefused.has(error.code)) refusal = unavailable;
    // What was opened may belong to a token that has restarted since: the next try begins anew.
    if (connection) closeSession(module, connection.login);
    connection = undefined;
    return refusal ? final(refusal) : unavailable;
  };

  const decryptOnce = (sealed: Uint8Array, nonce: Uint8Array, context: Uint8Array) =>
    call(nonce, context, async (session, mechanism, key) => {
      module.C_DecryptInit(session, mechanism, key);
      try {
        return await module.C_DecryptAsync(session, Buffer.from(sealed), Buffer.alloc(sealed.length));
      } catch (error) {
        const code = error instanceof Error && "code" in error ? Number(error.code) : 0;
        throw dataRefused.has(code) || unclear.has(code) ? new DataRefused(problemOf(error), dataRefused.has(code)) : error;
      }
    });

  const token: Token = {
    encrypt: (plain, nonce, context) =>
      call(nonce, context, async (session, mechanism, key) => {
        module.C_EncryptInit(session, mechanism, key);
        return module.C_EncryptAsync(session, Buffer.from(plain), Buffer.alloc(plain.length + tagBytes));
      }),
    async decrypt(sealed, nonce, context) {
      try {
        return await decryptOnce(sealed, nonce, context);
      } catch (error) {
        if (!(error instanceof DataRefused)) throw error;
        if (error.isClear || (await isWorking())) throw doesNotUnwrap(rootKeyId);
        throw rootUnavailable(rootKeyId, error.message);
      }
    },
  };

  /** A token that opens what it has just made is not broken: what it did not open is to blame. */
  const isWorking = async (): Promise<boolean> => {
    const [nonce, plain] = [engine.randomBytes(12), engine.randomBytes(32)];
    const sealed = await token.encrypt(plain, nonce, new Uint8Array(1));
    try {
      return engine.equalBytes(await decryptOnce(sealed, nonce, new Uint8Array(1)), plain);
    } catch (error) {
      if (error instanceof DataRefused) return false;
      throw error;
    }
  };

  return token;
}

function loadModule(pkcs11js: Pkcs11Package, path: string): PKCS11 {
  const module = new pkcs11js.PKCS11();
  try {
    module.load(path);
    module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  } catch (error) {
    // Another root key of this process, or the host program, was first. It is initialized once for all, and never finalized.
    if (error instanceof Error && "code" in error && error.code === alreadyInitialized) return module;
    throw new ConfigurationError(`The PKCS#11 module does not load (${problemOf(error)}). Set module to the path of the vendor's library.`, {
      details: { field: "module" },
    });
  }
  return module;
}

function connect(pkcs11js: Pkcs11Package, module: PKCS11, place: TokenPlace): Connection {
  const slot = findSlot(module, place);
  const login = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
  try {
    logIn(pkcs11js, module, login, place.pin);
    return { slot, login, key: findKey(pkcs11js, module, login, place.keyLabel) };
  } catch (error) {
    closeSession(module, login);
    throw error;
  }
}

function findSlot(module: PKCS11, { label, slot: wanted }: TokenPlace): Handle {
  const slots = module.C_GetSlotList(true);
  const [found, ...others] = slots.filter((slot) => (label === undefined ? idOf(slot) === wanted : labelOf(module, slot) === label));
  if (!found) throw new Missing("token_not_found");
  if (others.length > 0) throw new Missing("several_tokens");
  return found;
}

function logIn(pkcs11js: Pkcs11Package, module: PKCS11, session: Handle, pin: string): void {
  try {
    module.C_Login(session, pkcs11js.CKU_USER, pin);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === userAlreadyLoggedIn)) throw error;
  }
}

function findKey(pkcs11js: Pkcs11Package, module: PKCS11, session: Handle, label: string): Handle {
  module.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
    { type: pkcs11js.CKA_LABEL, value: label },
  ]);
  try {
    const [found, another] = module.C_FindObjects(session, 2);
    if (!found) throw new Missing("key_not_found");
    if (another) throw new Missing("several_keys");
    return found;
  } finally {
    module.C_FindObjectsFinal(session);
  }
}

/** Something of the place is not there, or there twice. */
class Missing extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

function gcm(pkcs11js: Pkcs11Package, nonce: Uint8Array, context: Uint8Array): Mechanism {
  const parameter = { type: pkcs11js.CK_PARAMS_AES_GCM_v240, iv: Buffer.from(nonce), ivBits: nonce.length * 8, aad: Buffer.from(context), tagBits: tagBytes * 8 };
  return { mechanism: pkcs11js.CKM_AES_GCM, parameter };
}

/** A session that cannot be closed is one that its token has forgotten. */
function closeSession(module: PKCS11, session: Handle): boolean {
  try {
    module.C_CloseSession(session);
    return true;
  } catch {
    return false;
  }
}

async function withinTime<Result>(work: Promise<Result>, timeoutMs: number, late: () => Error): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A slot's id, as tools print it. Handles are little-endian on every platform that the package is built for. */
function idOf(slot: Handle): number {
  return slot.readUIntLE(0, Math.min(slot.length, 6));
}

/** Labels are filled up to 32 bytes. */
function labelOf(module: PKCS11, slot: Handle): string {
  return module.C_GetTokenInfo(slot).label.replace(/[\s\0]+$/, "");
}

/** The standard's word for it; what a module says besides is left behind. */
function problemOf(error: unknown): string {
  if (error instanceof Missing) return error.code;
  return error instanceof Error && /^CKR_[A-Z0-9_]{1,60}$/.test(error.message) ? error.message : "pkcs11_failure";
}

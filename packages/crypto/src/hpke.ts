/**
 * The HPKE suite of sealed keys (RFC 9180), in and out of bytes: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, over the
 * WebCrypto of Node and browsers. The library is imported when something is sealed or opened: who never does never loads it.
 */
import type { CipherSuite } from "@hpke/core";

/** Public and private half, 32 bytes each. */
export interface KeyPair {
  publicKey: Uint8Array;
  privateKey: Uint8Array;
}

/** One message: the public half of the key pair that was made for it, and ciphertext with tag. */
export interface Message {
  enc: Uint8Array;
  sealed: Uint8Array;
}

/** What both sides have to say alike for a message to open. */
export interface Agreed {
  info: Uint8Array;
  aad: Uint8Array;
}

/** A new object each time: it costs nothing beside a scalar multiplication, and leaves no state in the module. */
export async function hpkeSuite(): Promise<CipherSuite> {
  const { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } = await import("@hpke/core");
  return new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
}

/** A key pair of the platform's generator. */
export async function generateKeyPair(): Promise<KeyPair> {
  const { kem } = await hpkeSuite();
  const pair = await kem.generateKeyPair();
  const [publicKey, privateKey] = await Promise.all([kem.serializePublicKey(pair.publicKey), kem.serializePrivateKey(pair.privateKey)]);
  return { publicKey: new Uint8Array(publicKey), privateKey: new Uint8Array(privateKey) };
}

/** The private key times the base point, 9: not every browser gives the public half of an imported key out by an export. */
export async function publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array> {
  const { kem } = await hpkeSuite();
  const base = new Uint8Array(32);
  base[0] = 9;
  const [key, basePoint] = await Promise.all([kem.deserializePrivateKey(privateKey), kem.deserializePublicKey(base)]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: basePoint }, key, 256));
}

/** @param senderKey private key of the sealer: mode auth; without it mode base */
export async function sealOnce(publicKey: Uint8Array, senderKey: Uint8Array | undefined, plain: Uint8Array, { info, aad }: Agreed): Promise<Message> {
  const suite = await hpkeSuite();
  const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
  const sender = senderKey && { senderKey: await suite.kem.deserializePrivateKey(senderKey) };
  const { enc, ct } = await suite.seal({ recipientPublicKey, ...sender, info }, plain, aad);
  return { enc: new Uint8Array(enc), sealed: new Uint8Array(ct) };
}

/** @param senderPublicKey public key of the sealer: mode auth; without it mode base */
export async function openOnce(
  privateKey: Uint8Array,
  senderPublicKey: Uint8Array | undefined,
  { enc, sealed }: Message,
  { info, aad }: Agreed,
): Promise<Uint8Array> {
  const suite = await hpkeSuite();
  const recipientKey = await suite.kem.deserializePrivateKey(privateKey);
  const sender = senderPublicKey && { senderPublicKey: await suite.kem.deserializePublicKey(senderPublicKey) };
  return new Uint8Array(await suite.open({ recipientKey, ...sender, enc, info }, sealed, aad));
}

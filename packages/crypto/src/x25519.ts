/**
 * Which 32 bytes are a public key of X25519 (RFC 7748). WebCrypto takes any 32 bytes and refuses a shared secret of zeros only
 * when it has been made, if at all; here keys that give one are told by looking at them, alike on every platform.
 */
import { hex } from "./encoding.ts";

export const keyBytes = 32;

/**
 * The points of low order, little-endian: with them every private key makes one and the same secret, zero.
 * From https://cr.yp.to/ecdh.html, read 2026-11-24; its further spellings of the same points are not canonical.
 */
const lowOrder: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/**
 * Whether `bytes` can be what a sound generator made: 32 bytes, below 2^255-19, not of low order. X25519 itself reads larger
 * numbers too, which would give one key two spellings and so two names.
 */
export function isPublicKey(bytes: Uint8Array): boolean {
  return bytes.length === keyBytes && isCanonical(bytes) && !lowOrder.has(hex(bytes));
}

function isCanonical(bytes: Uint8Array): boolean {
  const [first = 0] = bytes;
  const last = bytes[keyBytes - 1] ?? 0;
  if (last !== 0x7f) return last < 0x7f;
  return first < 0xed || bytes.subarray(1, keyBytes - 1).some((byte) => byte !== 0xff);
}

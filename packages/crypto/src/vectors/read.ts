/** Reads the published test vectors. For tests only. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What every case of a Wycheproof file has; sizes in bits, from its group. */
export interface Case {
  tcId: number;
  result: "valid" | "invalid";
  ivSize?: number;
}

/** The cases of a Wycheproof file, apart by what must become of them. */
export function wycheproof<Vector>(file: string): Record<Case["result"], (Vector & Case)[]> {
  const { testGroups }: { testGroups: { ivSize?: number; tests: (Vector & Case)[] }[] } = JSON.parse(textOf(file));
  const cases = testGroups.flatMap(({ ivSize, tests }) => tests.map((one) => (ivSize === undefined ? one : { ...one, ivSize })));
  return { valid: cases.filter(({ result }) => result === "valid"), invalid: cases.filter(({ result }) => result === "invalid") };
}

/** The cases of RFC 7914 section 11. */
export function rfc7914(): { passwordUtf8: string; saltUtf8: string; iterationCount: number; dk: string }[] {
  const { tests }: { tests: ReturnType<typeof rfc7914> } = JSON.parse(textOf("pbkdf2_rfc7914.json"));
  return tests;
}

/** The cases of X25519: what must give its secret, and what must be refused (RFC 7748 section 6.1, RFC 9180 section 7.1.4). */
export function x25519(): Record<"good" | "zeroSecret", X25519Case[]> {
  const { testGroups }: { testGroups: { tests: X25519Case[] }[] } = JSON.parse(textOf("x25519.json"));
  const { good = [], zeroSecret = [] } = Object.groupBy(
    testGroups.flatMap(({ tests }) => tests),
    ({ flags }) => (flags.includes("ZeroSharedSecret") ? "zeroSecret" : "good"),
  );
  return { good, zeroSecret };
}

export interface X25519Case {
  tcId: number;
  public: string;
  private: string;
  shared: string;
  flags: string[];
}

/** The contexts of RFC 9180 for our suite: mode 0 is base, 2 is auth. All bytes in hexadecimal. */
export function hpke(): HpkeContext[] {
  const { vectors }: { vectors: HpkeContext[] } = JSON.parse(textOf("hpke_x25519_hkdfsha256_aes256gcm.json"));
  return vectors;
}

/** `pkEm` is what RFC 9180 calls enc. */
export interface HpkeContext {
  mode: 0 | 2;
  info: string;
  ikmR: string;
  skRm: string;
  pkRm: string;
  ikmE: string;
  pkEm: string;
  skSm?: string;
  pkSm?: string;
  encryptions: { seq: number; aad: string; pt: string; ct: string }[];
  exports: { exporter_context: string; L: number; exported_value: string }[];
}

function textOf(file: string): string {
  return readFileSync(join(import.meta.dirname, file), "utf8");
}

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

function textOf(file: string): string {
  return readFileSync(join(import.meta.dirname, file), "utf8");
}

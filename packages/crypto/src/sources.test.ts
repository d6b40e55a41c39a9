import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { labels } from "./labels.ts";

const sources = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => ({ name, text: readFileSync(join(import.meta.dirname, name), "utf8") }));
const filesWith = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name);
const timesIn = (file: string, pattern: RegExp) => sources.find(({ name }) => name === file)?.text.match(pattern)?.length ?? 0;

describe("S-08 labels", () => {
  const all = Object.values(labels);

  it("are all different, and none is the beginning of another", () => {
    for (const one of all) expect(all.filter((other) => other.startsWith(one))).toEqual([one]);
  });

  it("carry product and version", () => {
    for (const one of all) expect(one).toMatch(/^byok\/1\/[a-z-]+$/);
  });

  it("are written down in labels.ts and nowhere else", () => {
    expect(filesWith(/byok\/\d/)).toEqual(["labels.ts"]);
  });
});

describe("S-07 the cipher", () => {
  it("is called at one place, with a key that HKDF made for that envelope", () => {
    expect(filesWith(/\.(?:sealGcm|openGcm)\(/)).toEqual(["envelope.ts"]);
    expect(timesIn("envelope.ts", /\.sealGcm\(/g)).toBe(1);
    expect(timesIn("envelope.ts", /\.openGcm\(/g)).toBe(1);
    expect(timesIn("envelope.ts", /sealGcm\(derived\.cipherKey,/g)).toBe(1);
    expect(timesIn("envelope.ts", /importKey\(/g)).toBe(1);
  });

  it("comes from node:crypto or noble in the engines, and nowhere else", () => {
    expect(filesWith(/createCipheriv|createDecipheriv/)).toEqual(["engine-node.ts"]);
    expect(filesWith(/@noble\//).filter((name) => name !== "engine.ts")).toEqual(["engine-portable.ts"]);
  });
});

describe("HPKE", () => {
  it("S-97 beside noble it is the only thing from outside, imported in one file, and only when something is sealed or opened", () => {
    const outside = sources.flatMap(({ text }) => [...text.matchAll(/(?:from|import\() ?"([^".#][^"]*)"/g)].map(([, name = ""]) => name));
    expect(new Set(outside.map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0]))).toEqual(
      new Set(["node:crypto", "node:util", "@noble/ciphers", "@noble/hashes", "@hpke/core"]),
    );
    expect(filesWith(/@hpke\//)).toEqual(["hpke.ts"]);
    expect(timesIn("hpke.ts", /@hpke\//g)).toBe(2);
    expect(timesIn("hpke.ts", /import type \{ CipherSuite \} from "@hpke\/core"|await import\("@hpke\/core"\)/g)).toBe(2);
  });
});

describe("S-06 randomness", () => {
  it("never comes from Math.random", () => {
    expect(filesWith(/Math\.random/)).toEqual([]);
  });
});

describe("a browser", () => {
  it("meets nothing of Node outside the Node engine", () => {
    expect(filesWith(/from "node:|\bBuffer\.|process\./)).toEqual(["engine-node.ts"]);
    expect(filesWith(/engine-node\.ts|engine-portable\.ts/)).toEqual([]);
  });
});

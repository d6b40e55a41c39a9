import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { contextOf, lengthPrefixed } from "../context.ts";
import { fromBase64url, fromHex, hex } from "../encoding.ts";
import { engine } from "../engine.ts";
import { openOnce } from "../hpke.ts";
import { sealingKeyId, unsealKeyData } from "../sealed.ts";
import { sealedHeader } from "../sealed-text.ts";

interface Golden {
  privateKey: string;
  publicKey: string;
  keyId: string;
  provider: string;
  keyData: Record<string, string>;
  base: string;
  auth: string;
  unnamed: string;
}
const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "sealed-v1.json"), "utf8"));
const bytesOf = (bytes: Uint8Array | undefined) => {
  if (bytes === undefined) throw new Error("the golden file is damaged");
  return bytes;
};
const privateKey = bytesOf(fromHex(golden.privateKey));
const publicKey = bytesOf(fromHex(golden.publicKey));

describe("S-05 what customers sealed with release 0.1", () => {
  it.each([
    { kind: "base" as const, provider: golden.provider, authenticated: false },
    { kind: "auth" as const, provider: golden.provider, authenticated: true },
    { kind: "unnamed" as const, provider: null, authenticated: false },
  ])("opens ($kind), and its header reads as it did", async ({ kind, provider, authenticated }) => {
    expect(sealedHeader(golden[kind])).toMatchObject({ version: 1, keyId: golden.keyId, provider, authenticated });
    expect(await unsealKeyData(privateKey, golden[kind], { authenticated })).toEqual(golden.keyData);
  });

  it("its keys have the ids that they had", () => {
    expect(sealingKeyId(publicKey)).toBe(golden.keyId);
  });

  it("opens with the bytes written out: info is label, version, suite and key id, and all before enc is authenticated", async () => {
    const bytes = bytesOf(fromBase64url(golden.base.slice("sealed_".length)));
    const keyId = engine.sha256(contextOf("byok/1/key-for-sealing", publicKey));
    expect(hex(bytes.subarray(0, 35))).toBe(`010100${hex(keyId)}`);
    expect(new TextDecoder().decode(bytes.subarray(51, 58))).toBe("\u0006openai");
    const message = { enc: bytes.subarray(58, 90), sealed: bytes.subarray(90) };
    const agreed = { info: lengthPrefixed("byok/1/sealed", 1, 1, keyId), aad: bytes.subarray(0, 58) };
    const plain = new TextDecoder().decode(await openOnce(privateKey, undefined, message, agreed));
    expect(plain).toHaveLength(256 - 1); // one letter of two bytes
    expect(JSON.parse(plain)).toEqual({ id: sealedHeader(golden.base).id, provider: "openai", keyData: golden.keyData });
  });
});

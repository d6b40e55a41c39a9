import { createHmac } from "node:crypto";
import { DecapError, OpenError } from "@hpke/core";
import { describe, expect, it } from "vitest";
import { fromHex, hex } from "./encoding.ts";
import { generateKeyPair, hpkeSuite, openOnce, publicKeyOf, sealOnce } from "./hpke.ts";
import { hpke, x25519, type HpkeContext } from "./vectors/read.ts";
import { isPublicKey } from "./x25519.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytesOf = (text: string) => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
};

const decapsulate = async (vector: { private: string; public: string }) => {
  const { kem } = await hpkeSuite();
  const recipientKey = await kem.deserializePrivateKey(bytesOf(vector.private));
  return hex(new Uint8Array(await kem.decap({ recipientKey, enc: bytesOf(vector.public) })));
};
const withHighBit = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => (at === 31 ? byte | 0x80 : byte));

describe.each(hpke())("S-29 RFC 9180, mode $mode", (vector: HpkeContext) => {
  const info = bytesOf(vector.info);
  const contexts = async () => {
    const suite = await hpkeSuite();
    const { kem } = suite;
    const [recipientPublicKey, recipientKey] = await Promise.all([
      kem.deserializePublicKey(bytesOf(vector.pkRm)),
      kem.deserializePrivateKey(bytesOf(vector.skRm)),
    ]);
    const senderKey = vector.skSm === undefined ? {} : { senderKey: await kem.deserializePrivateKey(bytesOf(vector.skSm)) };
    const senderPublicKey = vector.pkSm === undefined ? {} : { senderPublicKey: await kem.deserializePublicKey(bytesOf(vector.pkSm)) };
    const ekm = await kem.deriveKeyPair(bytesOf(vector.ikmE));
    const sender = await suite.createSenderContext({ recipientPublicKey, ...senderKey, ekm, info });
    const recipient = await suite.createRecipientContext({ recipientKey, ...senderPublicKey, enc: bytesOf(vector.pkEm), info });
    return { sender, recipient };
  };

  it("12 of 12 messages are sealed and opened as published, and 3 of 3 secrets exported", async () => {
    const { sender, recipient } = await contexts();
    expect(hex(new Uint8Array(sender.enc))).toBe(vector.pkEm);
    const published = new Map(vector.encryptions.map((one) => [one.seq, one]));
    expect([...published.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 256]);
    const sealed = new Map<number, string>();
    for (let seq = 0; seq <= 256; seq++) {
      const { aad, pt } = published.get(seq) ?? { aad: "", pt: "" };
      const ct = await sender.seal(bytesOf(pt), bytesOf(aad));
      sealed.set(seq, hex(new Uint8Array(ct)));
      expect(hex(new Uint8Array(await recipient.open(ct, bytesOf(aad)))), `message ${seq}`).toBe(pt);
    }
    for (const [seq, { ct }] of published) expect(sealed.get(seq), `message ${seq}`).toBe(ct);
    expect(vector.exports).toHaveLength(3);
    for (const { exporter_context: of, L: length, exported_value: value } of vector.exports) {
      expect(hex(new Uint8Array(await sender.export(bytesOf(of), length)))).toBe(value);
      expect(hex(new Uint8Array(await recipient.export(bytesOf(of), length)))).toBe(value);
    }
  });

  it("our own opening opens the first message, and only with its context", async () => {
    const [first] = vector.encryptions;
    if (first === undefined) throw new Error("no message");
    const open = (change: { info?: Uint8Array; aad?: Uint8Array }) =>
      openOnce(
        bytesOf(vector.skRm),
        vector.pkSm === undefined ? undefined : bytesOf(vector.pkSm),
        { enc: bytesOf(vector.pkEm), sealed: bytesOf(first.ct) },
        { info, aad: bytesOf(first.aad), ...change },
      );
    expect(hex(await open({}))).toBe(first.pt);
    await expect(open({ info: utf8("another") })).rejects.toThrow(OpenError);
    await expect(open({ aad: utf8("another") })).rejects.toThrow(OpenError);
  });

  it("a key pair is derived as published, and its public half is the private key's", async () => {
    const { kem } = await hpkeSuite();
    const pair = await kem.deriveKeyPair(bytesOf(vector.ikmR));
    expect(hex(new Uint8Array(await kem.serializePrivateKey(pair.privateKey)))).toBe(vector.skRm);
    expect(hex(await publicKeyOf(bytesOf(vector.skRm)))).toBe(vector.pkRm);
  });
});

describe("S-29 X25519, as the suite's key agreement computes it", () => {
  const { good, zeroSecret } = x25519();
  it("518 vectors are there, 31 of them with a secret of zeros", () => {
    expect([good.length, zeroSecret.length]).toEqual([487, 31]);
  });

  it("487 of 487 agree: what is derived is derived from the published secret", async () => {
    for (const vector of good) {
      const recipient = await publicKeyOf(bytesOf(vector.private));
      expect(await decapsulate(vector), `tcId ${vector.tcId}`).toBe(extractAndExpand(bytesOf(vector.shared), bytesOf(vector.public), recipient));
    }
  });

  it("31 of 31 that give a secret of zeros are refused by WebCrypto, and by us at sight", async () => {
    for (const vector of zeroSecret) {
      await expect(decapsulate(vector), `tcId ${vector.tcId}`).rejects.toThrow(DecapError);
      expect(isPublicKey(bytesOf(vector.public)), `tcId ${vector.tcId}`).toBe(false);
    }
  });

  it("no key that is below 2^255-19 and gives a secret is refused at sight", () => {
    const canonical = good.filter((vector) => !vector.flags.includes("NonCanonicalPublic") && Number.parseInt(vector.public.slice(62), 16) < 0x80);
    expect(canonical.length).toBeGreaterThan(400);
    for (const vector of canonical) expect(isPublicKey(bytesOf(vector.public)), `tcId ${vector.tcId}`).toBe(true);
  });

  it("a second spelling of a key, and any other length, is refused at sight", () => {
    const nine = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 9 : 0));
    expect(isPublicKey(nine)).toBe(true);
    expect(isPublicKey(withHighBit(nine))).toBe(false);
    for (let first = 0xed; first <= 0xff; first++) expect(isPublicKey(bytesOf(hex(Uint8Array.of(first)) + "ff".repeat(30) + "7f"))).toBe(false);
    expect(isPublicKey(bytesOf("eb" + "ff".repeat(30) + "7f"))).toBe(true);
    for (const length of [0, 31, 33, 64]) expect(isPublicKey(new Uint8Array(length).fill(9))).toBe(false);
  });
});

it("a message seals under a new key pair each time, and an empty one too", async () => {
  const { publicKey, privateKey } = await generateKeyPair();
  const agreed = { info: utf8("info"), aad: utf8("aad") };
  const one = await sealOnce(publicKey, undefined, new Uint8Array(), agreed);
  const other = await sealOnce(publicKey, undefined, new Uint8Array(), agreed);
  expect(hex(one.enc)).not.toBe(hex(other.enc));
  expect(await openOnce(privateKey, undefined, one, agreed)).toHaveLength(0);
});

/** RFC 9180 section 4.1, written a second time: LabeledExtract and LabeledExpand of DHKEM(X25519, HKDF-SHA256). */
function extractAndExpand(shared: Uint8Array, enc: Uint8Array, recipient: Uint8Array): string {
  const suiteId = Uint8Array.of(...utf8("KEM"), 0x00, 0x20);
  const secret = hmac(new Uint8Array(32), utf8("HPKE-v1"), suiteId, utf8("eae_prk"), shared);
  return hmac(secret, Uint8Array.of(0, 32), utf8("HPKE-v1"), suiteId, utf8("shared_secret"), enc, recipient, Uint8Array.of(1)).toString("hex");
}

function hmac(key: Uint8Array, ...data: Uint8Array[]): Buffer {
  return createHmac("sha256", key).update(Buffer.concat(data)).digest();
}

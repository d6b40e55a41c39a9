import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { engine } from "./engine.ts";
import { portableEngine } from "./engine-portable.ts";
import { envelopeKeyVersion, openEnvelope, sealEnvelope } from "./envelope.ts";
import { EncryptionError } from "./errors.ts";
import { placeContext, type Place } from "./place.ts";
import { openRecord, sealRecord, type RecordPlace } from "./record.ts";
import type { TenantKey } from "./tenant-key.ts";

const secret = new TextEncoder().encode('{"apiKey":"sk-test-not-a-key"}');
const here: RecordPlace = {
  installationId: "0198c0de-0000-7000-8000-000000000001",
  ownerId: "0198c0de-0000-7000-8000-00000000000a",
  keyId: "key_0198c0de00007000",
  keyVersion: 1,
  field: "keyData",
  custody: "managed",
  provider: "openai",
  environment: "production",
};
const tenantKeyOf = (ownerId: string, version = 1): TenantKey => ({ ownerId, version, key: engine.importKey(engine.randomBytes(32)) });
const tenantKey = tenantKeyOf(here.ownerId);

/** Every field of a place with another value. */
const moved: { [Field in keyof RecordPlace]: RecordPlace[Field] } = {
  installationId: "0198c0de-0000-7000-8000-000000000002",
  ownerId: "0198c0de-0000-7000-8000-00000000000b",
  keyId: "key_0198c0de00007001",
  keyVersion: 2,
  field: "metadata",
  custody: "sealed",
  provider: "openrouter",
  environment: "staging",
};

describe("a record", () => {
  it("opens in its place to what was sealed, 98 bytes longer in between, and holds none of it in the clear", () => {
    const envelope = sealRecord(tenantKey, secret, here);
    expect(envelope).toHaveLength(98 + secret.length);
    expect(Buffer.from(envelope).includes("sk-test")).toBe(false);
    expect(openRecord(tenantKey, envelope, here)).toEqual(secret);
  });

  it("names the version of the tenant key it was sealed under", () => {
    expect(envelopeKeyVersion(sealRecord(tenantKeyOf(here.ownerId, 41), secret, here))).toBe(41);
  });

  it("leaves the caller's bytes as they are", () => {
    const plain = Uint8Array.from(secret);
    sealRecord(tenantKey, plain, here);
    expect(plain).toEqual(secret);
  });

  it("sealed in a browser opens in Node, and the other way round", () => {
    const bytes = engine.randomBytes(32);
    const place = placeContext({ ...here, tenantKeyVersion: 1 });
    const portableKey = portableEngine.importKey(bytes);
    const nodeKey = { ...tenantKey, key: engine.importKey(bytes) };
    expect(openRecord(nodeKey, sealEnvelope(portableKey, 1, secret, place, portableEngine), here)).toEqual(secret);
    expect(openEnvelope(portableKey, 1, sealRecord(nodeKey, secret, here), place, portableEngine)).toEqual(secret);
  });
});

describe("S-02 an owner's key", () => {
  it("opens nothing of another owner, whatever place is claimed", () => {
    const other = tenantKeyOf(moved.ownerId);
    const envelope = sealRecord(tenantKey, secret, here);
    expect(() => openRecord(other, envelope, here)).toThrow(EncryptionError);
    expect(() => openRecord(other, envelope, { ...here, ownerId: other.ownerId })).toThrow(EncryptionError);
    expect(() => openRecord({ ...other, ownerId: here.ownerId }, envelope, here)).toThrow(EncryptionError);
  });

  it("seals nothing for another owner", () => {
    expect(() => sealRecord(tenantKey, secret, { ...here, ownerId: moved.ownerId })).toThrow("another owner");
  });
});

describe.each(["S-04", "B-41"])("%s a record that was moved", () => {
  it.each(Object.entries(moved))("to another %s does not open, in either direction", (field, value) => {
    const there = { ...here, [field]: value };
    // The same key bytes under both owners: only the place is to blame.
    const keyThere = { ...tenantKey, ownerId: there.ownerId };
    expect(() => openRecord(keyThere, sealRecord(tenantKey, secret, here), there)).toThrow(EncryptionError);
    expect(() => openRecord(tenantKey, sealRecord(keyThere, secret, there), here)).toThrow(EncryptionError);
    expect(openRecord(keyThere, sealRecord(keyThere, secret, there), there)).toEqual(secret);
  });

  it("by exchanging it with another of the same owner, does not open", () => {
    const there = { ...here, keyId: moved.keyId };
    const [one, other] = [sealRecord(tenantKey, secret, here), sealRecord(tenantKey, secret, there)];
    expect(() => openRecord(tenantKey, other, here)).toThrow(EncryptionError);
    expect(() => openRecord(tenantKey, one, there)).toThrow(EncryptionError);
  });
});

describe("B-40 the tenant key's version", () => {
  const envelope = sealRecord({ ...tenantKey, version: 2 }, secret, here);

  it.each([1, 3, 2 ** 32 - 1])("%d in place of 2 does not open, not even with the same key and a changed header", (version) => {
    const relabelled = Uint8Array.from(envelope);
    new DataView(relabelled.buffer).setUint32(2, version);
    expect(() => openRecord({ ...tenantKey, version }, relabelled, here)).toThrow(EncryptionError);
    expect(() => openRecord({ ...tenantKey, version }, envelope, here)).toThrow(EncryptionError);
    expect(() => openRecord({ ...tenantKey, version: 2 }, relabelled, here)).toThrow(EncryptionError);
  });
});

describe("S-04 the context of a place", () => {
  const place: fc.Arbitrary<Place> = fc.record({
    installationId: fc.string({ maxLength: 3 }),
    ownerId: fc.string({ maxLength: 3 }),
    tenantKeyVersion: fc.integer({ min: 1, max: 3 }),
    keyId: fc.string({ maxLength: 3 }),
    keyVersion: fc.integer({ min: 1, max: 3 }),
    field: fc.string({ maxLength: 3 }),
    custody: fc.constantFrom("managed", "sealed"),
    provider: fc.string({ maxLength: 3 }),
    environment: fc.string({ maxLength: 3 }),
  });

  it("is the same for the same place only", () => {
    fc.assert(
      fc.property(place, place, (one, other) => {
        const same = isDeepStrictEqual(one, other);
        expect(Buffer.from(placeContext(one)).equals(placeContext(other))).toBe(same);
      }),
    );
  });

  it("differs where characters are shifted from one field into the next", () => {
    const base = { ...here, tenantKeyVersion: 1 };
    const one = placeContext({ ...base, installationId: "ab", ownerId: "c" });
    expect(one).not.toEqual(placeContext({ ...base, installationId: "a", ownerId: "bc" }));
    expect(one).toEqual(placeContext({ ...base, installationId: "ab", ownerId: "c" }));
  });

  it("stays under 1,024 bytes with the longest ids and names that the product allows", () => {
    const longest = "x".repeat(128);
    const all = { installationId: longest, ownerId: longest, keyId: longest, field: longest, provider: longest, environment: longest };
    expect(placeContext({ ...here, ...all, tenantKeyVersion: 2 ** 32 - 1, keyVersion: 2 ** 32 - 1 }).length).toBeLessThan(1024);
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { hex } from "./encoding.ts";
import { engine } from "./engine.ts";
import { envelopeKeyVersion, sealEnvelope } from "./envelope.ts";
import { contextOf } from "./context.ts";
import { EncryptionError } from "./errors.ts";
import type { WrapKey } from "./installation-key.ts";
import { labels } from "./labels.ts";
import { makeTenantKey, rewrapTenantKey, unwrapTenantKey, type TenantKey } from "./tenant-key.ts";

const wrapKey: WrapKey = { version: 5, key: engine.importKey(engine.randomBytes(32)) };
const at = { installationId: "inst_1", ownerId: "own_a", version: 3 };
/** Two keys are the same where they make the same MAC. */
const trace = ({ key }: Pick<TenantKey, "key">) => hex(engine.hmac(key, new Uint8Array(1)));

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a tenant key", () => {
  it("unwraps to the key that was made", () => {
    const { tenantKey, wrapped } = makeTenantKey(wrapKey, at);
    const again = unwrapTenantKey(wrapKey, wrapped, at);
    expect(tenantKey).toMatchObject({ ownerId: "own_a", version: 3 });
    expect(again).toMatchObject({ ownerId: "own_a", version: 3 });
    expect(trace(again)).toBe(trace(tenantKey));
  });

  it("is wrapped in 130 bytes that name the version of the key that wraps", () => {
    const { wrapped } = makeTenantKey(wrapKey, at);
    expect(wrapped).toHaveLength(130);
    expect(envelopeKeyVersion(wrapped)).toBe(5);
  });

  it("is the same key under another version of the wrapping key, in its own place alone", () => {
    const newer: WrapKey = { version: 6, key: engine.importKey(engine.randomBytes(32)) };
    const { tenantKey, wrapped } = makeTenantKey(wrapKey, at);
    const again = rewrapTenantKey(wrapKey, newer, wrapped, at);
    expect(envelopeKeyVersion(again)).toBe(6);
    expect(trace(unwrapTenantKey(newer, again, at))).toBe(trace(tenantKey));
    expect(() => unwrapTenantKey(wrapKey, again, at)).toThrow(EncryptionError);
    expect(() => rewrapTenantKey(wrapKey, newer, wrapped, { ...at, ownerId: "own_b" })).toThrow(EncryptionError);
    expect(() => rewrapTenantKey(newer, wrapKey, wrapped, at)).toThrow(EncryptionError);
  });

  it.each([0, -1, 1.5, 2 ** 32])("is not made as version %d", (version) => {
    expect(() => makeTenantKey(wrapKey, { ...at, version })).toThrow(RangeError);
  });
});

describe("S-02 tenant keys", () => {
  it("of 1,000 owners are all different, and so are two of one owner at one version", () => {
    const keys = Array.from({ length: 1000 }, (_, owner) => makeTenantKey(wrapKey, { ...at, ownerId: `own_${owner}` }).tenantKey);
    const again = makeTenantKey(wrapKey, { ...at, ownerId: "own_0" }).tenantKey;
    expect(new Set([...keys, again].map(trace)).size).toBe(1001);
  });
});

describe("S-04 a wrapped tenant key", () => {
  const { wrapped } = makeTenantKey(wrapKey, at);

  it.each([
    ["another owner", { ...at, ownerId: "own_b" }],
    ["another version", { ...at, version: 4 }],
    ["another installation", { ...at, installationId: "inst_2" }],
  ])("does not unwrap as that of %s", (_, there) => {
    expect(() => unwrapTenantKey(wrapKey, wrapped, there)).toThrow(EncryptionError);
  });

  it("does not unwrap under another key, nor under the same at another version", () => {
    const other = { version: 5, key: engine.importKey(engine.randomBytes(32)) };
    expect(() => unwrapTenantKey(other, wrapped, at)).toThrow(EncryptionError);
    expect(() => unwrapTenantKey({ ...wrapKey, version: 6 }, wrapped, at)).toThrow(EncryptionError);
    const relabelled = Uint8Array.from(wrapped);
    new DataView(relabelled.buffer).setUint32(2, 6);
    expect(() => unwrapTenantKey({ ...wrapKey, version: 6 }, relabelled, at)).toThrow(EncryptionError);
  });

  it("does not unwrap with any byte flipped or cut at any length", () => {
    for (let place = 0; place < wrapped.length; place++) {
      const changed = Uint8Array.from(wrapped);
      changed[place]! ^= 1;
      expect(() => unwrapTenantKey(wrapKey, changed, at)).toThrow(EncryptionError);
      expect(() => unwrapTenantKey(wrapKey, wrapped.subarray(0, place), at)).toThrow(EncryptionError);
    }
  });

  it.each([0, 16, 31, 33])("of %i bytes is refused, although it was sealed by the right key for the right place", (length) => {
    const context = contextOf(labels.tenantWrap, 1, 1, at.installationId, at.ownerId, at.version, wrapKey.version);
    const short = sealEnvelope(wrapKey.key, wrapKey.version, new Uint8Array(length), context);
    expect(() => unwrapTenantKey(wrapKey, short, at)).toThrow(EncryptionError);
  });
});

describe("S-28 the bytes of a tenant key", () => {
  it("are zero once it is made, and once it is unwrapped", () => {
    const imported = vi.spyOn(engine, "importKey");
    const { wrapped } = makeTenantKey(wrapKey, at);
    unwrapTenantKey(wrapKey, wrapped, at);
    expect(imported).toHaveBeenCalledTimes(4);
    for (const [bytes] of imported.mock.calls) expect(bytes).toEqual(new Uint8Array(32));
  });

  it("are zero also where wrapping fails", () => {
    const made = vi.spyOn(engine, "randomBytes");
    expect(() => makeTenantKey({ ...wrapKey, version: 2 ** 32 - 1, key: { kind: "byok-key" } }, at)).toThrow(TypeError);
    expect(made.mock.results[0]?.value).toEqual(new Uint8Array(32));
  });
});

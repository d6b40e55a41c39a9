import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { contextOf } from "../context.ts";
import { openCursor } from "../cursor.ts";
import { auditMac, fingerprint, tokenHash } from "../digest.ts";
import { fromHex } from "../encoding.ts";
import { portableEngine } from "../engine-portable.ts";
import { openEnvelope } from "../envelope.ts";
import { unwrapInstallationKey, type InstallationPurpose } from "../installation-key.ts";
import { placeContext } from "../place.ts";
import { openRecord, type RecordPlace } from "../record.ts";
import { newDerivation, proveRootKey, rootKeyFrom } from "../root-key.ts";
import { unwrapTenantKey } from "../tenant-key.ts";

interface Golden {
  installationId: string;
  ownerId: string;
  root: { key: string; id: string; check: string };
  passphraseRoot: { passphrase: string; salt: string; iterations: number; id: string };
  installationKeys: Record<InstallationPurpose, { version: number; wrapped: string }>;
  tenantKey: { version: number; wrapped: string };
  record: { place: RecordPlace; envelope: string; plain: string };
  fingerprint: { provider: string; secret: string; value: string };
  auditMac: { bytes: string; value: string };
  cursor: { binding: string; payload: string; value: string };
  tokenHash: { token: string; value: string };
}
const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "envelope-v1.json"), "utf8"));
const { installationId, ownerId } = golden;
const bytesOf = (text: string) => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
};
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("S-05 what release 0.1 stored", async () => {
  const root = await rootKeyFrom(bytesOf(golden.root.key), newDerivation());
  const installationKey = (purpose: InstallationPurpose) => {
    const { version, wrapped } = golden.installationKeys[purpose];
    return unwrapInstallationKey(root, bytesOf(wrapped), { installationId, purpose, version });
  };

  it("its root keys have the ids that they had, and its check record proves the root", async () => {
    expect(root.id).toBe(golden.root.id);
    expect(await proveRootKey(root, installationId, bytesOf(golden.root.check))).toBe(true);
    const { passphrase, salt, iterations, id } = golden.passphraseRoot;
    expect((await rootKeyFrom(passphrase, { salt: bytesOf(salt), iterations })).id).toBe(id);
  });

  it("its record opens, from the root down", async () => {
    const { version, wrapped } = golden.tenantKey;
    const tenantKey = unwrapTenantKey(await installationKey("tenant-wrap"), bytesOf(wrapped), { installationId, ownerId, version });
    const { envelope, place, plain } = golden.record;
    expect(textOf(openRecord(tenantKey, bytesOf(envelope), place))).toBe(plain);
  });

  it("its record opens in the portable engine too, each step's context written out", () => {
    const open = (key: Uint8Array, version: number, envelope: string, context: Uint8Array) =>
      openEnvelope(portableEngine.importKey(key), version, bytesOf(envelope), context, portableEngine);
    const wrap = golden.installationKeys["tenant-wrap"];
    const { tenantKey, record, root: { key } } = golden;
    const wrapContext = contextOf("byok/1/installation-wrap", installationId, "tenant-wrap", wrap.version);
    const wrapKey = open(bytesOf(key), 1, wrap.wrapped, contextOf("byok/1/root-wrap", wrapContext));
    const tenantContext = contextOf("byok/1/tenant-wrap", 1, 1, installationId, ownerId, tenantKey.version, wrap.version);
    const tenantBytes = open(wrapKey, wrap.version, tenantKey.wrapped, tenantContext);
    const recordContext = placeContext({ ...record.place, tenantKeyVersion: tenantKey.version });
    expect(textOf(open(tenantBytes, tenantKey.version, record.envelope, recordContext))).toBe(record.plain);
  });

  it("its fingerprints, audit links, cursors and token hashes are still what this release makes", async () => {
    const { provider, secret, value } = golden.fingerprint;
    expect(fingerprint(await installationKey("fingerprint"), { ownerId, provider }, secret)).toBe(value);
    expect(auditMac(await installationKey("audit"), ownerId, new TextEncoder().encode(golden.auditMac.bytes))).toBe(golden.auditMac.value);
    expect(openCursor(await installationKey("cursor"), golden.cursor.binding, golden.cursor.value)).toBe(golden.cursor.payload);
    expect(tokenHash(golden.tokenHash.token)).toBe(golden.tokenHash.value);
  });
});

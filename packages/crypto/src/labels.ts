/**
 * One label for each purpose a key is put to, so that bytes made for one never pass for another (SECURITY S-08). No label
 * is the beginning of another, and none is written down anywhere else. A label, once released, never changes its meaning.
 */
export const labels = {
  /** A provider key, sealed under its owner's tenant key. */
  record: "byok/1/record",
  /** A tenant key, wrapped by the installation key of that purpose. */
  tenantWrap: "byok/1/tenant-wrap",
  /** An installation key: what a root key of any kind is asked to wrap. */
  installationWrap: "byok/1/installation-wrap",
  /** Whatever a root key made of 32 bytes or a passphrase wraps. */
  rootWrap: "byok/1/root-wrap",
  /** The record that proves a root key at start. */
  rootCheck: "byok/1/root-check",
  /** A root key's public name. */
  rootId: "byok/1/root-id",
  /** A secret, recognised within one owner. */
  fingerprint: "byok/1/fingerprint",
  /** An owner's own key for fingerprints. */
  fingerprintOwner: "byok/1/owner-fingerprint",
  /** A link of the audit chain. */
  auditMac: "byok/1/audit-mac",
  /** An owner's own key for the audit chain. */
  auditOwner: "byok/1/owner-audit",
  /** Key data, sealed to a public key of its owner's. */
  sealed: "byok/1/sealed",
  /** The name of such a public key. */
  sealingKey: "byok/1/key-for-sealing",
  /** Where a list goes on. */
  cursor: "byok/1/cursor",
  /** A service token or link, as it is looked up. */
  token: "byok/1/token",
} as const;
export type Label = (typeof labels)[keyof typeof labels];

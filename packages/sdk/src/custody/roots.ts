/** The root keys that this process was given: the one it is to work with, and those that a rotation leaves behind. */
import { ConfigurationError, proveRootKey, rootKeyFrom, type Derivation, type RootKey } from "@stack-2025/byok-crypto";
import type { InstalledRoot } from "@stack-2025/byok-db";

export type EncryptionKey = string | Uint8Array | RootKey | undefined;

export interface GivenRoots {
  encryptionKey: EncryptionKey;
  previousEncryptionKeys?: readonly EncryptionKey[] | undefined;
}

/** All of them open; what is wrapped is wrapped with the one that the installation names. */
export class Roots {
  /** The one given first: a rotation leads to it. */
  readonly primary: RootKey;
  readonly all: readonly RootKey[];

  constructor(primary: RootKey, previous: readonly RootKey[]) {
    this.primary = primary;
    this.all = [primary, ...previous];
  }

  get ids(): string[] {
    return [...new Set(this.all.map((one) => one.id))];
  }

  find(rootKeyId: string): RootKey | undefined {
    return this.all.find((one) => one.id === rootKeyId);
  }

  /**
   * The root key that the installation names, proved by its check record.
   *
   * @throws ConfigurationError none of those given is the one
   * @throws EncryptionError the root key's service cannot be reached
   */
  async prove(installationId: string, { rootKeyId, check }: InstalledRoot): Promise<RootKey> {
    const root = this.find(rootKeyId);
    if (root && (await proveRootKey(root, installationId, check))) return root;
    throw missingRoot(rootKeyId, this.ids);
  }
}

/** Derives once for each derivation: a passphrase costs a tenth of a second, and a start asks twice. */
export function derivingRoots(given: GivenRoots): (derivation: Derivation) => Promise<Roots> {
  const derived = new Map<string, Promise<Roots>>();
  return ({ salt, iterations }) => {
    const name = `${Buffer.from(salt).toString("base64")} ${iterations}`;
    let roots = derived.get(name);
    if (!roots) {
      roots = Promise.all([given.encryptionKey, ...(given.previousEncryptionKeys ?? [])].map((key) => rootKeyFrom(key, { salt, iterations }))).then(
        ([primary, ...previous]) => new Roots(primary!, previous),
      );
      derived.set(name, roots);
      roots.catch(() => derived.delete(name));
    }
    return roots;
  };
}

/** Names keys by id alone (S-24): without the one that is missing nothing opens. */
export function missingRoot(expected: string, found: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    `The root key is not this installation's: it needs ${expected}, and was given ${found.join(", ")}. ` +
      "Set BYOK_ENCRYPTION_KEY (option encryptionKey) to the key that this database was set up with. Nothing was written.",
    { details: { setting: "BYOK_ENCRYPTION_KEY", expected, found: [...found] } },
  );
}

/** A rotation is under way, and this process was given the new root key alone. */
export function missingPreviousRoot(expected: string, found: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    `A rotation of the root key has not ended: some keys are still wrapped by ${expected}, and this process was given ${found.join(", ")}. ` +
      "Add the earlier root key to BYOK_ENCRYPTION_KEY_PREVIOUS (option previousEncryptionKeys) until `byok root rotate` says that none remain.",
    { details: { setting: "BYOK_ENCRYPTION_KEY_PREVIOUS", expected, found: [...found] } },
  );
}

/** Packages that only some installations need are imported when they are asked for, and missed with a word on what to do. */
import { ConfigurationError } from "@stack-2025/byok-crypto";

/** @throws ConfigurationError the package is not there, or does not load */
export async function loadPeer<Module>(name: string, what: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    throw new ConfigurationError(
      `A root key ${what} needs the package ${name}, which is not installed or, where it has a native part, not built. ` +
        `Add it to your project: npm install ${name}`,
      { details: { field: "encryptionKey", package: name }, cause: error },
    );
  }
}

/** For tests: an installation of its own, real from end to end but for the vendors, which the sandbox stands in for. */
import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";
import { createTestDatabase } from "@stack-2025/byok-db/testing";
import { ProviderType } from "@stack-2025/byok-providers";
import { BYOKManager, type ManagerOptions } from "./manager.ts";

export const rootKey = `base64:${Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 73 + 41) % 251)).toString("base64")}`;

export interface Installation extends AsyncDisposable {
  manager: BYOKManager;
  sandbox: Sandbox;
  connectionString: string;
  /** A further process on the same database. */
  another(options?: Partial<ManagerOptions>): BYOKManager;
}

export async function openInstallation(options: Partial<ManagerOptions> = {}): Promise<Installation> {
  const [database, sandbox] = await Promise.all([createTestDatabase(), startSandbox()]);
  const opened: BYOKManager[] = [];
  const another = (more: Partial<ManagerOptions> = {}): BYOKManager => {
    const manager = new BYOKManager({
      encryptionKey: rootKey,
      database: database.connectionString,
      providers: Object.fromEntries(Object.values(ProviderType).map((provider) => [provider, { baseUrl: sandbox.baseUrl(provider) }])),
      ...options,
      ...more,
    });
    opened.push(manager);
    return manager;
  };
  return {
    manager: another(),
    sandbox,
    connectionString: database.connectionString,
    another,
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((manager) => manager.close()));
      await sandbox.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

let made = 0;
/** A fresh key that the sandbox takes; `fate` is a word that it scripts by (`invalid`, `noquota` …). */
export function openaiKey(fate = "fine"): string {
  made += 1;
  return `sk-proj-test-${fate}-${String(made).padStart(6, "0")}-CANARY7f3a9`;
}

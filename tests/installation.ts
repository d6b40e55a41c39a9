// What the stories of this folder begin with: an empty database, a sandbox in place of the vendors, and a manager over both.
import { randomBytes } from "node:crypto";
import { BYOKManager, type ManagerOptions } from "@stack-2025/byok-core";
import { createEmptyDatabase } from "@stack-2025/byok-db/testing";
import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";

export interface TestInstallation extends AsyncDisposable {
  readonly manager: BYOKManager;
  readonly sandbox: Sandbox;
  /** As a superuser, for looking behind the manager's back. */
  readonly databaseUrl: string;
  readonly encryptionKey: string;
  /** Another process's manager of the same installation; closed with it. */
  another(options?: Partial<ManagerOptions>): BYOKManager;
}

export async function openInstallation(): Promise<TestInstallation> {
  const [database, sandbox] = await Promise.all([createEmptyDatabase(), startSandbox()]);
  const encryptionKey = `base64:${randomBytes(32).toString("base64")}`;
  const opened: BYOKManager[] = [];
  const another = (options: Partial<ManagerOptions> = {}): BYOKManager => {
    const manager = new BYOKManager({
      encryptionKey,
      database: database.connectionString,
      providers: {
        openai: { baseUrl: sandbox.baseUrl("openai") },
        anthropic: { baseUrl: sandbox.baseUrl("anthropic") },
        twilio: { baseUrl: sandbox.baseUrl("twilio") },
      },
      ...options,
    });
    opened.push(manager);
    return manager;
  };
  return {
    manager: another(),
    sandbox,
    databaseUrl: database.connectionString,
    encryptionKey,
    another,
    async [Symbol.asyncDispose]() {
      for (const manager of opened) await manager.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

/** Keys that the sandbox's vendors could have issued. Words in them, such as `-revoked-`, are scripts of the sandbox. */
export const openaiKey = (name: string): string => `sk-proj-${name}-${"a".repeat(40)}`;
export const anthropicKey = (name: string): string => `sk-ant-api03-${name}-${"a".repeat(40)}`;

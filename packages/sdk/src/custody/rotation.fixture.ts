/** For tests of rotations: root keys by number, managers that hold some of them, and a look at what opens under which. */
import { createHash } from "node:crypto";
import pg from "pg";
import { rootKeyFrom, unwrapInstallationKey, proveRootKey, type InstallationPurpose, type RootKey } from "@stack-2025/byok-crypto";
import { createTestDatabase } from "@stack-2025/byok-db/testing";
import { BYOKManager, coreOf, type ManagerOptions } from "../manager.ts";
import { rotateRoot, type RootRotation, type RotateRoot } from "./rotate-root.ts";

export const rootNumber = (number: number): string => `base64:${createHash("sha256").update(`root ${number} of the tests`).digest("base64")}`;

const root = (number: number): Promise<RootKey> => rootKeyFrom(rootNumber(number), { salt: new Uint8Array(32), iterations: 600_000 });

export interface Place extends AsyncDisposable {
  connectionString: string;
  admin: pg.Client;
  /** A process with these root keys, the first of them its own. */
  manager(roots: readonly number[], options?: Partial<ManagerOptions>): BYOKManager;
  rotate(manager: BYOKManager, options?: Partial<RotateRoot>): Promise<RootRotation>;
  /** What opens in the database under this root key alone: installation keys and check records. */
  opensUnder(root: number): Promise<string[]>;
  rootId(root: number): Promise<string>;
}

export async function openPlace(): Promise<Place> {
  const database = await createTestDatabase();
  const admin = new pg.Client({ connectionString: database.connectionString });
  await admin.connect();
  const managers: BYOKManager[] = [];
  return {
    connectionString: database.connectionString,
    admin,
    manager(roots, options = {}) {
      const [encryptionKey, ...previousEncryptionKeys] = roots.map(rootNumber);
      const manager = new BYOKManager({ encryptionKey, previousEncryptionKeys, database: database.connectionString, ...options });
      managers.push(manager);
      return manager;
    },
    async rotate(manager, options = {}) {
      return rotateRoot(await coreOf(manager), { actor: "test", ...options });
    },
    async rootId(number) {
      return (await root(number)).id;
    },
    async opensUnder(number) {
      const key = await root(number);
      const { rows: installations } = await admin.query<{ id: string }>("select installation_id as id from byok.installation");
      const installationId = installations[0]!.id;
      const { rows: keys } = await admin.query<{ purpose: InstallationPurpose; version: number; wrapped: Buffer }>("select purpose, version, wrapped from byok.installation_keys");
      const { rows: checks } = await admin.query<{ root_key_id: string; check_record: Buffer }>("select root_key_id, check_record from byok.root_keys");
      const opens: string[] = [];
      for (const { purpose, version, wrapped } of keys) {
        const opened = await unwrapInstallationKey(key, wrapped, { installationId, purpose, version }).catch(() => undefined);
        if (opened) opens.push(`${purpose} ${version}`);
      }
      for (const { root_key_id, check_record } of checks) if (await proveRootKey(key, installationId, check_record)) opens.push(`check of ${root_key_id}`);
      return opens;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(managers.map((manager) => manager.close()));
      await admin.end();
      await database.drop();
    },
  };
}

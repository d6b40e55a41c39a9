/**
 * A process of its own that makes one call and is killed by SIGKILL just before its n-th statement of that call, as by an
 * out-of-memory killer. It prints `done` where the call came to its end first.
 */
import pg from "pg";
import type { KeyRecord } from "../byok.ts";
import { BYOKManager, coreOf } from "../manager.ts";

export interface Crash {
  connectionString: string;
  encryptionKey: string;
  baseUrl: string;
  /** Killed before this statement; counted from 1. */
  at: number;
  call: { name: "add"; userId: string; apiKey: string } | { name: "rotate"; keyId: string; apiKey: string } | { name: "delete"; keyId: string };
}

/** The call, as a program would make it and make it again. */
export function make(manager: BYOKManager, call: Crash["call"]): Promise<KeyRecord | void> {
  switch (call.name) {
    case "add":
      return manager.addKey({ userId: call.userId, provider: "openai", keyData: { apiKey: call.apiKey }, idempotencyKey: "once" });
    case "rotate":
      return manager.rotateKey(call.keyId, { apiKey: call.apiKey });
    case "delete":
      return manager.deleteKey(call.keyId);
  }
}

if (import.meta.main) {
  const { connectionString, encryptionKey, baseUrl, at, call } = JSON.parse(process.env["TEST_CRASH"] ?? "{}") as Crash;
  const manager = new BYOKManager({ encryptionKey, database: connectionString, providers: { openai: { baseUrl } } });
  await coreOf(manager);
  let statements = 0;
  // oxlint-disable-next-line typescript/unbound-method -- it is called with the client that it is asked of
  const query = pg.Client.prototype.query as (...parts: unknown[]) => unknown;
  pg.Client.prototype.query = function (this: pg.Client, ...parts: unknown[]) {
    const [statement] = parts;
    const text = typeof statement === "string" ? statement : ((statement as { text?: string } | undefined)?.text ?? "");
    // The log of changes is read by a clock of its own.
    if (!/byok_operator|pg_current_snapshot|listen/i.test(text)) {
      statements += 1;
      if (statements === at) process.kill(process.pid, "SIGKILL");
    }
    return query.apply(this, parts);
  } as typeof pg.Client.prototype.query;
  await make(manager, call);
  process.stdout.write("done");
  process.exit(0);
}

// What the tests of this folder begin with: a database, a sandbox in place of the vendors, and the service over both.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { BYOKManager, type Logger, type ManagerOptions } from "@stack-2025/byok-core";
import { coreOf, createServiceToken, silentLogger, type CreateServiceToken } from "@stack-2025/byok-core/internal";
import { createTestDatabase } from "@stack-2025/byok-db/testing";
import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";
import { startApi, type ApiOptions } from "./server.ts";

export interface TestService extends AsyncDisposable {
  readonly manager: BYOKManager;
  readonly sandbox: Sandbox;
  readonly url: string;
  readonly databaseUrl: string;
  readonly encryptionKey: Uint8Array;
  /** What the service logged. */
  readonly logged: string[];
  token(input: Partial<CreateServiceToken> & Pick<CreateServiceToken, "scopes">): Promise<string>;
  /** Takes the database away, as an outage would. */
  dropDatabase(): Promise<void>;
}

export async function startTestService(more: { manager?: Partial<ManagerOptions>; api?: Partial<ApiOptions> } = {}): Promise<TestService> {
  const [database, sandbox] = await Promise.all([createTestDatabase(), startSandbox()]);
  const encryptionKey = randomBytes(32);
  const logged: string[] = [];
  const logger = listeningLogger(logged);
  const manager = new BYOKManager({
    encryptionKey,
    database: database.connectionString,
    providers: {
      openai: { baseUrl: sandbox.baseUrl("openai") },
      anthropic: { baseUrl: sandbox.baseUrl("anthropic") },
      twilio: { baseUrl: sandbox.baseUrl("twilio") },
    },
    logger,
    ...more.manager,
  });
  const api = await startApi({ manager, port: 0, host: "127.0.0.1", logger, ...more.api });
  return {
    manager,
    sandbox,
    url: api.url,
    databaseUrl: database.connectionString,
    encryptionKey,
    logged,
    async token(input) {
      const made = await createServiceToken(await coreOf(manager), "test", { name: "a test", ...input });
      return made.token;
    },
    dropDatabase: () => database.drop(),
    async [Symbol.asyncDispose]() {
      await api.close();
      await manager.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

function listeningLogger(logged: string[]): Logger {
  const keep = (fields: object, message = ""): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  return { ...silentLogger, debug: keep, info: keep, warn: keep, error: keep };
}

/** Keys that the sandbox's vendors could have issued. */
export const openaiKey = (name: string): string => `sk-proj-${name}-${"a".repeat(40)}`;
export const anthropicKey = (name: string): string => `sk-ant-api03-${name}-${"a".repeat(40)}`;

/** Calls a procedure as any HTTP client would. */
export async function procedure(url: string, name: string, token: string | undefined, input?: unknown): Promise<{ status: number; data: unknown; byok: { code: string; message: string } | undefined; text: string }> {
  const response = await fetch(`${url}/trpc/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: input === undefined ? "{}" : JSON.stringify(input),
  });
  const text = await response.text();
  const body = JSON.parse(text) as { result?: { data: unknown }; error?: { data: { byok?: { code: string; message: string } } } };
  return { status: response.status, data: body.result?.data, byok: body.error?.data.byok, text };
}

/** Writes these bytes to the service and gives what came back until it closed the connection. */
export function raw(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(request, "latin1"));
    let answer = "";
    socket.setEncoding("latin1").on("data", (text: string) => (answer += text));
    socket.on("end", () => resolve(answer)).on("close", () => resolve(answer)).on("error", reject);
  });
}

/** The status of a raw answer. */
export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

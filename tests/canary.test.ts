import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { inspect } from "node:util";
import pg from "pg";
import { BYOKManager, ProviderType, type Logger } from "@stack-2025/byok-core";
import { coreOf, createServiceToken } from "@stack-2025/byok-core/internal";
import { startTemporaryPostgres, type TemporaryPostgres } from "@stack-2025/byok-db/testing";
import { startSandbox, type Sandbox } from "@stack-2025/byok-sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Stands inside every secret that is stored here, never at its end: the last four characters are the hint, which is shown. */
const marker = "Canary5eNc3d";
const openaiKey = (name: string): string => `sk-proj-${name}${marker}${"x".repeat(30)}0001`;
const planted = "PlantedC4nary";

/** The files below a folder that hold this text in any of the encodings that one would meet. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const needles = [Buffer.from(text), Buffer.from(Buffer.from(text).toString("hex")), Buffer.from(text, "utf16le")];
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const bytes = await readFile(file);
    if (needles.some((needle) => bytes.includes(needle))) found.push(path.relative(folder, file));
  }
  return found;
}

describe("S-44, S-79: a stored secret", () => {
  let postgres: TemporaryPostgres;
  let sandbox: Sandbox;
  let folder: string;
  let token: string;
  const said: string[] = [];

  beforeAll(async () => {
    [postgres, sandbox] = await Promise.all([startTemporaryPostgres(), startSandbox()]);
    const admin = new pg.Client({ connectionString: postgres.connectionString });
    await admin.connect();
    // Whatever the server is sent lands in its log: statements, and the values that come with them.
    await admin.query("alter system set log_statement = 'all'");
    await admin.query("alter system set log_min_duration_statement = 0");
    await admin.query("alter system set log_parameter_max_length = -1");
    await admin.query("alter system set log_parameter_max_length_on_error = -1");
    await admin.query("select pg_reload_conf()");
    // The values are in DETAIL lines, which the server was started without.
    await admin.query("alter database postgres set log_error_verbosity = 'default'");
    await admin.query("set log_error_verbosity = 'default'");
    const { rows } = await admin.query<{ data_directory: string }>("show data_directory");
    folder = path.dirname(rows[0]?.data_directory ?? "");

    token = await useEverything();

    await admin.query("create table planted (secret text)");
    await admin.query("insert into planted values ($1)", [planted]);
    await admin.query("checkpoint");
    await admin.end();
  }, 120_000);

  afterAll(async () => {
    await sandbox.close();
    await postgres.stop();
  });

  /** Stores secrets, uses them, and meets as many refusals as there are ways to; gives the service token that was made. */
  async function useEverything(): Promise<string> {
    const manager = new BYOKManager({
      encryptionKey: `a passphrase with ${marker} in it`,
      database: postgres.connectionString,
      logger: listener(said),
      providers: { openai: { baseUrl: sandbox.baseUrl("openai") }, twilio: { baseUrl: sandbox.baseUrl("twilio") } },
    });
    const add = { userId: "user_1", provider: ProviderType.OPENAI } as const;
    await manager.addKey({ ...add, keyData: { apiKey: openaiKey("one") }, priority: 1 });
    await manager.addKey({ ...add, keyData: { apiKey: openaiKey("two-dies-") }, priority: 2 });
    const authToken = `0123456789${marker}${"a".repeat(10)}`;
    await manager.addKey({
      organizationId: "org_1", provider: ProviderType.TWILIO, keyData: { accountSid: `AC${"0".repeat(32)}`, authToken }, validate: "skip",
    });

    const refused = async (attempt: () => Promise<unknown>): Promise<void> => {
      const error: unknown = await attempt().then(() => undefined, (reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      const { stack, message } = error as Error;
      said.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), `${message} ${stack}`);
    };
    await refused(() => manager.addKey({ ...add, keyData: { apiKey: openaiKey("one") } }));
    await refused(() => manager.addKey({ ...add, keyData: { apiKey: openaiKey("bro\nken") } }));
    await refused(() => manager.addKey({ ...add, keyData: { apiKey: openaiKey("-invalid-") } }));
    await refused(() => manager.addKey({ userId: "user_2", provider: ProviderType.ANTHROPIC, keyData: { apiKey: openaiKey("elsewhere") } }));
    await refused(() => manager.getKey(openaiKey("as an id")));
    await refused(() => manager.getActiveKey("user_9", ProviderType.OPENAI));
    await refused(() => manager.recordUsage({ keyId: "key_unknown", label: "x" }));

    const key = await manager.getActiveKey("user_1", ProviderType.OPENAI);
    expect(key.decryptedKey).toContain(marker);
    said.push(JSON.stringify(key), inspect(key, { depth: 10, showHidden: true }), String(key satisfies unknown as unknown));
    const fetchOne = manager.fetchFor("user_1", ProviderType.OPENAI);
    sandbox.script(openaiKey("one"), { kind: "echo_key" });
    const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }] });
    for (let call = 0; call < 3; call += 1) {
      const answer = await fetchOne("https://api.openai.com/v1/chat/completions", { method: "POST", headers: { "content-type": "application/json" }, body });
      said.push(JSON.stringify([...answer.headers]), await answer.text());
    }
    for (const record of await manager.listKeys("user_1")) {
      said.push(JSON.stringify(record), JSON.stringify(await manager.getUsageStats(record.id)));
      await manager.testKey(record.id);
    }
    const made = await createServiceToken(await coreOf(manager), "test", { name: "t", scopes: ["keys:use"], owner: { organizationId: "org_1" } });
    await manager.close();
    return made.token;
  }

  test("is nowhere in the database's files: not in a table, the write-ahead log, or the server's log of every statement", { timeout: 60_000 }, async () => {
    expect(await filesWith(folder, marker)).toEqual([]);
  });

  test("is in no log line, error, answer or printed object", () => {
    expect(said.length).toBeGreaterThan(20);
    expect(said.filter((text) => text.includes(marker))).toEqual([]);
  });

  test("and neither is the text of a service token", { timeout: 60_000 }, async () => {
    expect(token).toMatch(/^byok_/);
    expect(await filesWith(folder, token)).toEqual([]);
  });

  test("a planted text is found in all three places, so the search can fail", { timeout: 60_000 }, async () => {
    const found = await filesWith(folder, planted);
    expect(found).toContainEqual(expect.stringMatching(/^data\/base\//));
    expect(found).toContainEqual(expect.stringMatching(/^data\/pg_wal\//));
    expect(found).toContainEqual(expect.stringMatching(/\.log$/));
  });
});

/** A logger that keeps what it is told. */
function listener(lines: string[]): Logger {
  const hear = (fields: object, message?: string): void => void lines.push(`${JSON.stringify(fields)} ${inspect(fields, { depth: 10 })} ${message ?? ""}`);
  return { trace: hear, debug: hear, info: hear, warn: hear, error: hear, child: () => listener(lines) };
}

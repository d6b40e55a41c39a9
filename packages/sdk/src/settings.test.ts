import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { maskDatabaseUrl, parseSettings, readKeyData, secretVariables, settingSentences, type Mode } from "./settings.ts";

const rootKey = "base64:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
const sound = { BYOK_ENCRYPTION_KEY: rootKey };

function faultsOf(env: Record<string, string | undefined>, mode: Mode = "development"): { name: string; problem: string }[] {
  try {
    parseSettings(env, mode);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.details["settings"] as { name: string; problem: string }[];
    throw error;
  }
  return [];
}

describe("what is not set has the default that the variable declares", () => {
  test("an empty environment is a development start", () => {
    expect(parseSettings({}, "development")).toMatchObject({
      mode: "development", port: 8787, host: "127.0.0.1", dataDir: ".byok", databaseUrl: undefined, encryptionKey: undefined,
      previousEncryptionKeys: [], providers: {}, allowPrivateUrls: false, jwt: undefined, logLevel: "info",
    });
  });

  test("an empty value is an unset one", () => {
    expect(parseSettings({ PORT: "", BYOK_DATA_DIR: " ", DATABASE_URL: "", BYOK_ENCRYPTION_KEY: "" }, "development")).toMatchObject({ port: 8787, dataDir: ".byok" });
    expect(faultsOf({ BYOK_ENCRYPTION_KEY: "" }, "production").map((fault) => fault.name)).toEqual(["BYOK_ENCRYPTION_KEY"]);
  });

  test("every variable says in a sentence what it is for", () => {
    expect(settingSentences.length).toBeGreaterThan(30);
    expect(settingSentences.filter(({ sentence }) => !/^[A-Z0-9].{15,}\.$/s.test(sentence))).toEqual([]);
  });
});

describe("what is set is read", () => {
  test.each([
    ["PORT", "0", { port: 0 }],
    ["HOST", "0.0.0.0", { host: "0.0.0.0" }],
    ["HOST", "::1", { host: "::1" }],
    ["LOG_LEVEL", "DEBUG", { logLevel: "debug" }],
    ["BYOK_DATA_DIR", "/var/lib/byok", { dataDir: "/var/lib/byok" }],
    ["BYOK_PUBLIC_URL", "https://byok.example.com/", { publicUrl: "https://byok.example.com" }],
    ["BYOK_PUBLIC_URL", "https://example.com/byok/", { publicUrl: "https://example.com/byok" }],
    ["BYOK_PROXY_URL", "https://proxy.example.com", { proxyOrigin: "https://proxy.example.com" }],
    ["BYOK_PROVIDER_URL_GOOGLE_SPEECH", "http://10.0.0.1:9/speech", { providers: { google_speech: { baseUrl: "http://10.0.0.1:9/speech" } } }],
    ["BYOK_ALLOW_PRIVATE_URLS", "1", { allowPrivateUrls: true }],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", { otlpEndpoint: "http://127.0.0.1:4318" }],
    ["BYOK_ENCRYPTION_KEY_FILE", "/run/credentials/byok/key", { encryptionKeyFile: "/run/credentials/byok/key" }],
  ])("%s=%s", (name, value, expected) => {
    expect(parseSettings({ [name]: value }, "development")).toMatchObject(expected);
  });

  test("secrets come out as values that do not print", () => {
    const settings = parseSettings(
      { ...sound, DATABASE_URL: "postgres://byok:canary-password@db/byok", SMTP_URL: "smtp://u:canary-password@mail", BYOK_SYSTEM_OPENAI: "sk-canary-system" },
      "production",
    );
    expect(settings.encryptionKey?.reveal()).toBe(rootKey);
    expect(settings.databaseUrl?.reveal()).toBe("postgres://byok:canary-password@db/byok");
    expect(settings.systemKeys.reveal()).toEqual({ openai: { apiKey: "sk-canary-system" } });
    expect(`${inspect(settings, { depth: 10 })}${JSON.stringify(settings)}`).not.toMatch(/canary|3q2/);
  });

  test("a program can remove every secret from its environment by name", () => {
    expect(secretVariables).toEqual(expect.arrayContaining(["BYOK_ENCRYPTION_KEY", "BYOK_ENCRYPTION_KEY_PREVIOUS", "DATABASE_URL", "BYOK_SYSTEM_OPENAI"]));
  });

  test("previous root keys are a comma list", () => {
    const settings = parseSettings({ ...sound, BYOK_ENCRYPTION_KEY_PREVIOUS: `${rootKey}, an older pass phrase of ours` }, "production");
    expect(settings.previousEncryptionKeys.map((key) => key.reveal())).toEqual([rootKey, "an older pass phrase of ours"]);
  });

  test("system keys take a JSON object, and the bare secret where one field suffices", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } });
    const account = { type: "service_account", project_id: "p", private_key_id: "k", private_key: privateKey, client_email: "a@p.iam.gserviceaccount.com", token_uri: "https://oauth2.googleapis.com/token" };
    const settings = parseSettings(
      { BYOK_SYSTEM_ANTHROPIC: "sk-ant-x", BYOK_SYSTEM_OPENAI: '{"apiKey":"sk-x","organization":"org-1"}', BYOK_SYSTEM_VERTEX: JSON.stringify(account) },
      "development",
    );
    expect(settings.systemKeys.reveal()).toEqual({
      anthropic: { apiKey: "sk-ant-x" },
      openai: { apiKey: "sk-x", organization: "org-1" },
      vertex: { serviceAccount: JSON.stringify(account) },
    });
  });
});

describe("B-44 a root key that can be guessed is refused, a final line break is not held against it", () => {
  test.each([
    ["fifteen characters", "fifteen-letters"],
    ["a value from an example", "changeme-changeme-changeme"],
    ["31 bytes", "base64:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw=="],
    ["URL-safe base64", "base64:_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-8="],
    ["odd hex", `hex:${"a1b2c3".repeat(10)}abc`],
  ])("%s", (_, key) => {
    const [fault, ...others] = faultsOf({ BYOK_ENCRYPTION_KEY: key }, "production");
    expect(fault?.name).toBe("BYOK_ENCRYPTION_KEY");
    expect(fault?.problem).not.toContain(key.slice(0, 12));
    expect(others).toEqual([]);
    expect(faultsOf({ ...sound, BYOK_ENCRYPTION_KEY_PREVIOUS: key }, "production").map((one) => one.name)).toEqual(["BYOK_ENCRYPTION_KEY_PREVIOUS"]);
  });

  test("a line break at the end", () => {
    expect(faultsOf({ BYOK_ENCRYPTION_KEY: "a pass phrase of some length\n" }, "production")).toEqual([]);
  });
});

describe("B-62 a setting that is malformed or unknown stops the start, named, its value untold", () => {
  test.each([
    ["PORT", "abc", /port from 0/],
    ["PORT", "65536", /port from 0/],
    ["PORT", "80.5", /port from 0/],
    ["PORT", "-1", /port from 0/],
    ["HOST", "http://here", /IP address/],
    ["LOG_LEVEL", "loud", /one of trace/],
    ["DATABASE_URL", "mysql://u:canary@h/d", /postgres:/],
    ["DATABASE_URL", "host=h password=canary", /postgres:/],
    ["SMTP_URL", "mail.example.com", /smtp:/],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", /URL/],
    ["BYOK_PUBLIC_URL", "byok.example.com", /URL/],
    ["BYOK_PUBLIC_URL", "https://u:canary@example.com", /credentials/],
    ["BYOK_PROXY_URL", "https://example.com/proxy", /without a path/],
    ["BYOK_PROVIDER_URL_OPENAI", "https://api.example.com?key=canary", /without version segment/],
    ["BYOK_ALLOW_PRIVATE_URLS", "maybe", /1 or 0/],
    ["BYOK_JWKS_URL", "http://id.example.com/jwks", /https/],
    ["BYOK_SYSTEM_OPENAI", "sk-ant-canary", /Anthropic/],
    ["BYOK_SYSTEM_OPENAI", '{"apiKey":"canary"', /JSON object/],
    ["BYOK_SYSTEM_TWILIO", "canary", /JSON object/],
    ["BYOK_ENCRYPTION_KEY_FILE", "canary\u0000", /path of a file/],
  ])("%s=%s", (name, value, expected) => {
    const fault = faultsOf({ [name]: value }).find((one) => one.name === name);
    expect(fault?.problem).toMatch(expected);
    expect(fault?.problem).not.toMatch(/canary/);
  });

  test.each([
    ["BYOK_ENCRYPTON_KEY", "BYOK_ENCRYPTION_KEY"],
    ["BYOK_ENCRYPTION_KEY_FILES", "BYOK_ENCRYPTION_KEY_FILE"],
    ["BYOK_DATADIR", "BYOK_DATA_DIR"],
    ["BYOK_PROVIDER_URL_OPEN_AI", "BYOK_PROVIDER_URL_OPENAI"],
    ["BYOK_SYSTEM_openai", "BYOK_SYSTEM_OPENAI"],
    ["BYOK_URL", "BYOK_JWKS_URL"],
  ])("%s is answered with %s", (name, nearest) => {
    expect(faultsOf({ [name]: "canary" })).toEqual([{ name, problem: `unknown setting; did you mean ${nearest}?` }]);
  });

  test("all faults are named at once", () => {
    const faults = faultsOf({ PORT: "abc", LOG_LEVEL: "loud", BYOK_PORT: "1", BYOK_JWT_ISSUER: "https://id.example.com" }, "production");
    expect(faults.map((fault) => fault.name).sort()).toEqual([
      "BYOK_ENCRYPTION_KEY", "BYOK_JWKS_URL", "BYOK_JWT_AUDIENCE", "BYOK_PORT", "LOG_LEVEL", "PORT",
    ]);
  });

  test("variables of others, and those for tests, are ignored", () => {
    expect(faultsOf({ TEST_CHROMIUM: "/x", PATH: "/bin", byok_port: "x" })).toEqual([]);
  });
});

describe("production", () => {
  test("needs a root key, in the variable or in a file, and not in both", () => {
    expect(faultsOf({}, "production").map((fault) => fault.name)).toEqual(["BYOK_ENCRYPTION_KEY"]);
    expect(faultsOf({ BYOK_ENCRYPTION_KEY_FILE: "/key" }, "production")).toEqual([]);
    expect(faultsOf({ ...sound, BYOK_ENCRYPTION_KEY_FILE: "/key" }, "production").map((fault) => fault.name)).toEqual(["BYOK_ENCRYPTION_KEY_FILE"]);
  });

  test("S-75 does not start where TLS is not verified", () => {
    expect(faultsOf({ ...sound, NODE_TLS_REJECT_UNAUTHORIZED: "0" }, "production").map((fault) => fault.name)).toEqual(["NODE_TLS_REJECT_UNAUTHORIZED"]);
    expect(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }, "development")).toEqual([]);
  });
});

test("a database's URL is shown without its password", () => {
  expect(maskDatabaseUrl("postgres://byok:canary@db:5432/byok?sslpassword=canary&sslmode=require")).toBe("postgres://byok:***@db:5432/byok?sslpassword=***&sslmode=require");
  expect(maskDatabaseUrl("host=db password=canary")).not.toContain("canary");
});

test("key data as text: trimmed, one line, or JSON", () => {
  expect(readKeyData("openai", "\ufeffsk-x\r\n")).toEqual({ apiKey: "sk-x" });
  expect(readKeyData("twilio", '{"accountSid":"AC1","authToken":"t"}')).toEqual({ accountSid: "AC1", authToken: "t" });
  expect(() => readKeyData("openai", "sk-canary\nsk-canary")).toThrow(/several lines/);
});

/**
 * What the programs read from their environment: one schema, a sentence a variable, and a pure function over it. Every
 * fault is reported at once, by name and never by value, so that a start fails before anything is opened or written.
 * Defaults stand where the variable is declared. The programs call this once and hand values down.
 */
import { ConfigurationError, engine, KeyValidationError, readEncryptionKey, Secret } from "@stack-2025/byok-crypto";
import { completeProviders, providerTypes, type KeyData, type ProviderType } from "@stack-2025/byok-providers";
import { z } from "zod";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** `production` takes nothing for granted: the root key has to be given. `development` is `npm start`. */
export type Mode = "production" | "development";

export interface Settings {
  mode: Mode;
  /** 0 takes a free one. */
  port: number;
  host: string;
  /** As given: relative to the working directory. */
  dataDir: string;
  /** Absent: an embedded PostgreSQL under `dataDir`. */
  databaseUrl: Secret<string> | undefined;
  encryptionKey: Secret<string> | undefined;
  /** A file that holds the key; given in place of `encryptionKey`. */
  encryptionKeyFile: string | undefined;
  previousEncryptionKeys: Secret<string>[];
  /** Without a slash at its end. */
  publicUrl: string | undefined;
  /** An origin of its own for `/proxy`. */
  proxyOrigin: string | undefined;
  providers: Partial<Record<ProviderType, { baseUrl: string }>>;
  systemKeys: Secret<Partial<Record<ProviderType, KeyData>>>;
  allowPrivateUrls: boolean;
  /** Whose tokens name a user. */
  jwt: { jwksUrl: string; issuer: string; audience: string } | undefined;
  smtpUrl: Secret<string> | undefined;
  otlpEndpoint: string | undefined;
  logLevel: LogLevel;
}

/** One variable that is read from its text; what does not parse is a fault that says what was expected. */
function variable<T>(expected: string, read: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = read(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `expected ${expected}` });
    return z.NEVER;
  });
}

const loopbackHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Without user, password, query and fragment: what stands there would leak into logs, or be lost when a path is added. */
function plainUrl(text: string, protocols: readonly string[]): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol) || url.host === "") return undefined;
  return url.username || url.password || url.search || url.hash ? undefined : url;
}

const http = ["http:", "https:"];
const withoutSlash = (text: string): string => text.replace(/\/+$/, "");
const readUrl = (text: string): string | undefined => {
  const url = plainUrl(text, http);
  return url && withoutSlash(url.href);
};
const readOrigin = (text: string): string | undefined => {
  const url = plainUrl(text, http);
  return url?.pathname === "/" ? url.origin : undefined;
};
const readHttpsUrl = (text: string): string | undefined => {
  const url = plainUrl(text, http);
  return url && (url.protocol === "https:" || loopbackHosts.has(url.hostname)) ? url.href : undefined;
};
const readPort = (text: string): number | undefined => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined);
const readHost = (text: string): string | undefined => (/^[\w.:-]{1,253}$/.test(text) ? text : undefined);
const readSwitch = (text: string): boolean | undefined => ({ "1": true, true: true, "0": false, false: false })[text.toLowerCase()];
const readLevel = (text: string): LogLevel | undefined => logLevels.find((level) => level === text.toLowerCase());
const readLine = (text: string): string | undefined => (text !== "" && text.length <= 4_096 && !/\p{Cc}/u.test(text) ? text : undefined);

function readDatabaseUrl(text: string): Secret<string> | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && /^postgres(?:ql)?:$/.test(url.protocol) ? new Secret(text) : undefined;
}

function readSmtpUrl(text: string): Secret<string> | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && /^smtps?:$/.test(url.protocol) && url.hostname !== "" ? new Secret(text) : undefined;
}

/** A root key is kept as it came, but for a final line break: a passphrase may begin or end in a space. */
const rootKeyVariable = z.string().transform((text, context): Secret<string> => {
  const fault = encryptionKeyFault(text);
  if (fault === undefined) return new Secret(text);
  context.addIssue({ code: "custom", message: fault });
  return z.NEVER;
});

const previousKeysVariable = z.string().transform((text, context): Secret<string>[] => {
  const keys = text.split(",").map((key) => key.trim());
  for (const [index, key] of keys.entries()) {
    const fault = encryptionKeyFault(key);
    if (fault !== undefined) context.addIssue({ code: "custom", message: `entry ${index + 1} of the comma list ${fault.split(". ", 1).join("")}` });
  }
  return keys.map((key) => new Secret(key));
});

const providerUrl = (type: ProviderType) =>
  variable("an http or https URL in place of the vendor's origin, without version segment, query and credentials, such as https://eu.example.com", readUrl)
    .optional()
    .describe(`Base URL in place of the vendor's own, for ${type}: regional, self-hosted or test endpoints. Default: the vendor's.`);

const systemKey = (type: ProviderType) =>
  z
    .string()
    .transform((text, context): Secret<KeyData> => {
      try {
        const given = readKeyData(type, text);
        const provider = completeProviders.find((one) => one.type === type);
        return new Secret(provider ? provider.parse(given) : (given as KeyData));
      } catch (error) {
        if (!(error instanceof KeyValidationError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
        return z.NEVER;
      }
    })
    .optional()
    .describe(`A system default for ${type}, tried after every stored key: the bare secret where one field suffices, else a JSON object. Default: none.`);

const upper = (type: ProviderType): Uppercase<ProviderType> => type.toUpperCase() as Uppercase<ProviderType>;
const urlOf = (type: ProviderType) => `BYOK_PROVIDER_URL_${upper(type)}` as const;
const systemOf = (type: ProviderType) => `BYOK_SYSTEM_${upper(type)}` as const;
const perProvider = <N extends string, S>(name: (type: ProviderType) => N, schema: (type: ProviderType) => S): Record<N, S> =>
  Object.fromEntries(providerTypes.map((type) => [name(type), schema(type)])) as Record<N, S>;

const variables = z.object({
  PORT: variable("a port from 0 (any free one) to 65535", readPort).default(8787).describe("Port of the service. Default: 8787."),
  HOST: variable("an IP address or a host name", readHost).default("127.0.0.1").describe("Address that the service listens on. Default: 127.0.0.1, this machine alone."),
  DATABASE_URL: variable(
    "postgres://user:password@host:5432/database, with special characters of the password percent-encoded",
    readDatabaseUrl,
  )
    .optional()
    .describe("The PostgreSQL database, 15 or newer; its role owns the database and may create roles. Default: an embedded PostgreSQL under BYOK_DATA_DIR."),
  LOG_LEVEL: variable(`one of ${logLevels.join(", ")}`, readLevel).default("info").describe("Least severity that is logged. Default: info."),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable("an http or https URL", readUrl).optional().describe("Where traces go, by OTLP over HTTP. Default: nowhere."),
  SMTP_URL: variable("smtp://user:password@host:587 or smtps://user:password@host:465", readSmtpUrl)
    .optional()
    .describe("The mail server of alert mail. Default: none, no mail is sent."),
  BYOK_ENCRYPTION_KEY: rootKeyVariable
    .optional()
    .describe("The root key: base64:… or hex:… of 32 bytes, or a passphrase of at least 16 characters. Default: none; production needs it, or the file."),
  BYOK_ENCRYPTION_KEY_FILE: variable("the path of a file that holds the root key", readLine)
    .optional()
    .describe("A file that holds the root key (a systemd credential, a mounted secret), better than the variable, which others may read. Default: none."),
  BYOK_ENCRYPTION_KEY_PREVIOUS: previousKeysVariable.default([]).describe("Earlier root keys, a comma list, while a rotation of the root goes on. Default: none."),
  BYOK_DATA_DIR: variable("the path of a folder", readLine)
    .default(".byok")
    .describe("Folder of the embedded database, of root.key and dev.json. Default: .byok in the working directory."),
  BYOK_PUBLIC_URL: variable("an http or https URL without query and credentials, such as https://byok.example.com", readUrl)
    .optional()
    .describe("Where the service is reached from outside. Default: none; set-up links and proxy tokens need it."),
  BYOK_PROXY_URL: variable("an http or https origin without a path, such as https://proxy.example.com", readOrigin)
    .optional()
    .describe("An origin of its own for /proxy. Default: the service's own, which is for development."),
  BYOK_JWKS_URL: variable("an https URL (http on the loopback only)", readHttpsUrl)
    .optional()
    .describe("The key set that users' tokens are verified with. Default: none, users' tokens are refused."),
  BYOK_JWT_ISSUER: variable("the exact issuer of users' tokens", readLine).optional().describe("Issuer of users' tokens; needed with BYOK_JWKS_URL."),
  BYOK_JWT_AUDIENCE: variable("the audience of users' tokens", readLine).optional().describe("Audience of users' tokens; needed with BYOK_JWKS_URL."),
  BYOK_ALLOW_PRIVATE_URLS: variable("1 or 0", readSwitch)
    .default(false)
    .describe("1 allows webhooks and return URLs on private addresses. Default: 0."),
  ...perProvider(urlOf, providerUrl),
  ...perProvider(systemOf, systemKey),
});

const knownNames = Object.keys(variables.shape);

/** Variables whose value is a secret: a program removes them from its environment once they are read. */
export const secretVariables: readonly string[] = [
  "BYOK_ENCRYPTION_KEY",
  "BYOK_ENCRYPTION_KEY_PREVIOUS",
  "DATABASE_URL",
  "SMTP_URL",
  ...providerTypes.map(systemOf),
];

/** Every variable and its sentence, default included: for help texts and documents. */
export const settingSentences: readonly { name: string; sentence: string }[] = Object.entries(variables.shape).map(([name, schema]) => ({
  name,
  sentence: schema.description ?? "",
}));

interface SettingFault {
  name: string;
  problem: string;
}

/**
 * The settings that an environment says. An empty value is an unset one; variables that are neither ours nor begin with
 * `BYOK_` are ignored.
 *
 * @throws ConfigurationError with every fault: the variable, what was expected, never the value. `details.settings` lists them
 */
export function parseSettings(env: Readonly<Record<string, string | undefined>>, mode: Mode): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ""));
  const faults = unknownNames(env);
  const parsed = variables.safeParse(Object.fromEntries(knownNames.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]])));
  for (const issue of parsed.error?.issues ?? []) faults.push({ name: String(issue.path[0]), problem: issue.message });
  faults.push(...conflicts(given, mode));
  if (!parsed.success || faults.length > 0) throw refused(faults);

  const read = parsed.data;
  const { BYOK_JWKS_URL: jwksUrl, BYOK_JWT_ISSUER: issuer, BYOK_JWT_AUDIENCE: audience } = read;
  const providers: Settings["providers"] = {};
  const systemKeys: Partial<Record<ProviderType, KeyData>> = {};
  for (const type of providerTypes) {
    const baseUrl = read[urlOf(type)];
    const key = read[systemOf(type)];
    if (baseUrl !== undefined) providers[type] = { baseUrl };
    if (key !== undefined) systemKeys[type] = key.reveal();
  }
  return {
    mode,
    port: read.PORT,
    host: read.HOST,
    dataDir: read.BYOK_DATA_DIR,
    databaseUrl: read.DATABASE_URL,
    encryptionKey: read.BYOK_ENCRYPTION_KEY,
    encryptionKeyFile: read.BYOK_ENCRYPTION_KEY_FILE,
    previousEncryptionKeys: read.BYOK_ENCRYPTION_KEY_PREVIOUS,
    publicUrl: read.BYOK_PUBLIC_URL,
    proxyOrigin: read.BYOK_PROXY_URL,
    providers,
    systemKeys: new Secret(systemKeys),
    allowPrivateUrls: read.BYOK_ALLOW_PRIVATE_URLS,
    jwt: jwksUrl && issuer && audience ? { jwksUrl, issuer, audience } : undefined,
    smtpUrl: read.SMTP_URL,
    otlpEndpoint: read.OTEL_EXPORTER_OTLP_ENDPOINT,
    logLevel: read.LOG_LEVEL,
  };
}

/**
 * Key data from the text that an operator gives: a JSON object, a service account's JSON, or the bare secret where one
 * field suffices.
 *
 * @throws KeyValidationError the text is none of these; never quotes it
 */
export function readKeyData(type: ProviderType, text: string): unknown {
  const plain = text.trim(); // A byte-order mark is white space to `trim`.
  if (plain.startsWith("{")) return readJsonKeyData(type, plain);
  if (type === "twilio") {
    throw invalidKeyData('keyData of twilio has several fields. Give a JSON object, such as {"accountSid":"AC…","authToken":"…"}.');
  }
  if (/[\r\n]/.test(plain)) throw invalidKeyData("keyData has several lines and is no JSON object. Give the secret alone, on one line.");
  return { apiKey: plain };
}

function readJsonKeyData(type: ProviderType, text: string): unknown {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // The parser's message repeats the text, so it is not passed on.
    throw invalidKeyData("keyData begins like a JSON object and is not one. Copy it again and paste it whole.");
  }
  const isServiceAccount = typeof parsed["type"] === "string" && (type === "vertex" || type === "google_speech");
  return isServiceAccount ? { serviceAccount: parsed } : parsed;
}

const invalidKeyData = (message: string) => new KeyValidationError(message, { details: { field: "keyData" } });

/** What is wrong with a root key, in words that follow a setting's name; undefined where it can serve. Never quotes it. */
export function encryptionKeyFault(text: string): string | undefined {
  try {
    const given = readEncryptionKey(text);
    if (given.kind === "bytes") engine.wipe(given.bytes);
    if (given.kind === "passphrase") engine.wipe(given.passphrase);
    return undefined;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.replace(/^BYOK_ENCRYPTION_KEY /, "");
  }
}

/** The URL of a database without its password, for messages. */
export function maskDatabaseUrl(text: string): string {
  if (!URL.canParse(text)) return "(no URL)";
  const url = new URL(text);
  if (url.password !== "") url.password = "***";
  for (const name of url.searchParams.keys()) {
    if (/pass/i.test(name)) url.searchParams.set(name, "***");
  }
  return url.href;
}

function unknownNames(env: Readonly<Record<string, string | undefined>>): SettingFault[] {
  return Object.keys(env)
    .filter((name) => name.startsWith("BYOK_") && !knownNames.includes(name))
    .map((name) => ({ name: printable(name), problem: `unknown setting; did you mean ${nearest(name)}?` }));
}

/** What no variable can say alone. */
function conflicts(given: Readonly<Record<string, string | undefined>>, mode: Mode): SettingFault[] {
  const has = (name: string): boolean => given[name] !== undefined;
  const faults: SettingFault[] = [];
  if (has("BYOK_ENCRYPTION_KEY") && has("BYOK_ENCRYPTION_KEY_FILE")) {
    faults.push({ name: "BYOK_ENCRYPTION_KEY_FILE", problem: "expected only one of this and BYOK_ENCRYPTION_KEY; both are set" });
  }
  if (mode === "production" && !has("BYOK_ENCRYPTION_KEY") && !has("BYOK_ENCRYPTION_KEY_FILE")) {
    faults.push({
      name: "BYOK_ENCRYPTION_KEY",
      problem:
        "not set, and production needs it. Set BYOK_ENCRYPTION_KEY_FILE to the path of a file that holds it, or the variable itself; `echo base64:$(openssl rand -base64 32)` makes one",
    });
  }
  const jwt = ["BYOK_JWKS_URL", "BYOK_JWT_ISSUER", "BYOK_JWT_AUDIENCE"];
  if (jwt.some(has)) {
    for (const name of jwt.filter((one) => !has(one))) faults.push({ name, problem: `not set; ${jwt.join(", ")} go together` });
  }
  if (mode === "production" && given["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    faults.push({ name: "NODE_TLS_REJECT_UNAUTHORIZED", problem: "expected to be unset in production: with 0, keys would go to whoever answers" });
  }
  return faults;
}

function refused(faults: SettingFault[]): ConfigurationError {
  const lines = faults.map(({ name, problem }) => `${name}: ${problem}${/[.?]$/.test(problem) ? "" : "."}`);
  const message = lines.length === 1 ? lines.join("") : `${lines.length} settings are at fault.\n${lines.map((line) => `  ${line}`).join("\n")}`;
  return new ConfigurationError(message, { details: { settings: faults } });
}

/** A name comes from outside too. */
const printable = (name: string): string => name.slice(0, 100).replaceAll(/[^\w]/g, "?");

function nearest(name: string): string {
  const ranked = knownNames.filter((known) => known.startsWith("BYOK_")).map((known) => ({ known, distance: editDistance(name.toUpperCase(), known) }));
  return ranked.reduce((best, one) => (one.distance < best.distance ? one : best)).known;
}

/** Levenshtein's: insertions, deletions and substitutions, each of which counts one. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= Math.min(from.length, 100); i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

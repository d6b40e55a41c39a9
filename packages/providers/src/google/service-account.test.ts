import { generateKeyPairSync, createPrivateKey } from "node:crypto";
import { KeyValidationError } from "@stack-2025/byok-crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { providerFor } from "../registry.ts";
import { sampleAccount, samplePrivateKey } from "../sample-service-account.ts";
import { hasDuplicateName } from "./duplicate-name.ts";
import { accountOf } from "./service-account.ts";

const types = ["vertex", "google_speech"] as const;
const canary = "canary-Qz7Vx9JqWk";

function refusalOf(serviceAccount: unknown, baseUrl?: string, type: (typeof types)[number] = "vertex"): KeyValidationError {
  try {
    providerFor(type).parse({ serviceAccount }, baseUrl);
  } catch (error) {
    if (error instanceof KeyValidationError) return error;
    throw error;
  }
  throw new Error("the service account was taken");
}

const json = (more?: Record<string, unknown>): string => JSON.stringify(sampleAccount(more));
const pem = (type: "pkcs1" | "pkcs8" | "sec1", key: ReturnType<typeof createPrivateKey>): string => key.export({ type, format: "pem" }).toString();

describe.each(types)("%s takes a service account", (type) => {
  const provider = providerFor(type);
  const expected = { serviceAccount: json() };

  test.each([
    ["as text", json()],
    ["with a byte-order mark and blanks around it", `\ufeff\n  ${json()}\r\n`],
    ["indented, as the console's file is", JSON.stringify(sampleAccount(), null, 2)],
    ["parsed", sampleAccount()],
    ["with escaped line breaks in its key, as text", json({ private_key: samplePrivateKey().replaceAll("\n", String.raw`\n`) })],
    ["with escaped line breaks in its key, parsed", sampleAccount({ private_key: samplePrivateKey().replaceAll("\n", String.raw`\n`) })],
    ["with the line breaks of Windows in its key", sampleAccount({ private_key: samplePrivateKey().replaceAll("\n", "\r\n") })],
    ["without the last line break of its key", sampleAccount({ private_key: samplePrivateKey().trimEnd() })],
  ])("B-10, B-11: %s, and always gives the same", (_what, serviceAccount) => {
    const parsed = provider.parse({ serviceAccount });
    expect(parsed).toEqual(expected);
    expect(provider.parse(parsed)).toEqual(expected);
    expect(provider.canonical(parsed)).toBe(provider.canonical(provider.parse(expected)));
  });

  test("without what it can do without", () => {
    const slim = json({ token_uri: undefined, universe_domain: undefined, private_key_id: undefined, auth_uri: undefined });
    expect(provider.parse({ serviceAccount: slim })).toEqual({ serviceAccount: slim });
  });

  test("whose canonical text tells accounts apart, not spellings", () => {
    const [plain, other, another] = [{}, { client_id: "1", project_id: "other-project" }, { client_email: "another@test-project.iam.gserviceaccount.com" }].map((more) =>
      provider.canonical(provider.parse({ serviceAccount: json(more) })),
    );
    expect(other).toBe(plain);
    expect(another).not.toBe(plain);
  });

  test("and tells every form of its key for scrubbing", () => {
    const secrets = provider.secrets(provider.parse(expected));
    expect(secrets).toEqual(expect.arrayContaining([expected.serviceAccount, samplePrivateKey(), samplePrivateKey().replaceAll("\n", String.raw`\n`)]));
    expect(secrets.some((secret) => samplePrivateKey().replaceAll("\n", "").includes(secret))).toBe(true);
  });

  test("B-05: of 32 KiB, not of one byte more", () => {
    const empty = json({ client_id: "" }).length;
    const longest = json({ client_id: "0".repeat(32_768 - empty) });
    expect(Buffer.byteLength(longest)).toBe(32_768);
    expect(provider.parse({ serviceAccount: ` ${longest}\n` })).toEqual({ serviceAccount: longest });
    for (const size of [32_769, 1_000_000]) {
      for (const given of [json({ client_id: "0".repeat(size - empty) }), sampleAccount({ client_id: "0".repeat(size - empty) })]) {
        expect(refusalOf(given, undefined, type).details).toEqual({ field: "keyData.serviceAccount", problem: "too_long", provider: type });
      }
    }
  });

  test("B-08: or an API key, never both, and never neither", () => {
    expect(() => provider.parse({ ...expected, apiKey: "AIzaTest" })).toThrow("keyData.serviceAccount stands beside an API key");
    expect(() => provider.parse({})).toThrow("keyData.serviceAccount is missing");
  });
});

describe("B-10: no JSON of a service account", () => {
  test.each([
    ["cut", json().slice(0, -40), "not_json"],
    ["with a trailing comma", json().replace(/\}$/, ",}"), "not_json"],
    ["double-encoded", JSON.stringify(json()), "double_encoded"],
    ["with a field twice", json().replace("{", '{"type":"service_account",'), "duplicate_name"],
    ["with a field twice, once in escapes", json().replace("{", String.raw`{"t\u0079pe":"service_account",`), "duplicate_name"],
    ["a file's name", "/home/somebody/key.json", "not_json"],
    ["an array", `[${json()}]`, "not_json"],
    ["nothing", "  ", "empty"],
    ["a number", "5", "not_json"],
    ["null", "null", "not_json"],
    ["an API key", "AIzaTest0123456789", "not_json"],
    ["another's comment", `// ${canary}\n${json()}`, "not_json"],
  ])("%s is refused, and nothing of it repeated", (_what, given, problem) => {
    const error = refusalOf(given);
    expect(error.details).toEqual({ field: "keyData.serviceAccount", problem, provider: "vertex" });
    for (const piece of [canary, "somebody", "AIza", "BEGIN PRIVATE"]) expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain(piece);
    expect(error.cause).toBeUndefined();
  });

  test.each([[5], [true], [["x"]], [Buffer.from(json())], [null], [new String(json())]])("%o is refused", (given) => {
    expect(refusalOf(given).details).toMatchObject({ field: "keyData.serviceAccount", problem: "wrong_type" });
  });

  test("an object that holds itself is refused", () => {
    const loop = sampleAccount();
    loop["self"] = loop;
    expect(refusalOf(loop).details).toMatchObject({ field: "keyData.serviceAccount", problem: "wrong_type" });
  });
});

describe("B-11: no private key of Google's", () => {
  const rsa = createPrivateKey(samplePrivateKey());
  const small = generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey;
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const good = samplePrivateKey();
  test.each([
    ["an EC key", pem("pkcs8", elliptic), "wrong_kind"],
    ["an EC key in its own form", pem("sec1", elliptic), "not_a_private_key"],
    ["an RSA key of 1,024 bits", pem("pkcs8", small), "wrong_kind"],
    ["PKCS #1", pem("pkcs1", rsa), "not_a_private_key"],
    ["an encrypted key", rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "test" }).toString(), "wrong_kind"],
    ["a certificate", good.replaceAll("PRIVATE KEY", "CERTIFICATE"), "wrong_kind"],
    ["a public key", good.replaceAll("PRIVATE", "PUBLIC"), "not_a_private_key"],
    ["a header of another kind", good.replace("BEGIN PRIVATE", "BEGIN OPENSSH PRIVATE"), "not_a_private_key"],
    ["a cut key", good.slice(0, 800), "not_a_private_key"],
    ["a changed key", good.replace(/\nMII/, "\nAII"), "not_a_private_key"],
    ["two keys", `${good}${good}`, "not_a_private_key"],
    ["words", canary, "not_a_private_key"],
    ["nothing", "", "not_a_private_key"],
    ["absent", undefined, "missing"],
    ["a number", 5, "wrong_type"],
  ])("%s is refused by its field", (_what, private_key, problem) => {
    const error = refusalOf(sampleAccount({ private_key }));
    expect(error.details).toEqual({ field: "keyData.serviceAccount.private_key", problem, provider: "vertex" });
    expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain(canary);
    expect(error.cause).toBeUndefined();
  });
});

describe("B-12, S-65: nothing but a service account, and no address of its own", () => {
  test.each(["authorized_user", "external_account", "external_account_authorized_user", "impersonated_service_account", "gdch_service_account", undefined, 5])("type %o is refused", (kind) => {
    const account = sampleAccount({ type: kind, credential_source: { executable: { command: "/bin/sh -c evil" } }, token_url: "http://evil.test/" });
    expect(refusalOf(account).details).toEqual({ field: "keyData.serviceAccount.type", problem: "wrong_kind", provider: "vertex" });
  });

  test.each([
    "http://127.0.0.1:9/token", "https://oauth2.googleapis.com.evil.test/token", "https://oauth2.googleapis.com/token/../x", "https://oauth2.googleapis.com:444/token",
    "http://oauth2.googleapis.com/token", "https://user@oauth2.googleapis.com/token", "file:///etc/passwd", "", "//evil.test", 5, null,
  ])("token_uri %o is refused by its name", (token_uri) => {
    expect(refusalOf(sampleAccount({ token_uri })).details).toEqual({ field: "keyData.serviceAccount.token_uri", problem: "foreign_address", provider: "vertex" });
  });

  test.each(["https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token"])("token_uri %s is Google's own", (token_uri) => {
    expect(() => providerFor("vertex").parse({ serviceAccount: sampleAccount({ token_uri }) })).not.toThrow();
  });

  test("a token_uri may lie on the operator's base URL, and nowhere beside it", () => {
    const base = "http://127.0.0.1:9999/vertex";
    for (const token_uri of ["http://127.0.0.1:9999/token", "http://127.0.0.1:9999/vertex/token?x=1"]) {
      expect(() => providerFor("vertex").parse({ serviceAccount: sampleAccount({ token_uri }) }, base)).not.toThrow();
    }
    for (const token_uri of ["http://127.0.0.1:9998/token", "https://127.0.0.1:9999/token", "http://user:x@127.0.0.1:9999/token", "http://127.0.0.1:9999.evil.test/token"]) {
      expect(refusalOf(sampleAccount({ token_uri }), base).details).toMatchObject({ field: "keyData.serviceAccount.token_uri" });
    }
  });

  test.each([
    ["universe_domain", "evil.test", "wrong_kind"],
    ["universe_domain", 5, "wrong_kind"],
    ["client_email", undefined, "missing"],
    ["client_email", "nobody", "wrong_type"],
    ["client_email", "a b@evil.test", "wrong_type"],
    ["project_id", "../x", "wrong_type"],
    ["project_id", 5, "wrong_type"],
    ["private_key_id", "a\nb", "wrong_type"],
  ])("%s of %o is refused by its name", (field, value, problem) => {
    expect(refusalOf(sampleAccount({ [field]: value })).details).toEqual({ field: `keyData.serviceAccount.${field}`, problem, provider: "vertex" });
  });

  test.each([
    ["location", "x.evil.test/", "not_a_location"],
    ["location", "us-central1.evil.test", "not_a_location"],
    ["location", "us-central1/x", "not_a_location"],
    ["location", "US", "not_a_location"],
    ["location", "a@evil.test", "not_a_location"],
    ["location", "us\ncentral1", "line_break"],
    ["location", "", "empty"],
    ["project", "../x", "wrong_kind"],
    ["project", "a/b", "wrong_kind"],
    ["project", "a?b", "wrong_kind"],
  ])("S-64: %s %j of a Vertex key is refused", (field, value, problem) => {
    let error: unknown;
    try {
      providerFor("vertex").parse({ serviceAccount: json(), [field]: value });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(KeyValidationError);
    expect(error).toMatchObject({ details: { field: `keyData.${field}`, problem } });
  });

  test("a Vertex key needs a project, its own or the account's; an API key has neither project nor location", () => {
    const provider = providerFor("vertex");
    expect(() => provider.parse({ serviceAccount: json({ project_id: undefined }) })).toThrow("keyData.project is missing");
    expect(() => provider.parse({ serviceAccount: json({ project_id: undefined }), project: "p1" })).not.toThrow();
    expect(() => provider.parse({ apiKey: "AQ.test", location: "eu" })).toThrow("keyData.location stands beside an API key");
  });
});

test("what was checked is what is read", () => {
  expect(accountOf(json())).toEqual({
    clientEmail: "byok-test@test-project.iam.gserviceaccount.com",
    privateKey: samplePrivateKey(),
    privateKeyId: "0000000000000000000000000000000000000000",
    projectId: "test-project",
    tokenUri: "https://oauth2.googleapis.com/token",
  });
});

test("a name that is there twice is found in any object, however it is nested or spelled, and no other is", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      expect(hasDuplicateName(text)).toBe(false);
      expect(hasDuplicateName(`{"a":${text},"b":[{"c":${text},"c":1}]}`)).toBe(true);
      expect(hasDuplicateName(String.raw`[{"é\"":${text},"\u00e9\u0022":null}]`)).toBe(true);
      expect(hasDuplicateName(`{"a":{"b":${text}},"b":{"a":"a:{,"}}`)).toBe(false);
    }),
  );
});

import { KeyValidationError } from "@stack-2025/byok-crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { completeProviders, providerFor } from "./registry.ts";
import type { ProviderType } from "./provider-type.ts";

/** The refusal of key data; throws where it is taken. */
function refusalOf(provider: ProviderType, keyData: unknown): KeyValidationError {
  try {
    providerFor(provider).parse(keyData);
  } catch (error) {
    if (error instanceof KeyValidationError) return error;
    throw error;
  }
  throw new Error("the key data was taken");
}

const account = { accountSid: "AC00000000000000000000000000000000" };
const pair = { apiKeySid: "SK00000000000000000000000000000000", apiKeySecret: "test-secret-shown-once" };

/** The secret fields of the complete providers, each with the rest of its key data. */
const secretFields = [
  ["openai", "apiKey", {}],
  ["anthropic", "apiKey", {}],
  ["gemini", "apiKey", {}],
  ["vertex", "apiKey", {}],
  ["google_speech", "apiKey", {}],
  ["openrouter", "apiKey", {}],
  ["deepgram", "apiKey", { projectId: "p1" }],
  ["telnyx", "apiKey", {}],
  ["twilio", "authToken", account],
  ["twilio", "apiKeySecret", { ...account, apiKeySid: pair.apiKeySid }],
] as const;

describe.each(secretFields)("%s %s", (provider, field, rest) => {
  const parse = (secret: unknown) => providerFor(provider).parse({ ...rest, [field]: secret });
  const refused = (secret: unknown) => refusalOf(provider, { ...rest, [field]: secret });
  const secret = "test-0123456789-secret";

  test.each(["\ufeff", " ", "\t", "\n", "\r\n", "  \n\ufeff", "\u00a0"])("B-01: %j around the secret is trimmed", (around) => {
    expect(parse(`${around}${secret}${around}`)).toEqual({ ...rest, [field]: secret });
  });

  test.each([
    ["\u200b", "zero_width"],
    ["\u200d", "zero_width"],
    ["\ufeff", "zero_width"],
    ["\u00ad", "zero_width"],
    ["\u00a0", "no_break_space"],
    ["\u3000", "no_break_space"],
    ["\u200f", "direction_mark"],
    ["\u202e", "direction_mark"],
    ["\0", "nul"],
    ["\n", "line_break"],
    ["\r\n", "line_break"],
    ["\u2028", "line_break"],
    ["\u0007", "control_character"],
    ["\u001b", "control_character"],
    [" ", "space"],
    ["é", "not_ascii"],
    ["🔑", "not_ascii"],
    ["\ud800", "not_ascii"],
  ])("B-02: %j inside is refused as %s, with its position", (sign, problem) => {
    const error = refused(`test-01${sign}23456789`);
    expect(error.details).toEqual({ field: `keyData.${field}`, problem, at: 8, provider });
    expect(error.message).toMatch(new RegExp(`^keyData\\.${field} has an? .* at character 8;`));
  });

  test.each([
    ["tеst-0123456789", 2, "look_alike"],
    ["test-０123456789", 6, "look_alike"],
    ["test–0123456789", 5, "look_alike"],
    ["“test-0123456789”", 1, "smart_quote"],
    ["test-0123456789’", 16, "smart_quote"],
  ])("B-03: %s is refused at character %i as %s", (text, at, problem) => {
    expect(refused(text).details).toEqual({ field: `keyData.${field}`, problem, at, provider });
  });

  test.each([
    ["", "empty"],
    [" \n\t ", "empty"],
    [null, "wrong_type"],
    [`Bearer ${secret}`, "bearer_prefix"],
    [`bearer: ${secret}`, "bearer_prefix"],
    [`"${secret}"`, "quoted"],
    [`'${secret}'`, "quoted"],
    [`\`${secret}\``, "quoted"],
    ["${OPENAI_API_KEY}", "placeholder"],
    ["$OPENAI_API_KEY", "placeholder"],
    ["{{ key }}", "placeholder"],
    ["<your-key>", "placeholder"],
    ["process.env.OPENAI_API_KEY", "placeholder"],
    ["undefined", "placeholder"],
    [`OPENAI_API_KEY=${secret}`, "assignment"],
    [`export TWILIO_AUTH_TOKEN=${secret}`, "assignment"],
  ])("B-04: %j is refused as %s", (given, problem) => {
    expect(refused(given).details).toMatchObject({ field: `keyData.${field}`, problem, provider });
  });

  test("B-05: 8 KiB are taken, one byte more is not", () => {
    const longest = `t-${"0".repeat(8_190)}`;
    expect(parse(` ${longest}\n`)).toMatchObject({ [field]: longest });
    expect(refused(`${longest}0`).details).toMatchObject({ problem: "too_long" });
    expect(refused("0".repeat(1_000_000)).details).toMatchObject({ problem: "too_long" });
  });

  const foreign: [text: string, what: string, ...home: string[]][] = [
    ["sk_live_0123456789abcdef", "a Stripe key"],
    ["ghp_0123456789abcdef", "a GitHub token"],
    ["github_pat_0123456789abcdef", "a GitHub token"],
    ["xoxb-0123456789-abcdef", "a Slack token"],
    ["AKIA0123456789ABCDEF", "an AWS access key id"],
    ["AIzaTest0123456789abcdef", "a Google key", "gemini", "vertex", "google_speech"],
    ["sk-or-v1-0123456789abcdef", "an OpenRouter key", "openrouter"],
    ["byok_0123456789abcdef", "a byok service token"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----", "an SSH private key"],
    ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA somebody@example.test", "an SSH public key"],
    ['{"type":"service_account","project_id":"x"}', "a JSON document", "vertex", "google_speech"],
  ];
  test.each(foreign.filter(([, , ...home]) => !home.includes(provider)))("B-06: %s is named as %s", (given, what) => {
    const error = refused(given);
    expect(error.details).toEqual({ field: `keyData.${field}`, problem: "other_provider", provider });
    expect(error.message).toContain(`looks like ${what}`);
  });

  test.each([[5], [["test-0123456789"]], [{ key: "test-0123456789" }], [true], [Buffer.from("test-0123456789")], [new String("test-0123456789")], [Symbol("test")], [10n]])(
    "B-07: %o is refused",
    (given) => {
      expect(refused(given).details).toEqual({ field: `keyData.${field}`, problem: "wrong_type", provider });
    },
  );

  test("B-08: a field that the provider does not know is refused by its name, unless the name may be a secret", () => {
    expect(refusalOf(provider, { ...rest, [field]: secret, apikey: "x" }).details).toEqual({ field: "keyData.apikey", problem: "unknown_field", provider });
    expect(refusalOf(provider, { ...rest, [field]: secret, serviceAccount: {} }).details).toMatchObject({ field: expect.stringMatching(/^keyData\.serviceAccount/) });
    const error = refusalOf(provider, { ...rest, [field]: secret, [secret]: true });
    expect(error.details).toEqual({ field: "keyData", problem: "unknown_field", provider });
    expect(error.message).not.toContain(secret);
  });

  test("B-22: __proto__ in key data is refused, and changes no prototype", () => {
    expect(() => providerFor(provider).parse(JSON.parse(`{"${field}":"${secret}","__proto__":{"polluted":true}}`))).toThrow(KeyValidationError);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("what the README gives as examples", () => {
  test.each([
    ["openai", { apiKey: "sk-...", organization: "org-..." }],
    ["openai", { apiKey: "sk-personal..." }],
    ["openai", { apiKey: "dg-team..." }],
    ["twilio", { accountSid: "ACtest...", authToken: "test-token..." }],
    ["twilio", { accountSid: "ACprod...", authToken: "prod-token..." }],
  ] as const)("B-04: %s %o passes the format; the probe decides", (provider, keyData) => {
    expect(providerFor(provider).parse(keyData)).toEqual(keyData);
  });
});

describe("keys of the wrong kind or place", () => {
  test.each([
    ["openai", "sk-ant-api03-0123456789", "other_provider", "an Anthropic key"],
    ["anthropic", "sk-proj-0123456789", "other_provider", "an OpenAI key"],
    ["anthropic", "sk-0123456789abcdT3BlbkFJ0123456789", "other_provider", "an OpenAI key"],
    ["openai", "SK0123456789abcdef0123456789abcdef", "other_provider", "a Twilio SID"],
    ["openai", "ek_0123456789abcdef", "wrong_kind", "a short-lived client secret"],
    ["openai", "sk-admin-0123456789", "wrong_kind", "an admin key"],
    ["anthropic", "sk-ant-oat01-0123456789", "wrong_kind", "an OAuth token"],
    ["openai", "KEY0123456789abcdef0123456789abcdef_secret", "other_provider", "a Telnyx key"],
    ["deepgram", "eyJtest.eyJtest.test-signature", "wrong_kind", "a temporary token"],
    ["gemini", "auth_tokens/0123456789", "wrong_kind", "an ephemeral token"],
    ["gemini", "ya29.0123456789", "wrong_kind", "an access token"],
    ["vertex", "ya29.0123456789", "wrong_kind", "an access token"],
    ["vertex", '{"type":"service_account"}', "wrong_kind", "belongs into keyData.serviceAccount"],
    ["google_speech", "sk-ant-0123456789", "other_provider", "an Anthropic key"],
    ["gemini", "sk-proj-0123456789", "other_provider", "an OpenAI key"],
  ] as const)("B-06: %s refuses %s as %s", (provider, apiKey, problem, what) => {
    const error = refusalOf(provider, { apiKey });
    expect(error.details).toEqual({ field: "keyData.apiKey", problem, provider });
    expect(error.message).toContain(what);
  });
});

describe("B-08: which fields there are", () => {
  test.each([undefined, null, 5, "sk-test-0123456789", [], [{ apiKey: "x" }]])("key data has to be an object: %o", (keyData) => {
    const { details, message } = refusalOf("openai", keyData);
    expect(details).toMatchObject({ field: "keyData", provider: "openai" });
    expect(message).not.toContain("sk-test");
  });

  test("a required field that is missing is named", () => {
    expect(refusalOf("openai", {}).details).toEqual({ field: "keyData.apiKey", problem: "missing", provider: "openai" });
    expect(refusalOf("openai", { apiKey: undefined }).details).toMatchObject({ field: "keyData.apiKey", problem: "missing" });
  });

  test("S-64: regions are chosen from the vendor's list, and nothing that is given becomes part of a host", () => {
    for (const region of ["mars", "evil.test/", "eu.evil.test", "EU", "", "__proto__"]) {
      expect(refusalOf("openai", { apiKey: "sk-...", region }).details).toMatchObject({ field: "keyData.region", problem: "not_in_list" });
      expect(refusalOf("deepgram", { apiKey: "dg-...", region }).details).toMatchObject({ field: "keyData.region", problem: "not_in_list" });
      expect(refusalOf("twilio", { ...account, ...pair, region }).details).toMatchObject({ field: "keyData.region", problem: "not_in_list" });
      expect(refusalOf("twilio", { ...account, ...pair, edge: region }).details).toMatchObject({ field: "keyData.edge", problem: "not_in_list" });
    }
  });

  test("ids that go into headers are checked like secrets", () => {
    expect(refusalOf("openai", { apiKey: "sk-...", organization: "org-a\r\nx-evil: 1" }).details).toMatchObject({ field: "keyData.organization", problem: "line_break" });
    expect(refusalOf("openai", { apiKey: "sk-...", project: "" }).details).toMatchObject({ field: "keyData.project", problem: "empty" });
    expect(refusalOf("openai", { apiKey: "sk-...", organization: "o".repeat(257) }).details).toMatchObject({ problem: "too_long" });
    expect(refusalOf("deepgram", { apiKey: "dg-...", projectId: "p 1" }).details).toMatchObject({ field: "keyData.projectId", problem: "space" });
    expect(refusalOf("telnyx", { apiKey: "KEY...", publicKey: "too-short" }).details).toMatchObject({ field: "keyData.publicKey", problem: "wrong_kind" });
    expect(refusalOf("anthropic", { apiKey: "k-...", workspaceId: "wrkspc\u00e9" }).details).toMatchObject({ field: "keyData.workspaceId", problem: "not_ascii" });
  });
});

describe("B-09: Twilio", () => {
  const authToken = "00000000000000000000000000000001";
  test.each([
    ["SIDs exchanged", { accountSid: pair.apiKeySid, apiKeySid: account.accountSid, apiKeySecret: pair.apiKeySecret }, "accountSid", "exchanged"],
    ["a key SID in place of the account's", { accountSid: pair.apiKeySid, authToken }, "accountSid", "exchanged"],
    ["the account's SID in place of the key's", { ...account, apiKeySid: account.accountSid, apiKeySecret: pair.apiKeySecret }, "apiKeySid", "exchanged"],
    ["a SID in place of the secret", { ...account, apiKeySid: pair.apiKeySid, apiKeySecret: pair.apiKeySid }, "apiKeySecret", "exchanged"],
    ["a SID in place of the token", { ...account, authToken: account.accountSid }, "authToken", "exchanged"],
    ["a SID without anything", account, "authToken", "missing"],
    ["a key SID without its secret", { ...account, apiKeySid: pair.apiKeySid }, "apiKeySecret", "missing"],
    ["a secret without its key SID", { ...account, apiKeySecret: pair.apiKeySecret }, "apiKeySid", "missing"],
    ["a token beside a pair", { ...account, authToken, ...pair }, "authToken", "conflicting"],
    ["a token beside half a pair", { ...account, authToken, apiKeySid: pair.apiKeySid }, "authToken", "conflicting"],
    ["an account SID of blanks", { accountSid: "   ", authToken }, "accountSid", "empty"],
    ["no account SID", { authToken }, "accountSid", "missing"],
    ["an account SID that is none", { accountSid: "12345", authToken }, "accountSid", "not_a_sid"],
    ["an account SID that leaves its place in the path", { accountSid: "AC/../../x", authToken }, "accountSid", "not_a_sid"],
    ["an account SID with a query", { accountSid: "AC1?x=y", authToken }, "accountSid", "not_a_sid"],
    ["an account SID with a line break", { accountSid: "AC1\n2", authToken }, "accountSid", "line_break"],
  ])("%s is refused by its field", (_what, keyData, field, problem) => {
    const { details, message } = refusalOf("twilio", keyData);
    expect(details).toMatchObject({ field: `keyData.${field}`, problem, provider: "twilio" });
    for (const secret of [authToken, pair.apiKeySecret, account.accountSid, pair.apiKeySid]) expect(message).not.toContain(secret);
  });
});

describe("properties", () => {
  const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%&*+,-./:;=?@^_|~".split("");
  const goodSecret = fc.array(fc.constantFrom(...signs), { minLength: 0, maxLength: 200 }).map((tail) => `t-0${tail.join("")}`);
  const blank = fc.array(fc.constantFrom(" ", "\t", "\n", "\r", "\ufeff", "\u00a0"), { maxLength: 4 }).map((blanks) => blanks.join(""));
  const noise = fc.oneof(fc.constantFrom(" ", "\n", "\0", "\u200b", "“", "а", '"', "Bearer ", "${", "sk-ant-", "sk_live_", "="), fc.string({ unit: "binary", minLength: 1, maxLength: 5 }));

  test("what is pasted with blanks around it parses to itself, and again to the same", () => {
    fc.assert(
      fc.property(fc.constantFrom(...secretFields), goodSecret, blank, blank, ([type, field, rest], secret, before, after) => {
        const provider = providerFor(type);
        const parsed = provider.parse({ ...rest, [field]: `${before}${secret}${after}` });
        expect(parsed).toEqual({ ...rest, [field]: secret });
        expect(provider.parse(parsed)).toEqual(parsed);
        expect(provider.principal(parsed)).toBe(secret);
      }),
    );
  });

  test("no refusal repeats any part of the value, whatever is wrong with it and in whichever field", () => {
    // The value is a known text, broken up by noise; no piece of it may come back.
    const pieces = ["Qz7Vx", "9JqWk", "Zy3Xp"];
    const broken = fc.tuple(noise, noise, noise, noise).map(([a, b, c, d]) => `${a}${pieces[0]}${b}${pieces[1]}${c}${pieces[2]}${d}`);
    const fields = ["apiKey", "organization", "project", "region", "workspaceId", "accountSid", "authToken", "apiKeySid", "apiKeySecret", "edge"] as const;
    let refusals = 0;
    fc.assert(
      fc.property(fc.constantFrom(...completeProviders), fc.dictionary(fc.oneof(fc.constantFrom<string>(...fields), broken), fc.oneof(broken, fc.array(broken), fc.object({ values: [broken] })), { maxKeys: 5 }), (provider, keyData) => {
        try {
          provider.parse(keyData);
        } catch (error) {
          if (!(error instanceof KeyValidationError)) throw error;
          refusals += 1;
          const told = `${error.message}${JSON.stringify(error.details)}${JSON.stringify(error)}${error.stack}${String(error.cause)}`;
          for (const piece of pieces) if (told.includes(piece)) throw new Error("the refusal repeats its value", { cause: error });
          if (typeof error.details["field"] !== "string" || !error.details["field"].startsWith("keyData")) throw new Error("the refusal names no field", { cause: error });
        }
      }),
      { numRuns: 500 },
    );
    expect(refusals).toBeGreaterThan(300);
  });

  test("whatever passes can stand in a header", () => {
    fc.assert(
      fc.property(fc.constantFrom(...secretFields), fc.string({ unit: "binary", maxLength: 40 }), ([type, field, rest], secret) => {
        const provider = providerFor(type);
        let parsed;
        try {
          parsed = provider.parse({ ...rest, [field]: secret });
        } catch (error) {
          if (error instanceof KeyValidationError) return;
          throw error;
        }
        expect(() => new Headers(provider.authorize({ method: "GET", path: "/", headers: {} }, parsed).headers)).not.toThrow();
        expect(provider.principal(parsed)).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { completeProviders, providerFor } from "./registry.ts";
import { sampleAccount } from "./sample-service-account.ts";
import { keysFromVariables } from "./variables.ts";
import type { ProviderType } from "./provider-type.ts";

const keysOf = (provider: ProviderType, env: Record<string, string | undefined>) => keysFromVariables(providerFor(provider).variables, env);

describe.each(completeProviders.map((provider) => [provider.type, provider] as const))("variables of %s", (_type, provider) => {
  const schema = z.toJSONSchema(provider.credentials, { io: "input" });

  test("name fields that there are, keys by secret ones; none is there twice", () => {
    const names = provider.variables.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const parts = provider.variables.filter((one) => one.field !== null);
    expect(parts.some(({ key }) => key === true)).toBe(true);
    for (const { field, key } of parts) expect(schema.properties?.[field]).toMatchObject({ secret: key === true });
    expect(Object.keys(schema.properties ?? {})).toEqual(expect.arrayContaining(parts.flatMap(({ beside }) => beside ?? [])));
  });

  test("that are no part of a key say why, as the rest of a sentence", () => {
    const notes = provider.variables.flatMap((one) => (one.field === null ? [one.note] : []));
    expect(notes.filter((note) => !/^(?:is|names|checks) [^.]+$/.test(note))).toEqual([]);
  });
});

describe("keys", () => {
  test.each<[string, ProviderType, Record<string, string>, Record<string, string>[]]>([
    ["one with its companions", "openai", { OPENAI_API_KEY: "sk-a", OPENAI_ORG_ID: "org-a", OPENAI_PROJECT_ID: "proj_a" }, [{ apiKey: "sk-a", organization: "org-a", project: "proj_a" }]],
    ["a companion of another name", "openai", { OPENAI_API_KEY: "sk-a", OPENAI_ORGANIZATION: "org-a" }, [{ apiKey: "sk-a", organization: "org-a" }]],
    ["the SDK's own name goes first", "openai", { OPENAI_API_KEY: "sk-a", OPENAI_ORGANIZATION: "org-b", OPENAI_ORG_ID: "org-a" }, [{ apiKey: "sk-a", organization: "org-a" }]],
    ["numbered and backup ones, in order", "openai", { OPENAI_API_KEY_BACKUP_2: "e", OPENAI_API_KEY_10: "c", OPENAI_API_KEY_BACKUP: "d", OPENAI_API_KEY_2: "b", OPENAI_API_KEY: "a" }, ["a", "b", "c", "d", "e"].map((apiKey) => ({ apiKey }))],
    ["numbers without a line", "deepgram", { DEEPGRAM_API_KEY2: "b", DEEPGRAM_API_KEY1: "a" }, [{ apiKey: "a" }, { apiKey: "b" }]],
    ["companions of the same ending, else of none", "openai", { OPENAI_API_KEY: "a", OPENAI_API_KEY_2: "b", OPENAI_API_KEY_3: "c", OPENAI_ORG_ID: "org-a", OPENAI_ORG_ID_2: "org-b" }, [{ apiKey: "a", organization: "org-a" }, { apiKey: "b", organization: "org-b" }, { apiKey: "c", organization: "org-a" }]],
    ["Twilio's token", "twilio", { TWILIO_ACCOUNT_SID: "AC1", TWILIO_AUTH_TOKEN: "t", TWILIO_REGION: "ie1" }, [{ accountSid: "AC1", authToken: "t", region: "ie1" }]],
    ["Twilio's pair beside its token", "twilio", { TWILIO_ACCOUNT_SID: "AC1", TWILIO_AUTH_TOKEN: "t", TWILIO_API_KEY: "SK1", TWILIO_API_SECRET: "s" }, [{ accountSid: "AC1", authToken: "t" }, { accountSid: "AC1", apiKeySid: "SK1", apiKeySecret: "s" }]],
    ["Twilio's pair by its other names", "twilio", { TWILIO_ACCOUNT_SID: "AC1", TWILIO_API_KEY_SID: "SK1", TWILIO_API_KEY_SECRET: "s" }, [{ accountSid: "AC1", apiKeySid: "SK1", apiKeySecret: "s" }]],
    ["the same key under two names is one", "gemini", { GOOGLE_API_KEY: "a", GEMINI_API_KEY: " a " }, [{ apiKey: "a" }]],
    ["two keys under two names are two, the SDK's choice first", "gemini", { GEMINI_API_KEY: "b", GOOGLE_API_KEY: "a" }, [{ apiKey: "a" }, { apiKey: "b" }]],
    ["an express key takes neither project nor location", "vertex", { GOOGLE_VERTEX_API_KEY: "AQ.a", GOOGLE_CLOUD_PROJECT: "p", GOOGLE_CLOUD_LOCATION: "eu" }, [{ apiKey: "AQ.a" }]],
    ["an empty one is told, so that it can be said", "telnyx", { TELNYX_API_KEY: "", TELNYX_PUBLIC_KEY: "" }, [{ apiKey: "" }]],
    ["companions alone make no key", "deepgram", { DEEPGRAM_PROJECT_ID: "p" }, []],
    ["names that only begin alike are others", "openai", { OPENAI_API_KEYS: "a", OPENAI_API_KEY_ID: "b", OPENAI_API_KEY_BACKUP_OLD: "c", MY_OPENAI_API_KEY: "d" }, []],
  ])("%s", (_what, provider, env, expected) => {
    expect(keysOf(provider, env).map(({ keyData }) => keyData)).toEqual(expected);
  });

  test("tell the variables that they are from, their own first", () => {
    expect(keysOf("twilio", { TWILIO_ACCOUNT_SID: "AC1", TWILIO_AUTH_TOKEN: "t" })).toEqual([{ variables: ["TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID"], keyData: { accountSid: "AC1", authToken: "t" }, fileField: null }]);
    expect(keysOf("gemini", { GOOGLE_API_KEY: "a", GEMINI_API_KEY: "a" }).map(({ variables }) => variables)).toEqual([["GOOGLE_API_KEY", "GEMINI_API_KEY"]]);
  });

  test("a service account is a file's content, or stands in the variable", () => {
    const document = JSON.stringify(sampleAccount());
    expect(keysOf("vertex", { GOOGLE_APPLICATION_CREDENTIALS: "/run/key.json", GOOGLE_CLOUD_PROJECT: "p" })).toEqual([
      { variables: ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"], keyData: { serviceAccount: "/run/key.json", project: "p" }, fileField: "serviceAccount" },
    ]);
    const [key] = keysOf("google_speech", { GOOGLE_CREDENTIALS_JSON: document });
    expect(key?.fileField).toBeNull();
    expect(providerFor("google_speech").parse(key?.keyData)).toEqual({ serviceAccount: document });
  });

  test("whatever an environment holds, nothing throws, and each value is where its variable says", () => {
    const names = completeProviders.flatMap(({ variables }) => variables.map(({ name }) => name));
    const env = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.tuple(fc.constantFrom(...names), fc.constantFrom("_1", "2", "_BACKUP", "_BACKUP_1", "_X")).map(([name, end]) => `${name}${end}`), fc.string()), fc.string());
    fc.assert(
      fc.property(env, fc.constantFrom(...completeProviders), (given, { variables }) => {
        for (const key of keysFromVariables(variables, given)) {
          expect(key.variables.every((name) => Object.hasOwn(given, name))).toBe(true);
          const values = key.variables.map((name) => given[name]?.trim());
          for (const value of Object.values(key.keyData)) expect(values).toContain(value.trim());
        }
      }),
    );
  });
});

/**
 * What every provider promises, walked over the registry. A provider joins by being registered and by its
 * `fixtures/contract.json` and `fixtures/expected.json`; a sample is checked by lying beside them.
 */
import { readdirSync } from "node:fs";
import { errorCodes, fromWire } from "@stack-2025/byok-crypto";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { commonCredentialHeaders, commonCredentialParameters } from "./credential-places.ts";
import { completeProviders } from "./registry.ts";
import { sampleAccount } from "./sample-service-account.ts";
import { feed, sampleAnswer, sampleEvents, sampleText } from "./sample.ts";
import type { BYOKError } from "@stack-2025/byok-crypto";
import type { VendorAnswer } from "./failure.ts";
import type { KeyData } from "./key-data.ts";
import type { MeteredCall, Provider, VendorRequest } from "./provider.ts";

const usageRow = z.strictObject({
  sample: z.string(),
  method: z.string(),
  path: z.string(),
  body: z.record(z.string(), z.unknown()).optional(),
  usage: z.record(z.string(), z.unknown()).nullable(),
  askedByUs: z.boolean().default(false),
  failed: z.boolean().default(false),
  events: z.array(z.enum(["pass", "drop", "close"])).optional(),
});
const headers = z.record(z.string(), z.string());
const contractSchema = z.strictObject({
  _about: z.string(),
  keys: z.array(z.record(z.string(), z.string())).min(1),
  presented: z.array(headers).min(1),
  absent: z.array(headers).min(1),
  foreignHosts: z.array(z.string()).min(1),
  routes: z.array(z.tuple([z.string(), z.string(), z.enum(["inference", "create", "read", "list", "manage"])])).min(3),
  usage: z.array(usageRow).min(1),
  reports: z.array(z.strictObject({ sample: z.string(), form: z.boolean().default(false), of: z.string().nullable(), usage: z.record(z.string(), z.unknown()).optional() })).default([]),
});
const expectedSchema = z.object({
  samples: z.record(
    z.string(),
    z.object({
      httpStatus: z.number(),
      verdict: z.enum(["invalid", "exhausted", "rate-limited", "forbidden", "transient", "caller"]),
      failover: z.boolean(),
      until: z.string().nullable().optional(),
      retryAfterMs: z.number().nullable().optional(),
      scope: z.string().optional(),
      certain: z.boolean().optional(),
      accountWide: z.boolean().optional(),
    }),
  ),
});

const now = new Date("2026-11-24T10:00:00Z");
const token = "byok_contract_token";
const canary = "canary-of-somebody-else";

/** What the rooms above do before `authorize`. */
function stripped(provider: Provider, request: VendorRequest): VendorRequest {
  const url = new URL(request.path, "https://stripped.test");
  for (const name of provider.credentialParameters) url.searchParams.delete(name);
  const kept = Object.entries(request.headers).filter(([name]) => !provider.credentialHeaders.includes(name));
  return { ...request, path: `${url.pathname}${url.search}`, headers: Object.fromEntries(kept) };
}

function callOf(provider: Provider, { method, path, askedByUs }: z.infer<typeof usageRow>): MeteredCall {
  const route = provider.route(method, path.split("?")[0] ?? "");
  if (!route) throw new Error(`no route for ${method} ${path}`);
  return { route, path, body: undefined, askedByUs };
}

/** As the rooms above read an answer: what is no JSON is undefined. */
const jsonOf = ({ body }: VendorAnswer): unknown => (/^\s*[[{]/.test(body) ? JSON.parse(body) : undefined);

/** What a key that is exchanged goes into its requests as; undefined where the key itself does. */
async function tokenFor(provider: Provider, keyData: KeyData): Promise<string | undefined> {
  const made = await provider.accessToken?.(keyData, () => Promise.resolve({ status: 200, headers: {}, body: '{"access_token":"ya29.contract","expires_in":3599}' }), now);
  return made?.outcome === "token" ? made.token : undefined;
}

const deepValues = (value: unknown): unknown[] => (typeof value === "object" && value !== null ? Object.values(value).flatMap(deepValues) : [value]);

const filled = (row: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value.replaceAll("{token}", token).replaceAll("{basic}", btoa(`AC:${token}`))]));

describe.each(completeProviders.map((provider) => [provider.type, provider] as const))("%s", (type, provider) => {
  const contract = contractSchema.parse(JSON.parse(sampleText(type, "contract.json")));
  const expected = expectedSchema.parse(JSON.parse(sampleText(type, "expected.json"))).samples;
  const schema = z.toJSONSchema(provider.credentials, { io: "input" });
  const fields = Object.entries(schema.properties ?? {});
  const keys = contract.keys.map((row) => {
    const given = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value.replace("{serviceAccount}", () => JSON.stringify(sampleAccount()))]));
    return [provider.parse(given), given] as const;
  });

  describe("credentials", () => {
    test.each(keys)("are taken as a customer gives them, and parse to themselves: row %#", (parsed, given) => {
      expect(parsed).toEqual(given);
      expect(provider.parse(parsed)).toEqual(parsed);
      expect(provider.credentials.parse(given)).toEqual(parsed);
    });

    test.each(keys)("have one canonical text, whatever the order of fields, white space or absent fields: row %#", (parsed, given) => {
      const reordered = Object.fromEntries(Object.entries(given).toReversed().map(([name, value]) => [name, name === "region" || name === "edge" ? value : `\ufeff ${value}\n`]));
      expect(provider.canonical(provider.parse(reordered))).toBe(provider.canonical(parsed));
      const absent = Object.fromEntries(fields.map(([name]) => [name, given[name]]));
      expect(provider.parse(absent)).toEqual(parsed);
      expect(Object.keys(provider.parse(absent)).toSorted()).toEqual(Object.keys(given).toSorted());
    });

    test.each(keys)("tell every secret, the principal first, and no secret in metadata: row %#", (parsed) => {
      const secrets = provider.secrets(parsed);
      expect(secrets[0]).toBe(provider.principal(parsed));
      const metadata = JSON.stringify(provider.metadata(parsed));
      for (const secret of secrets) expect(metadata).not.toContain(secret);
      const shown = Object.entries(parsed).filter(([, value]) => !metadata.includes(JSON.stringify(value)));
      for (const [, value] of shown) expect(secrets).toContain(value);
    });

    test("have a label for every field, and say which are secret", () => {
      expect(fields.length).toBeGreaterThan(0);
      for (const [, field] of fields) expect(field).toMatchObject({ title: expect.any(String), secret: expect.any(Boolean) });
      expect(schema.additionalProperties).toBe(false);
    });
  });

  describe("requests", () => {
    test.each(keys)("go to a host that is the vendor's own: row %#", (parsed) => {
      for (const [, path] of contract.routes) {
        const origin = new URL(provider.origin(parsed, path));
        expect(origin.protocol).toBe("https:");
        expect(provider.owns(origin.hostname)).toBe(true);
      }
    });

    test.each(contract.foreignHosts)("are refused to %s", (host) => {
      expect(provider.owns(host)).toBe(false);
    });

    test("lose every credential that could stand in them", () => {
      expect(provider.credentialHeaders).toEqual(expect.arrayContaining([...commonCredentialHeaders]));
      expect(provider.credentialParameters).toEqual(expect.arrayContaining([...commonCredentialParameters]));
      for (const name of provider.credentialHeaders) expect(name).toBe(name.toLowerCase());
    });

    test.each(keys)("carry the key and nobody else's credential once authorized: row %#", async (parsed) => {
      const [, path] = contract.routes[0] ?? ["", "/"];
      const query = provider.credentialParameters.map((name) => `${name}=${canary}`).join("&");
      const foreign = Object.fromEntries(provider.credentialHeaders.map((name) => [name, canary]));
      const request = stripped(provider, { method: "POST", path: `${path}?${query}&kept=1`, headers: { ...foreign, "content-type": "application/json" } });
      const before = structuredClone(request);
      const made = await tokenFor(provider, parsed);
      const authorized = provider.authorize(request, parsed, made);
      const carried = made === undefined ? provider.secrets(parsed) : [made];

      expect(request).toEqual(before);
      expect(JSON.stringify(authorized)).not.toContain(canary);
      expect(authorized.headers["content-type"]).toBe("application/json");
      expect(authorized.path).toContain("kept=1");
      expect(Object.values(authorized.headers).some((value) => carried.some((secret) => value.includes(secret)))).toBe(true);
      for (const secret of [...provider.secrets(parsed), ...carried]) expect(authorized.path).not.toContain(secret);
      // What the key sets, a caller's own must have been taken out of before.
      const set = Object.keys(authorized.headers).filter((name) => !(name in request.headers));
      expect(provider.credentialHeaders).toEqual(expect.arrayContaining(set));
    });

    test.each(contract.presented)("present a byok token where the vendor's SDK puts its key: %o", (row) => {
      expect(provider.presentedToken({ method: "GET", path: "/", headers: filled(row) })).toBe(token);
    });

    test.each(contract.absent)("present none elsewhere: %o", (row) => {
      expect(provider.presentedToken({ method: "GET", path: "/", headers: filled(row) })).toBeNull();
    });
  });

  describe("routes", () => {
    test.each(contract.routes)("%s %s is %s", (method, path, routeClass) => {
      const route = provider.route(method, path);
      expect(route).toMatchObject({ class: routeClass, operation: expect.stringMatching(/^[a-z][a-z0-9_.]*$/) });
      expect(route?.firstByteMs).toBeGreaterThan(0);
      // What lists or manages is never sent to another account; what acts never reads, lists or manages.
      expect(route?.stateful || (routeClass !== "list" && routeClass !== "manage")).toBe(true);
      expect(route?.acts && routeClass !== "create" && routeClass !== "inference").toBe(false);
    });

    test.each(["/", "/v1", "/v0/anything", "/v1/chat/completions/", "/V1/models", "/constructor"])("%s is unknown", (path) => {
      expect(provider.route("GET", path)).toBeNull();
      expect(provider.route("POST", path)).toBeNull();
    });

    test("methods are told apart, and none but the listed ones is known", () => {
      for (const [, path, routeClass] of contract.routes.filter(([, , of]) => of !== "manage")) {
        expect({ path, routeClass, route: provider.route("TRACE", path) }).toMatchObject({ route: null });
        expect({ path, routeClass, route: provider.route("get", path) }).toMatchObject({ route: null });
      }
    });
  });

  describe("configuration of the SDK", () => {
    test.each(keys)("holds the secret as an own property, and nothing undefined: row %#", (parsed) => {
      const values = deepValues(provider.config(parsed, undefined));
      expect(provider.secrets(parsed).some((secret) => values.includes(secret))).toBe(true);
      expect(values).not.toContain(undefined);
    });

    test.each(keys)("names the vendor's host nowhere once an operator's base URL is set: row %#", (parsed) => {
      const { hostname } = new URL(provider.origin(parsed, "/"));
      const config = JSON.stringify(provider.config(parsed, "http://127.0.0.1:9/proxy/x/"));
      expect(config).not.toContain(hostname);
    });
  });

  describe("refusals", () => {
    const errors = errorCodes.map((code) => {
      const error = fromWire({ code, message: `Something about ${code}.`, retryAfterMs: 1_500 });
      if (!error) throw new Error(`no error for ${code}`);
      return [code, error] as const;
    });

    test.each(errors)("%s is JSON in the vendor's shape with our code in it", (code, error: BYOKError) => {
      const refusal = provider.refusal(error);
      expect(refusal.status).toBeGreaterThanOrEqual(400);
      expect(refusal.headers["content-type"]).toBe("application/json");
      expect(JSON.stringify(JSON.parse(refusal.body))).toContain(`"${code}"`);
      expect(refusal.body).toContain(error.message);
      expect(refusal.headers["retry-after"]).toBe(code === "RATE_LIMITED" ? "2" : undefined);
    });

    test("have the statuses of the service", () => {
      expect(Object.fromEntries(errors.map(([code, error]) => [code, provider.refusal(error).status]))).toEqual({
        KEY_NOT_FOUND: 404,
        NOT_FOUND: 404,
        KEY_VALIDATION: 422,
        INVALID_INPUT: 400,
        PERMISSION_DENIED: 403,
        UNAUTHENTICATED: 401,
        QUOTA_EXCEEDED: 429,
        RATE_LIMITED: 429,
        CONFLICT: 409,
        PROVIDER_UNAVAILABLE: 503,
        ENCRYPTION: 500,
        CONFIGURATION: 500,
      });
    });
  });

  describe("failures", () => {
    const samples = readdirSync(new URL(`./${type.replaceAll("_", "-")}/fixtures/`, import.meta.url));

    test("every sample of a refusal has an expected verdict", () => {
      const refusals = samples.filter((name) => /^(?:[45]\d\d-|stream-.*(?:error|failed))/.test(name));
      expect(Object.keys(expected)).toEqual(expect.arrayContaining(refusals));
    });

    test.each(Object.entries(expected))("%s", (name, { httpStatus, verdict, failover, until, retryAfterMs, ...more }) => {
      const failure = provider.classify(sampleAnswer(type, name, httpStatus), now);
      const monthEnd = until === "month-end" || until === "month-end-utc";
      expect(failure).toMatchObject({
        verdict: verdict.replace("-", "_"),
        failover,
        until: monthEnd ? new Date("2026-12-01T00:00:00Z") : until ? new Date(until) : null,
        retryAfterMs: retryAfterMs ?? null,
        ...(more.scope !== undefined && { scope: more.scope }),
        ...(more.certain !== undefined && { certain: more.certain }),
        ...(more.accountWide !== undefined && { accountWide: more.accountWide }),
      });
      expect(failure.reason).toMatch(/^[A-Z].*\.$/);
      expect(failure.reason).not.toMatch(/test0|sk-|gpt-|claude-/);
    });

    test.each(["", "<html>502</html>", "{", "[]", "null", '{"error":null}', '{"error":5}', '"text"', "data: {"])("a body that is no answer of the vendor's never kills a key: %o", (body) => {
      const failureOf = (status: number) => provider.classify({ status, headers: {}, body }, now);
      for (const status of [400, 401, 402, 403, 404, 408, 409, 413, 422, 429]) {
        const failure = failureOf(status);
        expect(failure.verdict === "invalid" && failure.certain).toBe(false);
      }
      for (const status of [408, 500, 502, 503, 504, 529]) expect(failureOf(status).verdict).toBe("transient");
    });

    test.each([
      ["-5", 0],
      ["99999999999", 3_600_000],
      ["Tue, 24 Nov 2026 10:00:30 GMT", 30_000],
      ["Tue, 24 Nov 2020 10:00:30 GMT", 0],
      ["Tue, 24 Nov 2036 10:00:30 GMT", 3_600_000],
      ["soon", null],
      ["garbage 2027", null],
      ["", null],
    ])("F-23: Retry-After %o waits %o ms", (value, waited) => {
      expect(provider.classify({ status: 429, headers: { "retry-after": value }, body: "{}" }, now)).toMatchObject({ verdict: "rate_limited", retryAfterMs: waited });
    });
  });

  describe("usage", () => {
    const streams = contract.usage.filter(({ sample }) => sample.endsWith(".sse"));
    const whole = contract.usage.filter((row) => !streams.includes(row));

    test.for(whole)("$sample ($path) is counted exactly", (row) => {
      const answer = sampleAnswer(type, row.sample, 200);
      const call = { ...callOf(provider, row), body: row.body, answerHeaders: answer.headers };
      expect(provider.meter.json(jsonOf(answer), call)).toEqual(row.usage);
    });

    test.for(streams)("$sample ($path) is counted exactly as it passes", (row) => {
      const meter = provider.meter.stream(callOf(provider, row));
      expect(feed(meter, sampleEvents(sampleText(type, row.sample)))).toEqual(row.events);
      expect(meter.usage()).toEqual(row.usage);
      expect(meter.failed()).toBe(row.failed);
    });

    test.for(streams)("$sample ($path), cut anywhere, has failed", (row) => {
      const events = sampleEvents(sampleText(type, row.sample));
      for (let length = 0; length < events.length - 1; length += 1) {
        const meter = provider.meter.stream(callOf(provider, row));
        feed(meter, events.slice(0, length));
        expect(meter.failed()).toBe(true);
      }
    });

    test.for(contract.reports)("$sample tells later what was used", ({ sample, form, of, usage }) => {
      const { body } = sampleAnswer(type, sample, 200);
      const report: Record<string, unknown> = form ? Object.fromEntries(new URLSearchParams(body.trim())) : JSON.parse(body);
      expect(provider.report?.(report)).toEqual(of === null ? null : { of, usage });
    });

    test.each([{}, { data: null }, { data: { payload: 5 } }, { sid: 5 }, { price: "-1" }, { metadata: [] }])("a report without usage is not taken for one: %o", (report) => {
      expect(provider.report?.(report) ?? null).toBeNull();
    });

    test.each([undefined, null, 5, "text", [], {}, { usage: null }, { usage: 5 }, { usage: { prompt_tokens: -1, input_tokens: "7" } }])("an answer without usage is not taken for one: %o", (answer) => {
      for (const row of contract.usage) {
        const usage = provider.meter.json(answer, callOf(provider, row));
        // Counting is free, and answers nothing whatever it answers.
        expect(usage ?? { inputTokens: 0, outputTokens: 0 }).toEqual({ inputTokens: 0, outputTokens: 0 });
      }
    });
  });
});

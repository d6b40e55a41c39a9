import { describe, expect, test } from "vitest";
import { twilio } from "./index.ts";
import type { Route } from "../provider.ts";

const now = new Date("2026-11-24T10:00:00Z");
const sid = "AC00000000000000000000000000000000";
const byToken = { accountSid: sid, authToken: "customers-token" };
const byKey = { accountSid: sid, apiKeySid: "SK00000000000000000000000000000000", apiKeySecret: "customers-secret" };

const pathOf = (path: string): string => twilio.authorize({ method: "GET", path, headers: {} }, byToken).path;

const routeOf = (method: string, resource: string): Route | null => twilio.route(method, `/2010-04-01/Accounts/me/${resource}`);

const classify = (status: number, code: number, headers: Record<string, string> = {}) =>
  twilio.classify({ status, headers, body: JSON.stringify({ code, message: "", status }) }, now);

describe("authorize", () => {
  test.each([
    ["/2010-04-01/Accounts/me.json", `/2010-04-01/Accounts/${sid}.json`],
    ["/2010-04-01/Accounts/me", `/2010-04-01/Accounts/${sid}`],
    ["/2010-04-01/Accounts/me/Messages.json?To=me", `/2010-04-01/Accounts/${sid}/Messages.json?To=me`],
    ["/2010-04-01/Accounts/me?x=1", `/2010-04-01/Accounts/${sid}?x=1`],
    ["/2010-04-01/Accounts/meeting.json", "/2010-04-01/Accounts/meeting.json"],
    ["/2010-04-01/Accounts/AC1/Messages/me.json", "/2010-04-01/Accounts/AC1/Messages/me.json"],
    ["/v1/Accounts/me", "/v1/Accounts/me"],
  ])("%s becomes %s", (path, expected) => {
    expect(pathOf(path)).toBe(expected);
  });

  test("the account signs with its token, an API key with its secret", () => {
    const headerOf = (keyData: typeof byToken | typeof byKey) => twilio.authorize({ method: "GET", path: "/", headers: {} }, keyData).headers["authorization"];
    expect(headerOf(byToken)).toBe(`Basic ${Buffer.from(`${sid}:customers-token`).toString("base64")}`);
    expect(headerOf(byKey)).toBe(`Basic ${Buffer.from("SK00000000000000000000000000000000:customers-secret").toString("base64")}`);
  });

  test("the header's form of the secret is scrubbed too", () => {
    expect(twilio.secrets(byKey)).toEqual(["customers-secret", Buffer.from("SK00000000000000000000000000000000:customers-secret").toString("base64")]);
  });
});

describe("hosts", () => {
  test.each([
    ["/2010-04-01/Accounts/me/Messages.json", "api.twilio.com"],
    ["/v1/AuthTokens/Secondary", "accounts.twilio.com"],
    ["/v1/Keys", "iam.twilio.com"],
    ["/v1/Keys/SK1?x=1", "iam.twilio.com"],
    ["/v1/Messaging/Countries/US", "pricing.twilio.com"],
    ["/v2/Voice/Countries/US", "pricing.twilio.com"],
    ["/v1/Services/MG1", "messaging.twilio.com"],
    ["/v1/Keystone", "api.twilio.com"],
    ["/anything", "api.twilio.com"],
    ["/2010-04-01/Accounts/me/v1/Keys", "api.twilio.com"],
  ])("%s is at %s", (path, host) => {
    expect(twilio.origin(byToken, path)).toBe(`https://${host}`);
    expect(twilio.origin({ ...byToken, region: "ie1" }, path)).toBe(`https://${host.replace(".twilio", ".dublin.ie1.twilio")}`);
  });
});

test("metadata tells the account, the key's SID and where it lives, and no secret", () => {
  expect(twilio.metadata(byToken)).toEqual({ accountSid: sid });
  expect(twilio.metadata({ ...byKey, region: "ie1" })).toEqual({ accountSid: sid, apiKeySid: byKey.apiKeySid, region: "ie1", edge: "dublin" });
});

test("sending and calling act on the world, reading does not", () => {
  for (const resource of ["Messages.json", "Calls.json", "Calls/CA1.json", "Messages/SM1.json"]) expect(routeOf("POST", resource)).toMatchObject({ acts: true });
  for (const resource of ["Messages.json", "Calls/CA1.json"]) expect(routeOf("GET", resource)).toMatchObject({ acts: false });
  expect(routeOf("POST", "Messages.json")).toMatchObject({ operation: "sms.send", metered: true, stateful: false });
});

describe("usage", () => {
  const route = twilio.route("POST", "/2010-04-01/Accounts/me/Messages.json");
  if (!route) throw new Error("no route for messages");
  const json = (answer: object) => twilio.meter.json(answer, { route, path: "", body: undefined, askedByUs: false });

  test.each([
    [{ num_segments: "3", num_media: "0" }, { segments: 3 }],
    [{ num_segments: "1", num_media: "2" }, { segments: 1, units: { media: 2 } }],
    [{ num_segments: "1", num_media: "0", from: "whatsapp:+15005550006" }, { segments: 1, units: { whatsappMessages: 1 } }],
    [{ num_segments: "0", num_media: "0" }, null],
    [{ num_segments: 3 }, null],
    [{ num_segments: "-3" }, null],
    [{ code: 21211, status: 400 }, null],
  ])("%o is %o", (answer, usage) => {
    expect(json(answer)).toEqual(usage);
  });
});

describe("refusals beyond the samples", () => {
  test.each([60212, 60203, 14107])("429 %i limits the destination: no other key helps", (code) => {
    expect(classify(429, code)).toMatchObject({ verdict: "caller", failover: false });
  });

  test("59004 names its wait", () => {
    expect(classify(429, 59004, { "retry-after": "7" })).toMatchObject({ verdict: "rate_limited", retryAfterMs: 7_000 });
  });

  test.each([401, 403])("70051 with %i is restricted, not dead", (status) => {
    expect(classify(status, 70051)).toMatchObject({ verdict: "forbidden", scope: "endpoint" });
  });

  test.each([401, 402, 403])("an account that is not active is told by its code, whatever the status: %i", (status) => {
    expect(classify(status, 20005)).toMatchObject({ verdict: "exhausted", accountWide: true });
  });
});

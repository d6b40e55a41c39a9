// Twilio's own SDK against the sandbox. It has no base URL option: its HTTP client is given one that goes elsewhere.
import twilio from "twilio";
import type RequestClient from "twilio/lib/base/RequestClient.js";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../fault.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { segmentsOf } from "../text-message.ts";

const sandbox = await startSandbox({ now: () => new Date("2026-11-24T10:00:00Z") });
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const account = `AC${"0".repeat(31)}1`;
const token = "0123456789abcdef0123456789abcdef";
const apiKey = `SK${"0".repeat(31)}1`;
const secret = "secret-of-a-test-key-0000";

class SandboxClient extends twilio.RequestClient {
  override request<Data>(options: RequestClient.RequestOptions<Data>) {
    return super.request<Data>({ ...options, uri: options.uri.replace(/^https:\/\/(api|iam)\.twilio\.com/, sandbox.baseUrl("twilio")) });
  }
}

function client(username = account, password = token) {
  return twilio(username, password, { accountSid: account, httpClient: new SandboxClient() });
}

const message = { to: "+15005550001", from: "+15005550006", body: "Hello" };

describe("messages", () => {
  it("a message is queued without a price, and has one when it is read back", async () => {
    const sent = await client().messages.create(message);
    expect(sent).toMatchObject({ status: "queued", numSegments: "1", price: null, to: message.to, dateCreated: new Date("2026-11-24T10:00:00Z") });
    const read = await client().messages(sent.sid).fetch();
    expect(read).toMatchObject({ sid: sent.sid, status: "delivered", price: "-0.00830", priceUnit: "USD" });
    expect(sandbox.ledger.entries().at(-1)?.usage).toMatchObject({ segments: 1, cost: "0.0083", currency: "USD" });
    expect(sandbox.ledger.entries().at(0)).toMatchObject({
      provider: "twilio", key: token, method: "POST", path: `/2010-04-01/Accounts/${account}/Messages.json`, status: 201, usage: { segments: 1 },
      requestBody: "To=%2B15005550001&From=%2B15005550006&Body=Hello",
    });
  });

  it("are listed page by page, the newest first, and no more once deleted", async () => {
    for (const body of ["one", "two", "three"]) await client().messages.create({ ...message, body });
    expect((await client().messages.list({ pageSize: 2 })).map((each) => each.body)).toEqual(["three", "two", "one"]);
    expect(await client().messages.list({ limit: 1 })).toHaveLength(1);
    const [newest] = await client().messages.list();
    expect(await client().messages(newest?.sid ?? "").remove()).toBe(true);
    expect((await client().messages.list()).map((each) => each.body)).toEqual(["two", "one"]);
  });

  it.each([
    { text: "", segments: 1 },
    { text: "a".repeat(160), segments: 1 },
    { text: "a".repeat(161), segments: 2 },
    { text: "я".repeat(70), segments: 1 },
    { text: "я".repeat(71), segments: 2 },
    { text: "a".repeat(153 * 3 + 1), segments: 4 },
  ])("$text.length characters are $segments segments", ({ text, segments }) => {
    expect(segmentsOf(text)).toBe(segments);
  });

  it.each([
    { change: { to: "12345" }, code: 21211 },
    { change: { body: "" }, code: 21602 },
    { change: { body: "a".repeat(1601) }, code: 21617 },
    { change: { from: "" }, code: 21603 },
  ])("a message with $change is refused with $code", async ({ change, code }) => {
    expect(await refusalOf(client().messages.create({ ...message, ...change }))).toMatchObject({ status: 400, code });
  });
});

describe("the rest of an account", () => {
  it("calls are queued, and a minute long when read back", async () => {
    const placed = await client().calls.create({ to: message.to, from: message.from, twiml: "<Response/>" });
    expect(placed).toMatchObject({ status: "queued", duration: null, price: null });
    expect(await client().calls(placed.sid).fetch()).toMatchObject({ status: "completed", duration: "60", price: "-0.01400" });
    expect(sandbox.ledger.entries().at(-1)?.usage).toMatchObject({ audioSeconds: 60, cost: "0.014" });
    expect(await client().calls.list()).toHaveLength(1);
  });

  it("calls are sent elsewhere, ended and called off; what is called off costs nothing", async () => {
    const { sid } = await client().calls.create({ to: message.to, from: message.from, twiml: "<Response/>" });
    expect(await client().calls(sid).update({ twiml: "<Response><Hangup/></Response>" })).toMatchObject({ status: "queued" });
    expect(await client().calls(sid).update({ status: "completed" })).toMatchObject({ status: "completed", price: "-0.01400" });
    const second = await client().calls.create({ to: message.to, from: message.from, twiml: "<Response/>" });
    expect(await client().calls(second.sid).update({ status: "canceled" })).toMatchObject({ status: "canceled", duration: "0", price: null });
    expect(await refusalOf(client().calls(second.sid).update({}))).toMatchObject({ status: 400, code: 21205 });
    await client().calls(second.sid).remove();
    expect(await client().calls.list()).toHaveLength(1);
  });

  it("its usage adds up by category and by day", async () => {
    await client().messages.create({ ...message, body: "a".repeat(161) });
    await client().messages.create(message);
    await client().messages.create({ ...message, from: `whatsapp:${message.from}`, to: `whatsapp:${message.to}` });
    await client().calls.create({ to: message.to, from: message.from, twiml: "<Response/>" });
    const told = (await client().usage.records.today.list()).map(({ category, count, usage, usageUnit, price, priceUnit }) => ({ category, count, usage, usageUnit, price: String(price), priceUnit }));
    expect(told).toEqual([
      { category: "sms-outbound", count: "2", usage: "3", usageUnit: "segments", price: "0.0249", priceUnit: "usd" },
      { category: "channels-whatsapp-outbound", count: "1", usage: "1", usageUnit: "messages", price: "0.005", priceUnit: "usd" },
      { category: "calls-outbound", count: "1", usage: "1", usageUnit: "minutes", price: "0.014", priceUnit: "usd" },
    ]);
    const before = { startDate: new Date("2026-11-22T00:00:00Z"), endDate: new Date("2026-11-23T00:00:00Z") };
    expect(await client().usage.records.daily.list(before)).toEqual([]);
    expect(await client(apiKey, secret).usage.records.thisMonth.list({ category: "calls-outbound" })).toHaveLength(1);
    expect((await client().usage.records.list({ category: "sms-outbound" }))[0]?.startDate).toEqual(new Date("2015-07-30T00:00:00Z"));
    expect(await client().usage.records.yesterday.list()).toEqual([]);
    expect(await client().usage.records.lastMonth.list()).toEqual([]);
  });

  it("the account says its live token, as Twilio does, and its balance", async () => {
    const read = await client().api.v2010.accounts(account).fetch();
    expect(read).toMatchObject({ sid: account, status: "active", type: "Full", authToken: token });
    expect(await client().balance.fetch()).toMatchObject({ balance: "12.34", currency: "USD" });
  });

  it("a minted key works with its own secret until it is deleted", async () => {
    const minted = await client().iam.v1.newApiKey.create({ accountSid: account, friendlyName: "rotation" });
    expect(minted).toMatchObject({ friendlyName: "rotation", policy: null });
    expect(await client(minted.sid, minted.secret).messages.list()).toEqual([]);
    expect(await refusalOf(client(minted.sid, secret).messages.list())).toMatchObject({ status: 401, code: 20003 });
    expect((await client().keys.list()).map((each) => each.sid)).toEqual([minted.sid]);
    await client().keys(minted.sid).remove();
    expect(await refusalOf(client(minted.sid, minted.secret).messages.list())).toMatchObject({ status: 401, code: 20003 });
  });
});

describe("who may do what", () => {
  it("a key reads messages, and neither the account nor keys", async () => {
    expect(await client(apiKey, secret).messages.list()).toEqual([]);
    expect(await refusalOf(client(apiKey, secret).api.v2010.accounts(account).fetch())).toMatchObject({ status: 401, code: 20003, message: "Permission Denied" });
    expect(await refusalOf(client(apiKey, secret).keys.list())).toMatchObject({ status: 401, code: 20003 });
  });

  it("a token opens its own account only", async () => {
    expect(await refusalOf(client().api.v2010.accounts(`AC${"0".repeat(31)}2`).fetch())).toMatchObject({ status: 404, code: 20404 });
  });

  it("no account sees another's messages, whatever SID it asks for", async () => {
    const sent = await client().messages.create(message);
    const other = `AC${"0".repeat(31)}2`;
    const stranger = twilio(other, token, { httpClient: new SandboxClient() });
    expect(await refusalOf(stranger.messages(sent.sid).fetch())).toMatchObject({ status: 404, code: 20404 });
    expect(await stranger.messages.list()).toEqual([]);
  });

  it("a malformed token, a missing pair, an unknown route and another method are refused in Twilio's shape", async () => {
    expect(await refusalOf(client(account, "short").messages.list())).toMatchObject({ status: 401, code: 20003 });
    const messagesUrl = `${sandbox.baseUrl("twilio")}/2010-04-01/Accounts/${account}/Messages.json`;
    const withoutPair = await fetch(messagesUrl);
    expect(withoutPair.headers.get("www-authenticate")).toContain("Basic");
    expect(await withoutPair.json()).toMatchObject({ code: 20003, status: 401, more_info: "https://www.twilio.com/docs/errors/20003" });
    const headers = { authorization: `Basic ${Buffer.from(`${account}:${token}`).toString("base64")}` };
    expect(await (await fetch(`${sandbox.baseUrl("twilio")}/2010-04-01/Nothing.json`, { headers })).json()).toMatchObject({ code: 20404, status: 404 });
    expect(await (await fetch(messagesUrl, { method: "DELETE", headers })).json()).toMatchObject({ code: 20004, status: 405 });
  });
});

describe("faults", () => {
  const rows: { fault: Fault; status: number; code: number }[] = [
    { fault: { kind: "invalid" }, status: 401, code: 20003 },
    { fault: { kind: "revoked" }, status: 401, code: 20003 },
    { fault: { kind: "echo_key" }, status: 401, code: 20003 },
    { fault: { kind: "no_quota" }, status: 403, code: 20005 },
    { fault: { kind: "rate_limited" }, status: 429, code: 20429 },
    { fault: { kind: "server_error" }, status: 500, code: 20500 },
    { fault: { kind: "server_error", status: 503 }, status: 503, code: 20503 },
  ];
  it.each(rows)("$fault.kind reaches the SDK as $status $code", async ({ fault, status, code }) => {
    sandbox.script(token, fault);
    expect(await refusalOf(client().messages.create(message))).toMatchObject({ status, code });
  });

  it("a script may name the pair instead of the password", async () => {
    sandbox.script(`${account}:${token}`, { kind: "revoked" });
    expect(await refusalOf(client().messages.create(message))).toMatchObject({ status: 401 });
    expect(await client(apiKey, secret).messages.list()).toEqual([]);
  });

  it("an account without money is suspended, and can still be read", async () => {
    sandbox.script(token, { kind: "no_quota" });
    expect(await client().api.v2010.accounts(account).fetch()).toMatchObject({ status: "suspended" });
    expect(await client().balance.fetch()).toMatchObject({ balance: "0.00" });
  });

  it("a scoped key may send and not read", async () => {
    sandbox.script(secret, { kind: "scoped" });
    expect(await refusalOf(client(apiKey, secret).messages.list())).toMatchObject({ status: 401, code: 70051 });
    expect((await client(apiKey, secret).messages.create(message)).status).toBe("queued");
  });

  it("test credentials send to numbers that mean something, keep nothing, and open nothing else", async () => {
    const test = client(account, "testcreds00000000000000000000001");
    expect(await test.messages.create(message).catch((error: unknown) => error)).toMatchObject({ code: 21211 });
    expect(await test.messages.create({ ...message, to: "+15558675310" })).toMatchObject({ status: "queued" });
    expect(await refusalOf(test.messages.create({ ...message, from: "+15558675310", to: "+15558675311" }))).toMatchObject({ code: 21606 });
    expect(await refusalOf(test.calls.create({ to: "+15005550003", from: message.from, twiml: "<Response/>" }))).toMatchObject({ code: 21215 });
    expect(await test.incomingPhoneNumbers.create({ phoneNumber: "+15005550006" })).toMatchObject({ phoneNumber: "+15005550006" });
    expect(await refusalOf(test.incomingPhoneNumbers.create({ phoneNumber: "+15005550000" }))).toMatchObject({ code: 21422 });
    expect(await refusalOf(test.api.v2010.accounts(account).fetch())).toMatchObject({ status: 403, code: 20008 });
    expect(await refusalOf(test.messages.list())).toMatchObject({ status: 403, code: 20008 });
    expect(await client().messages.list()).toEqual([]);
  });

  it("a token without dashes is scripted by how it begins", async () => {
    expect(await refusalOf(client(account, "revoked0000000000000000000000001").messages.list())).toMatchObject({ status: 401, code: 20003 });
    const once = client(account, "ratelimit00000000000000000000001");
    expect(await refusalOf(once.messages.create(message))).toMatchObject({ status: 429 });
    expect((await once.messages.create(message)).status).toBe("queued");
  });
});

// Telnyx's own SDK against the sandbox: messages and calls with what they cost afterwards, and which error each fault becomes.
import Telnyx, {
  APIConnectionError,
  AuthenticationError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "telnyx";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../fault.ts";
import { refusalOf } from "../refusal.fixture.ts";
import { startSandbox } from "../sandbox.ts";
import { allOf } from "../stream.fixture.ts";

const sandbox = await startSandbox({ now: () => new Date("2026-11-24T10:00:00Z") });
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const keyId = "KEY0123456789ABCDEF0123456789ABCDEF";
const key = `${keyId}_secretsecretsecret0001`;
const otherKey = `${keyId}_secretsecretsecret0002`;
const base = `${sandbox.baseUrl("telnyx")}/v2`;
const message = { from: "+15005550006", to: "+15005550001", text: "Hello" };
const call = { connection_id: "1234567890123456789", from: "+15005550006", to: "+15005550001", client_state: "Ynlvaw==" };

function client(apiKey = key): Telnyx {
  return new Telnyx({ apiKey, publicKey: null, baseURL: base, maxRetries: 0 });
}

const entry = () => sandbox.ledger.entries().at(-1);

describe("messages", () => {
  it("tell their parts when they are sent, and their cost when they are read back", async () => {
    const { data: sent } = await client().messages.send(message);
    expect(sent).toMatchObject({ parts: 1, encoding: "GSM-7", cost: null, to: [{ status: "queued" }] });
    expect(entry()).toMatchObject({
      provider: "telnyx",
      key,
      method: "POST",
      path: "/v2/messages",
      status: 200,
      usage: { segments: 1 },
    });
    const { data: read } = await client().messages.retrieve(sent?.id ?? "");
    expect(read).toMatchObject({
      cost: { amount: "0.0051", currency: "USD" },
      cost_breakdown: { carrier_fee: { amount: "0.00305" }, rate: { amount: "0.00205" } },
    });
    expect(entry()?.usage).toMatchObject({ segments: 1, cost: "0.0051", currency: "USD" });
  });

  it("outside the GSM alphabet are of shorter parts, and belong to their own account", async () => {
    const { data: sent } = await client().messages.send({ ...message, text: "я".repeat(71) });
    expect(sent).toMatchObject({ parts: 2, encoding: "UCS-2" });
    expect((await client().messages.retrieve(sent?.id ?? "")).data).toMatchObject({ cost: { amount: "0.0102" } });
    expect(await refusalOf(client(otherKey).messages.retrieve(sent?.id ?? ""))).toBeInstanceOf(NotFoundError);
  });

  it("name what they lack", async () => {
    const refused = await refusalOf(client().messages.send({ ...message, to: "" }));
    expect(refused).toBeInstanceOf(UnprocessableEntityError);
    expect(refused).toMatchObject({ error: { errors: [{ code: "10004", source: { pointer: "/to" } }] } });
    expect(await refusalOf(client().messages.send({ ...message, to: "12345" }))).toMatchObject({
      status: 400,
      error: { errors: [{ code: "10002" }] },
    });
  });
});

describe("calls", () => {
  it("are dialled, commanded and over; their cost is in a detail record", async () => {
    const { data: dialled } = await client().calls.dial(call);
    expect(dialled).toMatchObject({ is_alive: true, client_state: "Ynlvaw==", record_type: "call" });
    const id = dialled?.call_control_id ?? "";
    expect((await client().calls.actions.hangup(id, {})).data).toEqual({ result: "ok" });
    expect((await client().calls.retrieveStatus(id)).data).toMatchObject({ is_alive: false, call_duration: 78 });
    const records = await allOf(client().detailRecords.list({ filter: { record_type: "call-control" } }));
    expect(records).toMatchObject([
      {
        call_control_id: id,
        client_state: "Ynlvaw==",
        billed_duration_secs: 120,
        total_cost: "0.0040",
        cost_parts: [{ call_part: "sip-trunking", rate: "0.0020" }],
      },
    ]);
    expect(await refusalOf(client(otherKey).calls.retrieveStatus(id))).toBeInstanceOf(NotFoundError);
  });

  it("name what they lack", async () => {
    expect(await refusalOf(client().calls.dial({ ...call, connection_id: "" }))).toMatchObject({
      error: { errors: [{ code: "10004", source: { pointer: "/connection_id" } }] },
    });
    expect(await refusalOf(client().calls.dial({ ...call, to: "0123" }))).toMatchObject({
      error: { errors: [{ code: "10016" }] },
    });
  });
});

describe("the account", () => {
  it("has a balance, an organization, prices, and its records page by page", async () => {
    expect((await client().balance.retrieve()).data).toMatchObject({ available_credit: "400.00", currency: "USD" });
    expect(await client().get("/whoami")).toMatchObject({
      data: { organization_id: expect.any(String) as unknown, record_type: "whoami" },
    });
    expect(await allOf(client().pricing.products.retrieve("messaging"))).toMatchObject([{ rate: 0.00205, unit: "part" }]);
    for (const text of ["one", "two", "three"]) await client().post("/messages", { body: { ...message, text, tags: [text] } });
    const records = await allOf(client().detailRecords.list({ filter: { record_type: "messaging" }, "page[size]": 2 } as never));
    expect(records).toMatchObject([{ tags: "three", cost: "0.0051" }, { tags: "two" }, { tags: "one" }]);
    expect(await allOf(client(otherKey).detailRecords.list({ filter: { record_type: "messaging" } }))).toEqual([]);
    expect((await fetch(`${base}/detail_records`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(400);
  });

  it("makes credentials for telephones in browsers, whose token is plain text", async () => {
    const { data: made } = await client().telephonyCredentials.create({ connection_id: "1234567890123456789", name: "browser" });
    const token = await client().telephonyCredentials.createToken(made?.id ?? "");
    expect(token.split(".")).toHaveLength(3);
    await client().telephonyCredentials.delete(made?.id ?? "");
    expect(await refusalOf(client().telephonyCredentials.createToken(made?.id ?? ""))).toBeInstanceOf(NotFoundError);
  });
});

describe("faults", () => {
  const rows: { fault: Fault; error: abstract new (...args: never) => unknown; code: string }[] = [
    { fault: { kind: "invalid" }, error: AuthenticationError, code: "10009" },
    { fault: { kind: "no_quota" }, error: PermissionDeniedError, code: "20100" },
    { fault: { kind: "rate_limited", retryAfterS: 12 }, error: RateLimitError, code: "10011" },
    { fault: { kind: "server_error" }, error: InternalServerError, code: "10007" },
    { fault: { kind: "echo_key" }, error: AuthenticationError, code: "10009" },
  ];
  it.each(rows)("$fault.kind reaches the SDK with code $code", async ({ fault, error, code }) => {
    sandbox.script(key, fault);
    const refused = await refusalOf(client().messages.send(message));
    expect(refused).toBeInstanceOf(error);
    expect(refused).toMatchObject({ error: { errors: [{ code }] } });
  });

  it("a limit tells the seconds that are left, and a bad key the part of it that is no secret", async () => {
    sandbox.script(key, { kind: "rate_limited", retryAfterS: 12 }, { kind: "revoked" });
    const headers = { authorization: `Bearer ${key}` };
    const limited = await fetch(`${base}/balance`, { headers });
    expect([limited.headers.get("x-ratelimit-reset"), limited.headers.get("retry-after")]).toEqual(["12", null]);
    const refused = await (await fetch(`${base}/balance`, { headers })).text();
    expect([refused.includes(`'${keyId}'`), refused.includes("secretsecret")]).toEqual([true, false]);
  });

  it("an account without money has no credit left; a key with few rights sends, and reads nothing", async () => {
    sandbox.script(key, { kind: "no_quota" });
    expect((await client().balance.retrieve()).data).toMatchObject({ available_credit: "0.00" });
    sandbox.script(key, { kind: "scoped" });
    expect(await refusalOf(client().balance.retrieve())).toMatchObject({ status: 403, error: { errors: [{ code: "10010" }] } });
    expect((await client().messages.send(message)).data?.parts).toBe(1);
  });

  it("words in a key work, and a connection breaks", async () => {
    expect(await refusalOf(client("KEY0123456789-revoked-00000001_secret").balance.retrieve())).toBeInstanceOf(
      AuthenticationError,
    );
    expect(await refusalOf(client("KEY0123456789-reset-0000000001_secret").messages.send(message))).toBeInstanceOf(
      APIConnectionError,
    );
    expect(await refusalOf(client("sk-test-0000000000000000").balance.retrieve())).toBeInstanceOf(AuthenticationError);
    expect((await fetch(`${base}/balance`)).status).toBe(401);
  });
});

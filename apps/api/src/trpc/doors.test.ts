import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey, procedure, raw, startTestService, statusOf, type TestService } from "../testing-service.ts";

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startTestService();
  token = await service.token({ scopes: ["keys:read", "keys:write", "usage:write"], owner: { userId: "alice" } });
});
afterAll(() => service[Symbol.asyncDispose]());

const post = (path: string, body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${service.url}/trpc/${path}`, { method: "POST", body, headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers } });

describe("S-55, B-36, B-37: all failures to sign in give the same 401", () => {
  test("whatever is wrong", async () => {
    const expired = await service.token({ scopes: ["keys:read"], owner: { userId: "alice" }, expiresInMs: 1 });
    const revoked = await service.token({ scopes: ["tokens:write"], owner: { userId: "alice" } });
    await procedure(service.url, "tokens.revoke", revoked, { id: `tok_${revoked.slice(5, 37)}` });
    const swapped = token.replace(/^(byok_)(.)/, (_all, prefix: string, first: string) => `${prefix}${first === "0" ? "1" : "0"}`);
    const wrong = [
      undefined, "byok_", "nonsense", expired, revoked, swapped, token.slice(0, -1), token.toUpperCase(), token.slice(5), `byok_${"0".repeat(32)}_${"A".repeat(43)}_00000000`,
      // The right form and check, and no such token.
      "byok_00000000000000000000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_".concat("c0ffee00"),
    ];
    const answers = await Promise.all(wrong.map((one) => procedure(service.url, "keys.list", one, {})));
    expect(answers.map((answer) => answer.status)).toEqual(wrong.map(() => 401));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers[0]?.byok?.code).toBe("UNAUTHENTICATED");
  });

  test("a scheme in lower case is accepted; Basic, a list and two headers are not", async () => {
    const list = (authorization: string): Promise<Response> => fetch(`${service.url}/trpc/keys.list?input=%7B%7D`, { headers: { authorization } });
    expect((await list(`bearer ${token}`)).status).toBe(200);
    expect((await list(`Basic ${btoa(`x:${token}`)}`)).status).toBe(401);
    expect((await list(`Bearer ${token}, Bearer ${token}`)).status).toBe(401);
    const two = `GET /trpc/keys.list?input=%7B%7D HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    expect(statusOf(await raw(service.url, two))).toBe(401);
  });

  test("a session's cookie beside the bearer changes nothing", async () => {
    expect((await post("keys.list", "{}", { cookie: "session=x" })).status).toBe(200);
  });
});

describe("S-92, B-22, B-23, B-59: the form of a request", () => {
  const deep = `{"keyId":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  const cases: [what: string, path: string, body: NonNullable<RequestInit["body"]>, headers: Record<string, string>, status: number][] = [
    ["text in place of JSON", "keys.list", "{}", { "content-type": "text/plain" }, 415],
    ["a form", "keys.list", "a=b", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["another charset", "keys.list", "{}", { "content-type": "application/json; charset=utf-16" }, 415],
    ["a compressed body", "keys.list", "{}", { "content-encoding": "gzip" }, 415],
    ["an empty body", "keys.list", "", {}, 400],
    ["cut JSON", "keys.list", `{"userId":`, {}, 400],
    ["NaN", "keys.list", `{"limit":NaN}`, {}, 400],
    ["invalid UTF-8", "keys.list", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), {}, 400],
    ["a name twice", "keys.list", `{"userId":"alice","userId":"bob"}`, {}, 400],
    ["10,000 levels", "keys.get", deep, {}, 400],
    ["__proto__", "keys.list", `{"__proto__":{"limit":1}}`, {}, 400],
    ["constructor", "keys.list", `{"constructor":{"prototype":{"x":1}}}`, {}, 400],
    ["64 kB and one byte to keys.*", "keys.list", `"${"x".repeat(65_535)}"`, {}, 413],
    ["1 MB and one byte", "usage.record", `"${"x".repeat(1_048_575)}"`, {}, 413],
    ["64 kB and one byte to keys.* in a batch", "usage.record,keys.list?batch=1", `{"0":"${"x".repeat(65_535)}","1":{}}`, {}, 413],
    ["an unknown procedure", "keys.nothing", "{}", {}, 404],
    ["a procedure by a prototype's name", "keys.__proto__", "{}", {}, 404],
    ["a batch of 21", `${Array.from({ length: 21 }, () => "keys.list").join(",")}?batch=1`, "{}", {}, 400],
  ];
  test.each(cases)("%s", async (_what, path, body, headers, status) => {
    const response = await post(path, body, headers);
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(text).not.toMatch(/stack|node_modules|\.ts:/);
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  test("what is refused for its form is a fault of the input, in a procedure's form", async () => {
    expect(await (await post("keys.list", `{"a":1,"a":2}`)).json()).toMatchObject({ error: { data: { httpStatus: 400, byok: { code: "INVALID_INPUT" } } } });
  });

  test("a body that announces no length is bounded too", async () => {
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.alloc(16_384, " ")) });
    const response = await fetch(`${service.url}/trpc/usage.record`, {
      method: "POST", body: endless, duplex: "half", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    } as RequestInit).catch((error: unknown) => error);
    // The connection may end before the answer is read: either way the service stopped reading.
    expect(response instanceof Response ? response.status : response).toSatisfy((seen: unknown) => seen === 413 || seen instanceof TypeError);
  });

  test("a mutation by GET, and other methods, are refused", async () => {
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${service.url}/trpc/keys.delete?input=%7B%7D`, { headers })).status).toBe(405);
    expect((await fetch(`${service.url}/trpc/keys.list`, { method: "PUT", headers })).status).toBe(405);
    expect((await fetch(`${service.url}/trpc/keys.list?input=%7B%22a%22%3A1%2C%22a%22%3A2%7D`, { headers })).status).toBe(400);
  });

  test("a batch of 20 is answered one by one", async () => {
    const response = await post(`${Array.from({ length: 20 }, () => "keys.list").join(",")}?batch=1`, JSON.stringify(Object.fromEntries(Array.from({ length: 20 }, (_, at) => [at, {}]))));
    expect(response.status).toBe(200);
    expect((await response.json()) as unknown[]).toHaveLength(20);
  });

  test("B-05: a service account's length of key data is no fault of form", async () => {
    const response = await post("keys.add", JSON.stringify({ userId: "alice", provider: "openai", keyData: { apiKey: "x".repeat(40_000) } }));
    expect(response.status).toBe(422);
  });
});

describe("nothing is kept on the way", () => {
  test.each(["keys.list", "keys.nothing"])("%s", async (path) => {
    const response = await post(path, "{}");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-powered-by")).toBeNull();
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("and nothing of a request is logged", async () => {
    await post("keys.add", JSON.stringify({ userId: "alice", provider: "openai", keyData: { apiKey: openaiKey("logged") } }));
    expect(service.logged.join("\n")).not.toMatch(/byok_[0-9a-f]|sk-proj|alice/);
  });
});

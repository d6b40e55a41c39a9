import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey, raw, startTestService, statusOf, type TestService } from "../testing-service.ts";

let service: TestService;
let bound: string;
let wide: string;
beforeAll(async () => {
  service = await startTestService();
  await service.manager.addKey({ userId: "alice", provider: "openai", keyData: { apiKey: openaiKey("alice") } });
  await service.manager.addKey({ userId: "böb", provider: "openai", keyData: { apiKey: openaiKey("bob") } });
  bound = await service.token({ scopes: ["keys:use"], owner: { userId: "alice" } });
  wide = await service.token({ scopes: ["keys:use", "act:any"] });
});
afterAll(() => service[Symbol.asyncDispose]());

const calls = (): number => service.sandbox.ledger.entries({ provider: "openai" }).length;
const models = (headers: Record<string, string>, path = "/proxy/openai/v1/models"): Promise<Response> => fetch(service.url + path, { headers });
const host = (): string => new URL(service.url).host;
/** A request by bytes, closing the connection after it. */
const request = (line: string, headers = `Authorization: Bearer ${bound}\r\n`): Promise<string> =>
  raw(service.url, `${line} HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n${headers}\r\n`);

describe("B-45: a path that could mean another one gets 400, and nothing is sent", () => {
  test.each([
    "/v1/../x", "/v1/%2e%2e/x", "/v1/..%2fx", "/v1/..;/x", "/v1/\\x", "//host/x", "/v1//x", "/v1/%00", "/v1/x%0d%0aA:b",
    // Non-ASCII bytes.
    "/v1/\xc3\xa9",
  ])("%s", async (path) => {
    const before = calls();
    expect(statusOf(await request(`GET /proxy/openai${path}`))).toBe(400);
    expect(calls()).toBe(before);
  });

  test("%252e means one thing and reaches the provider as it is", async () => {
    const before = calls();
    await request("GET /proxy/openai/v1/models/%252e%252e");
    expect(service.sandbox.ledger.entries().slice(before).map((entry) => entry.path)).toEqual(["/v1/models/%252e%252e"]);
  });
});

describe("B-46, B-47, S-73: framing that two servers could read differently", () => {
  const cases: [what: string, bytes: (host: string) => string, statuses: number[]][] = [
    ["an absolute-form target", (at) => `GET http://${at}/proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [400]],
    ["CONNECT", (at) => `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [405]],
    ["TRACE", (at) => `TRACE /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [405]],
    ["OPTIONS *", (at) => `OPTIONS * HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [405]],
    ["HTTP/0.9", () => `GET /proxy/openai/v1/models\r\n\r\n`, [400]],
    ["an upgrade to h2c", (at) => `GET /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`, [400]],
    ["a WebSocket on a plain route", (at) => `GET /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`, [426]],
    ["a length with a transfer encoding", (at) => `POST /proxy/openai/v1/x HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
    ["two lengths", (at) => `POST /proxy/openai/v1/x HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`, [400]],
    ["an unknown transfer encoding", (at) => `POST /proxy/openai/v1/x HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, [400]],
    ["a coding before chunked", (at) => `POST /proxy/openai/v1/x HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, [400]],
    ["a folded header", (at) => `GET /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\nX-A: b\r\n c\r\n\r\n`, [400]],
    ["bare line feeds", (at) => `GET /proxy/openai/v1/models HTTP/1.1\nHost: ${at}\n\n`, [400]],
    ["two Host headers", (at) => `GET /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\nHost: other\r\n\r\n`, [400]],
    ["no Host header", () => `GET /proxy/openai/v1/models HTTP/1.1\r\n\r\n`, [400]],
    ["a space before the colon", (at) => `GET /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\nX-A : b\r\n\r\n`, [400]],
    ["a thousand headers", (at) => `GET /proxy/openai/v1/models HTTP/1.1\r\nHost: ${at}\r\n${Array.from({ length: 1_000 }, (_, n) => `X-Filler-${n}: 1\r\n`).join("")}\r\n`, [431]],
  ];
  test.each(cases)("%s is refused, and the connection ends", async (_what, bytes, statuses) => {
    const before = calls();
    // `raw` resolves when the service has closed the connection.
    expect(statuses).toContain(statusOf(await raw(service.url, bytes(host()))));
    expect(calls()).toBe(before);
  });

  test("the same holds away from the proxy", async () => {
    expect(statusOf(await raw(service.url, `GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`))).toBe(400);
    expect(statusOf(await raw(service.url, `GET //healthz HTTP/1.1\r\nHost: a\r\n\r\n`))).toBe(400);
  });
});

describe("B-48, S-68: what does not reach the provider", () => {
  test("what is told of the caller, and every credential but the key", async () => {
    const before = calls();
    const response = await models({
      authorization: `Bearer ${bound}`,
      "byok-unknown": "x", "byok-label": "a label", "x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil.test", forwarded: "for=10.0.0.1",
      cookie: "session=1", origin: "https://app.test", referer: "https://app.test/page", "openai-organization": "org-of-somebody-else",
      "x-api-key": "sk-ant-somebody", "x-ours": "kept",
    });
    expect(response.status).toBe(200);
    const [entry] = service.sandbox.ledger.entries().slice(before);
    const names = Object.keys(entry?.requestHeaders ?? {});
    expect(names).toContain("x-ours");
    expect(names.filter((name) => /^(byok-|x-forwarded|forwarded|cookie|origin|referer|openai-organization|x-api-key)/.test(name))).toEqual([]);
    expect(entry?.key).toBe(openaiKey("alice"));
  });

  test("a header that Connection names, Authorization among them: our token never travels on", async () => {
    const before = calls();
    await request("GET /proxy/openai/v1/models", `Authorization: Bearer ${bound}\r\nConnection: authorization, x-secret\r\nX-Secret: 1\r\n`);
    const [entry] = service.sandbox.ledger.entries().slice(before);
    expect(entry?.key).toBe(openaiKey("alice"));
    expect(JSON.stringify(entry?.requestHeaders)).not.toContain("byok_");
    expect(Object.keys(entry?.requestHeaders ?? {})).not.toContain("x-secret");
  });
});

describe("B-49, S-55: who does not present exactly one byok token gets one and the same 401", () => {
  test("whatever is wrong with it", async () => {
    const before = calls();
    const another = await service.token({ scopes: ["keys:use"], owner: { userId: "alice" } });
    const wrong: Record<string, string>[] = [
      {},
      { authorization: `Bearer ${openaiKey("alice")}` },
      { authorization: `Bearer ${bound.slice(0, -1)}` },
      { authorization: `Bearer ${bound.replace(/.$/, (last) => (last === "0" ? "1" : "0"))}` },
      { authorization: `Bearer ${bound.toUpperCase()}` },
      { authorization: `Basic ${btoa(`x:${bound}`)}` },
      { "x-api-key": bound },
      { authorization: `Bearer ${bound}`, "x-api-key": another },
      { authorization: `Bearer ${bound}, Bearer ${another}` },
    ];
    const answers = await Promise.all(wrong.map(async (headers) => models(headers)));
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(answers.map((answer) => answer.status)).toEqual(wrong.map(() => 401));
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0] ?? "")).toMatchObject({ error: { code: "UNAUTHENTICATED", message: expect.any(String) as string } });
    expect(statusOf(await request("GET /proxy/openai/v1/models", `Authorization: Bearer ${bound}\r\nAuthorization: Bearer ${another}\r\n`))).toBe(401);
    expect(calls()).toBe(before);
  });
});

describe("B-51: for whom", () => {
  test.each(["unknown", "openai%00", "OPENAI", "", "__proto__", "constructor"])("there is no provider %j", async (name) => {
    expect(statusOf(await request(`GET /proxy/${name}/v1/models`))).toBe(404);
  });

  const cases: [what: string, token: () => string, headers: Record<string, string>, status: number][] = [
    ["a bound token acts for its owner", () => bound, {}, 200],
    ["a bound token may name its owner", () => bound, { "byok-user": "alice" }, 200],
    ["a bound token names another user", () => bound, { "byok-user": "bob" }, 403],
    ["a bound token names an organization", () => bound, { "byok-organization": "acme" }, 403],
    ["a service-wide token names nobody", () => wide, {}, 400],
    ["a service-wide token names both", () => wide, { "byok-user": "alice", "byok-organization": "acme" }, 400],
    ["a service-wide token names a user", () => wide, { "byok-user": "alice" }, 200],
    ["a service-wide token names a user without keys", () => wide, { "byok-user": "carol" }, 404],
    ["the fallback is something else than none", () => bound, { "byok-fallback": "all" }, 400],
    ["the environment is none that there is", () => bound, { "byok-environment": "staging" }, 400],
    ["the environment has no key", () => bound, { "byok-environment": "development" }, 404],
    ["a browser opens the address", () => bound, { "sec-fetch-mode": "navigate" }, 403],
    ["a page installs a worker from it", () => bound, { "service-worker": "script" }, 403],
  ];
  test.each(cases)("%s", async (_what, token, headers, status) => {
    // fetch does not set forbidden names such as Sec-Fetch-Mode: these go by bytes.
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    expect(statusOf(await request("GET /proxy/openai/v1/models", `Authorization: Bearer ${token()}\r\n${lines}`))).toBe(status);
  });

  test("a name beyond ASCII is read as UTF-8", async () => {
    const before = calls();
    const name = Buffer.from("böb").toString("latin1");
    expect((await models({ authorization: `Bearer ${wide}`, "byok-user": name })).status).toBe(200);
    expect(service.sandbox.ledger.entries().slice(before)[0]?.key).toBe(openaiKey("bob"));
  });

  test("a service-wide token without act:any names nobody", async () => {
    const narrow = await service.token({ scopes: ["keys:use"] });
    expect((await models({ authorization: `Bearer ${narrow}`, "byok-user": "alice" })).status).toBe(403);
  });

  test("a token without keys:use calls nothing", async () => {
    const reading = await service.token({ scopes: ["keys:read"], owner: { userId: "alice" } });
    expect((await models({ authorization: `Bearer ${reading}` })).status).toBe(403);
  });

  test("another tenant's key in BYOK-Key is answered as one that never existed", async () => {
    const { items } = await service.manager.listKeys("böb");
    const answers = await Promise.all(
      [items[0]?.id ?? "", `key_${"0".repeat(32)}`].map(async (id) => models({ authorization: `Bearer ${bound}`, "byok-key": id })),
    );
    expect(answers.map((answer) => answer.status)).toEqual([404, 404]);
    const [foreign, missing] = await Promise.all(answers.map((answer) => answer.text()));
    expect(foreign).toBe(missing);
  });
});

describe("every answer of the proxy does nothing in a browser", () => {
  test.each(["/proxy/openai/v1/models", "/proxy/nobody/v1/models", "/proxy/openai/v1/../x"])("%s", async (path) => {
    const answer = await request(`GET ${path}`);
    expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im);
    expect(answer).toMatch(/^content-security-policy: sandbox;/im);
  });
});

describe("bodies", () => {
  test("over 100 MB get 413 before they are read", async () => {
    const answer = await raw(
      service.url,
      `POST /proxy/openai/v1/files HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: Bearer ${bound}\r\nContent-Length: ${100 * 1_048_576 + 1}\r\n\r\n`,
    );
    expect(statusOf(answer)).toBe(413);
  });

  test("of more than can be held pass through", async () => {
    const before = calls();
    const form = new FormData();
    form.set("purpose", "user_data");
    form.set("file", new Blob([Buffer.alloc(9 * 1_048_576, "x")]), "big.txt");
    const response = await fetch(`${service.url}/proxy/openai/v1/files`, { method: "POST", headers: { authorization: `Bearer ${bound}` }, body: form });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { bytes: number }).bytes).toBe(9 * 1_048_576);
    expect(calls()).toBe(before + 1);
  });
});

test("a caller that leaves in the middle of a stream cuts it at the provider within a second", async () => {
  service.sandbox.script(openaiKey("alice"), { kind: "slow", betweenChunksMs: 300 });
  const leaving = new AbortController();
  const before = calls();
  const response = await fetch(`${service.url}/proxy/openai/v1/chat/completions`, {
    method: "POST",
    signal: leaving.signal,
    headers: { authorization: `Bearer ${bound}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "Tell me a long story." }] }),
  });
  await response.body?.getReader().read();
  const leftAt = performance.now();
  leaving.abort();
  await expect.poll(() => service.sandbox.ledger.entries().slice(before)[0]?.aborted, { timeout: 5_000, interval: 20 }).toBe(true);
  expect(performance.now() - leftAt).toBeLessThan(1_000);
  service.sandbox.script(openaiKey("alice"));
});

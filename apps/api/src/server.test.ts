import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BYOKManager, ConfigurationError } from "@stack-2025/byok-core";
import { silentLogger } from "@stack-2025/byok-core/internal";
import { startApi } from "./server.ts";
import { openaiKey, procedure, startTestService, type TestService } from "./testing-service.ts";

describe("the service", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test("is alive and ready, and says so without a token", async () => {
    const [alive, ready] = await Promise.all(["healthz", "readyz"].map((path) => fetch(`${service.url}/${path}`)));
    expect([alive?.status, await alive?.json()]).toEqual([200, { status: "ok" }]);
    expect([ready?.status, await ready?.json()]).toEqual([200, { status: "ready" }]);
  });

  test("its page says what is here, and how one will sign in", async () => {
    const response = await fetch(`${service.url}/`);
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
    expect(text).toContain(`${service.url}/proxy/openai/v1`);
    expect(text).toMatch(/console comes/);
    expect(text).toMatch(/sign in/);
    // What the page names can be fetched, and its policy lets through what it needs and nothing else.
    for (const [, path] of text.matchAll(/href="([^"]+)"/g)) expect((await fetch(service.url + (path ?? ""))).status).toBe(200);
    expect(response.headers.get("content-security-policy")).toBe("default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    expect(text).not.toMatch(/<script|style=|onclick/);
  });

  test.each([
    ["GET", "/nothing", 404],
    ["GET", "/readyz/", 404],
    ["GET", "/HEALTHZ", 404],
    ["POST", "/", 405],
    ["DELETE", "/healthz", 405],
  ])("%s %s is %i, in JSON and with the headers of every page", async (method, path, status) => {
    const response = await fetch(service.url + path, { method });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code: expect.any(String) as string } });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-security-policy": expect.stringContaining("default-src 'none'") as string,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
    });
    expect(response.headers.get("x-powered-by")).toBeNull();
  });

  test("a port that is taken is a fault of configuration that names PORT", async () => {
    const taken = Number(new URL(service.url).port);
    const failure = startApi({ manager: service.manager, port: taken, host: "127.0.0.1", logger: silentLogger });
    await expect(failure).rejects.toBeInstanceOf(ConfigurationError);
    await expect(failure).rejects.toThrow(/PORT/);
  });
});

test("S-54: from the 101st failure a minute an address waits, and who signs in goes on", async () => {
  await using service = await startTestService();
  const token = await service.token({ scopes: ["keys:read", "keys:use"], owner: { userId: "alice" } });
  const failures = await Promise.all(Array.from({ length: 100 }, (_, at) => procedure(service.url, "keys.list", `wrong ${at}`, {})));
  expect(new Set(failures.map((one) => one.status))).toEqual(new Set([401]));
  const next = await fetch(`${service.url}/trpc/keys.list`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  expect(next.status).toBe(429);
  expect(Number(next.headers.get("retry-after"))).toBeGreaterThan(0);
  const proxied = await fetch(`${service.url}/proxy/openai/v1/models`, { headers: { authorization: "Bearer wrong" } });
  expect(proxied.status).toBe(429);
  expect(Number(proxied.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await procedure(service.url, "keys.list", token, {})).status).toBe(200);
});

/** A way to the database that can be cut, as an outage would cut it. */
async function cuttable(databaseUrl: string): Promise<{ databaseUrl: string; cut(): Promise<void> }> {
  const url = new URL(databaseUrl);
  const target = { port: Number(url.port), host: url.hostname };
  const sockets = new Set<Socket>();
  const forwarder = createTcpServer((socket) => {
    const onward = connect(target);
    for (const one of [socket, onward]) sockets.add(one.on("error", () => one.destroy()));
    socket.pipe(onward).pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(forwarder, "listening");
  url.hostname = "127.0.0.1";
  url.port = String((forwarder.address() as AddressInfo).port);
  return {
    databaseUrl: url.href,
    async cut() {
      const closed = once(forwarder, "close");
      forwarder.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

describe("while the database is gone", () => {
  test("readiness is red and names it, liveness stays green, and calls can be tried again", async () => {
    await using service = await startTestService();
    const token = await service.token({ scopes: ["keys:read", "keys:use"], owner: { userId: "alice" } });
    const way = await cuttable(service.databaseUrl);
    await using manager = new BYOKManager({ encryptionKey: service.encryptionKey, database: way.databaseUrl });
    await using api = await startApi({ manager, port: 0, host: "127.0.0.1", logger: silentLogger });
    expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
    await way.cut();
    const ready = await fetch(`${api.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "unavailable", part: "database" }]);
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
    expect(await procedure(api.url, "keys.list", token, {})).toMatchObject({ status: 503, byok: { code: "PROVIDER_UNAVAILABLE" } });
    expect((await fetch(`${api.url}/proxy/openai/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(503);
  });

  test("readiness is red too when the database alone was dropped", async () => {
    await using service = await startTestService();
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    await service.dropDatabase();
    const ready = await fetch(`${service.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "unavailable", part: "database" }]);
  });
});

test("readiness names the root key when it is the wrong one", async () => {
  await using service = await startTestService();
  await service.manager.addKey({ userId: "alice", provider: "openai", keyData: { apiKey: openaiKey("one") } });
  await using other = new BYOKManager({ encryptionKey: randomBytes(32), database: service.databaseUrl });
  await using api = await startApi({ manager: other, port: 0, host: "127.0.0.1", logger: silentLogger });
  const ready = await fetch(`${api.url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { status: "unavailable", part: "root key" }]);
});

test("with an origin of its own the proxy is there alone, and nothing else is", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => free.once("listening", resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  await using service = await startTestService({ api: { port, proxyOrigin: `http://localhost:${port}` } });
  const proxyOrigin = `http://localhost:${port}`;
  expect((await fetch(`${service.url}/proxy/openai/v1/models`)).status).toBe(404);
  expect((await fetch(`${service.url}/`)).status).toBe(200);
  expect((await fetch(`${proxyOrigin}/proxy/openai/v1/models`)).status).toBe(401);
  expect((await fetch(`${proxyOrigin}/`)).status).toBe(404);
  expect((await fetch(`${proxyOrigin}/healthz`)).status).toBe(200);
});

test("closing lets a stream end that is under way, and takes nothing new", async () => {
  await using service = await startTestService();
  const api = await startApi({ manager: service.manager, port: 0, host: "127.0.0.1", logger: silentLogger });
  await service.manager.addKey({ userId: "alice", provider: "openai", keyData: { apiKey: openaiKey("slow") } });
  service.sandbox.script(openaiKey("slow"), { kind: "slow", betweenChunksMs: 10 });
  const token = await service.token({ scopes: ["keys:use"], owner: { userId: "alice" } });
  const response = await fetch(`${api.url}/proxy/openai/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "hello" }] }),
  });
  const closed = api.close();
  expect(await response.text()).toMatch(/data: \[DONE\]\n\n$/);
  await closed;
  await expect(fetch(`${api.url}/healthz`)).rejects.toThrow(/fetch failed/);
});

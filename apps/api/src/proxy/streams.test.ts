import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey, startTestService, type TestService } from "../testing-service.ts";

const chunk = Buffer.alloc(65_536, "x");

describe("S-76: a stream between a vendor and a caller", () => {
  let service: TestService;
  let token: string;
  let written = 0;
  let closed: Promise<unknown> = Promise.resolve();
  let answer: (response: ServerResponse) => void = () => undefined;
  const vendor = createServer((request, response) => {
    request.resume();
    closed = once(response, "close");
    answer(response);
  });

  beforeAll(async () => {
    await once(vendor.listen(0, "127.0.0.1"), "listening");
    const baseUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
    service = await startTestService({ manager: { providers: { openai: { baseUrl } } } });
    await service.manager.addKey({ userId: "alice", provider: "openai", keyData: { apiKey: openaiKey("alice") }, validate: "skip" });
    token = await service.token({ scopes: ["keys:use"], owner: { userId: "alice" } });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    vendor.closeAllConnections();
    vendor.close();
  });

  const get = (): Promise<Response> => fetch(`${service.url}/proxy/openai/v1/files/file-1/content`, { headers: { authorization: `Bearer ${token}` } });

  test("is slowed down by a caller that does not read, and cut within a second of its leaving", async () => {
    written = 0;
    answer = (response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const more = (): void => {
        while (!response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on("drain", more);
      more();
    };
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    socket.write(`GET /proxy/openai/v1/files/file-1/content HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await once(socket, "readable"); // It has begun, and nobody reads on.

    let before = -1;
    await expect.poll(() => {
      const still = written > 0 && written === before;
      before = written;
      return still;
    }, { interval: 300, timeout: 15_000 }).toBe(true);
    expect(written).toBeLessThan(32 * 1_048_576);

    const leftAt = performance.now();
    socket.destroy();
    await closed;
    expect(performance.now() - leftAt).toBeLessThan(1_000);
  });

  test("arrives whole and unchanged, however large", async () => {
    const total = 20 * 1_048_576;
    answer = (response) => {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": total });
      let left = total / chunk.length;
      const more = (): void => {
        while (left > 0) {
          left -= 1;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on("drain", more);
      more();
    };
    const bytes = Buffer.from(await (await get()).arrayBuffer());
    expect(bytes.length).toBe(total);
    expect(bytes.equals(Buffer.alloc(total, "x"))).toBe(true);
  });

  test("that the vendor cuts is cut for the caller too, and never looks complete", async () => {
    answer = (response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.write(chunk);
      response.write(chunk, () => response.destroy());
    };
    await expect(get().then((response) => response.arrayBuffer())).rejects.toThrow(/terminated|fetch failed/);
  });

  test("a redirect passes through unfollowed, and the answer keeps no cookie and no policy of the vendor's", async () => {
    answer = (response) => {
      response.writeHead(307, {
        location: "https://elsewhere.test/x", "set-cookie": "a=b", "alt-svc": "h3", nel: "{}", "report-to": "{}", "clear-site-data": "*", "strict-transport-security": "max-age=1",
        "access-control-allow-origin": "*", "x-vendor": "kept",
      });
      response.end();
    };
    const response = await fetch(`${service.url}/proxy/openai/v1/models`, { headers: { authorization: `Bearer ${token}` }, redirect: "manual" });
    expect(response.status).toBe(307);
    expect(Object.fromEntries(response.headers)).toMatchObject({ location: "https://elsewhere.test/x", "x-vendor": "kept", "x-content-type-options": "nosniff", "byok-source": "user" });
    for (const name of ["set-cookie", "alt-svc", "nel", "report-to", "clear-site-data", "strict-transport-security", "access-control-allow-origin"]) expect(response.headers.get(name)).toBeNull();
  });

  test("HEAD and 204 carry no body", async () => {
    answer = (response) => response.writeHead(204).end();
    expect((await get()).status).toBe(204);
    answer = (response) => response.writeHead(200, { "content-length": "5", "content-type": "text/plain" }).end();
    const head = await fetch(`${service.url}/proxy/openai/v1/models`, { method: "HEAD", headers: { authorization: `Bearer ${token}` } });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});

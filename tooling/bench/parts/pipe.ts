// In a process of its own: the least that a proxy in Node can be. It puts a header in and pipes bytes, and knows nothing.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";

const pool = new Pool(process.argv[2] ?? "", { connections: 256, pipelining: 1 });
const server = createServer((request, response) => {
  const headers = { "content-type": request.headers["content-type"] ?? "", authorization: "Bearer sk-of-the-vendor" };
  const passed = pool.stream({ method: "POST", path: request.url ?? "/", headers, body: request }, ({ statusCode, headers: answered }) => {
    response.writeHead(statusCode, { "content-type": String(answered["content-type"]) });
    return response;
  });
  passed.catch(() => response.destroy());
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

/** For tests: a home of root keys on this machine, over HTTP, that can be told to fail. What it is a home of, its user says. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";

export interface Answer {
  status: number;
  body: string;
  contentType?: string;
}

/** `hang` answers nothing, `reset` cuts the connection. */
export type Fault = Answer | "hang" | "reset";

export interface Call {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface HttpHome extends AsyncDisposable {
  address: string;
  /** Everything that was asked, in order. */
  calls: Call[];
  /** What comes in the stead of the next answers, one after another; the last one stays where `forever`. */
  fail(faults: Fault[], forever?: boolean): void;
}

export async function startHttpHome(answer: (call: Call) => Answer): Promise<HttpHome> {
  const calls: Call[] = [];
  let faults: Fault[] = [];
  let isForever = false;
  const server = createServer((request, response) => {
    void (async () => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece);
      const call = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: Buffer.concat(pieces).toString("utf8") };
      calls.push(call);
      const fault = isForever && faults.length === 1 ? faults[0] : faults.shift();
      if (fault === "hang") return;
      if (fault === "reset") {
        request.socket.destroy();
        return;
      }
      const { status, body, contentType = "application/json" } = fault ?? answer(call);
      response.writeHead(status, { "content-type": contentType }).end(body);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    calls,
    fail(next, forever = false) {
      faults = [...next];
      isForever = forever;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

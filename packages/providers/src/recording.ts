/** Hosts that keep what they are asked, so that a test can say where a key went. For tests alone: nothing that ships imports it. */
import { createServer } from "node:http";
import type { Server } from "node:http";

interface Seen {
  url: string;
  headers: Record<string, string | string[] | undefined>;
}

/** An HTTP server that keeps what it was asked, and answers all alike unless told otherwise. */
export class Recorder {
  readonly seen: Seen[] = [];
  readonly #answer: (url: string) => string;
  readonly #server: Server = createServer((request, response) => {
    this.seen.push({ url: request.url ?? "", headers: request.headers });
    response.writeHead(200, { "content-type": "application/json" }).end(this.#answer(request.url ?? ""));
  });

  constructor(answer: (url: string) => string = () => '{"object":"list","data":[],"has_more":false}') {
    this.#answer = answer;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the recorder does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve, reject) => this.#server.close((error) => (error ? reject(error) : resolve())));
  }
}

/** A `fetch` that keeps what it was asked and answers all alike. */
export function recordingFetch(body = "{}", status = 200, headers: Record<string, string> = {}) {
  const seen: { url: URL; headers: Headers }[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    seen.push({ url: new URL(request.url), headers: request.headers });
    return Promise.resolve(new Response(body, { status, headers: { "content-type": "application/json", ...headers } }));
  };
  return { fetch, seen };
}

// The vendors' host names, answered by the sandbox. A program that a test runs as it was written has no option that names a
// sandbox, so the network around it is what changes: vendor-hosts.ts leads its TLS connections here.
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Sandbox } from "@stack-2025/byok-sandbox";

export interface VendorFront extends AsyncDisposable {
  /** What a program needs in its environment and its arguments so that it meets this front. */
  readonly env: Record<string, string>;
  readonly nodeArgs: readonly string[];
}

/** Listens on the loopback until disposed. */
export async function startVendorFront(sandbox: Sandbox): Promise<VendorFront> {
  const server = createServer((incoming, outgoing) => pass(sandbox, incoming, outgoing));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    env: { TEST_VENDOR_FRONT: String(port) },
    nodeArgs: ["--import", new URL("./vendor-hosts.ts", import.meta.url).href],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function pass(sandbox: Sandbox, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const provider = /(?:^|\.)(openai|anthropic|twilio)\.com$/.exec(incoming.headers.host ?? "")?.[1];
  if (provider === undefined) {
    outgoing.writeHead(421).end("no vendor of the sandbox has this host name");
    return;
  }
  const target = `${sandbox.url}/${provider}${incoming.url ?? "/"}`;
  const forward = request(target, { method: incoming.method, headers: incoming.headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
    // A stream that the sandbox cuts has to be cut here too.
    answer.on("error", () => outgoing.destroy());
  });
  forward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => forward.destroy());
  incoming.pipe(forward);
}

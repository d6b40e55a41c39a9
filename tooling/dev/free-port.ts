import { once } from "node:events";
import { createServer } from "node:net";
import { ConfigurationError } from "@stack-2025/byok-core";

/** Looks before anything is made whether the port can be had. @throws ConfigurationError it cannot; the message names PORT */
export async function requireFreePort({ host, port }: { host: string; port: number }): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const reason = code === "EADDRINUSE" ? "is taken by another program" : `cannot be listened on (${code})`;
    throw new ConfigurationError(`Port ${port} of ${host} ${reason}. End that program, or choose another port: PORT=${port + 1} npm start`, { details: { setting: "PORT" } });
  }
  server.close();
  await once(server, "close");
}
